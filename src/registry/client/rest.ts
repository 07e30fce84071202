/** The operations of a registry as requests. Nothing is kept here; see `caching`. */
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Bodies from "../../rest/bodies.ts"
import type { Call, Service } from "../../rest/restModel.ts"
import * as Transport from "../../rest/transport.ts"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Compatibility, Mode, Options, Registered, Registry, SchemaText } from "../RegistryModel.ts"
import * as Checking from "./checking.ts"
import * as Responses from "./responses.ts"
import { optionsProblem } from "./settings.ts"

const { path } = Transport

type RegistryCall = Call & Responses.Asked

const mediaType = "application/vnd.schemaregistry.v1+json"

const service: Service<RegistryError, RegistryCall> = {
  accept: `${mediaType}, application/json;q=0.9`,
  mediaType,
  unavailable: (operation, problem, details) => Errors.make(operation, new Errors.Unavailable({ problem }), details),
  unauthorized: (operation, status, problem, details) =>
    Errors.make(operation, new Errors.Unauthorized({ status, problem }), details),
  unexpected: (operation, status, problem, details) =>
    Errors.make(
      operation,
      details.cause instanceof Responses.UnknownType
        ? new Errors.InvalidSchema({ problem })
        : new Errors.Unexpected({ status, problem }),
      details
    ),
  setting: (problem) => Errors.make("configuration", new Errors.Unexpected({ status: 0, problem })),
  refused: (call, response, details) => Errors.make(call.operation, Responses.reasonOf(response, call), details),
  isRetryable: (error) => error.isRetryable,
  // All that a registry does may be done twice.
  isUndone: () => true
}

/** What is sent of a schema. Avro is what registries assume, and some old ones know no other type. */
const bodyOf = ({ metadata, references = [], text, type }: SchemaText) => ({
  schema: text,
  ...(type === "AVRO" ? {} : { schemaType: type }),
  ...(references.length === 0 ? {} : { references }),
  ...(metadata === undefined ? {} : { metadata: { properties: metadata } })
})

/** The context of a subject, as a query parameter of look-ups by id. */
const contextOf = (subject: string | undefined): string | undefined => {
  const found = subject === undefined ? null : /^:\.[^:]*:/.exec(subject)
  return found === null ? undefined : found[0]
}

const nothing = (): void => {}

/** A registry without a cache: every question is a request. */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Registry, RegistryError, HttpClient> {
  const wrong = optionsProblem(options)
  if (wrong !== undefined) return yield* service.setting(`setting \`${wrong.field}\`: ${wrong.problem}`)
  const transport = yield* Transport.make(service, options)
  const ask = <A>(call: RegistryCall, read: (body: unknown) => A): Effect.Effect<A, RegistryError> =>
    Transport.ask(transport, service, call, read)

  const versionPath = (subject: string, version: number | "latest") => path("subjects", subject, "versions", version)

  const version: Registry["version"] = (subject, version) =>
    ask(
      {
        operation: "get a version",
        method: "GET",
        path: versionPath(subject, version),
        subject,
        what: `version ${version}`
      },
      Responses.registeredOf
    )

  const levelOf = (body: unknown): Compatibility => Bodies.textOf(body, "compatibilityLevel") as Compatibility
  const modeOf = (body: unknown): Mode => Bodies.textOf(body, "mode") as Mode
  const ofSubject = (root: string, subject: string | undefined) =>
    subject === undefined ? path(root) : path(root, subject)
  const global = (subject: string | undefined) => subject === undefined ? {} : { defaultToGlobal: true }

  const versions: Registry["versions"] = (subject, options) =>
    ask({
      operation: "list versions",
      method: "GET",
      path: path("subjects", subject, "versions"),
      query: { deleted: options?.deleted },
      subject
    }, (body) => Bodies.listOf(body, (item) => Bodies.wholeOf(item)))

  /** What a subject takes from the registry; some registries do not say it of a subject that is not there. */
  const orGlobal = <A>(get: (subject: string | undefined) => Effect.Effect<A, RegistryError>) => (subject?: string) =>
    subject === undefined ? get(undefined) : Effect.catchIf(get(subject), Checking.hasNone, () => get(undefined))

  const compatibility = orGlobal((subject) =>
    ask({
      operation: "get the compatibility",
      method: "GET",
      path: ofSubject("config", subject),
      query: global(subject),
      subject
    }, levelOf)
  )

  const checkAgainst: Checking.Ask = (subject, schema, against, options) =>
    ask({
      operation: "check compatibility",
      method: "POST",
      path: path("compatibility", "subjects", subject, "versions", ...(against === undefined ? [] : [against])),
      query: { verbose: true, normalize: options?.normalize },
      body: bodyOf(schema),
      subject,
      what: "version"
    }, Checking.verdictOf)

  return {
    url: transport.url,
    register: (subject, schema, options) =>
      ask({
        operation: "register",
        method: "POST",
        path: path("subjects", subject, "versions"),
        query: { normalize: options?.normalize },
        body: bodyOf(schema),
        subject,
        registers: true
      }, (body) => ({ id: Bodies.wholeOf(body, "id"), guid: Responses.guidOf(body) })),
    lookup: (subject, schema, options) =>
      ask({
        operation: "look up a schema",
        method: "POST",
        path: path("subjects", subject),
        query: { normalize: options?.normalize, deleted: options?.deleted },
        body: bodyOf(schema),
        subject,
        what: "version with this schema"
      }, (body): Registered => ({ ...schema, ...Responses.registeredOf(body), type: schema.type })),
    byId: (id, subject) =>
      ask({
        operation: "get a schema",
        method: "GET",
        path: path("schemas", "ids", id),
        query: { subject: contextOf(subject) },
        what: `schema with id ${id}`
      }, (body) => ({ ...Responses.schemaOf(body), guid: Responses.guidOf(body) })),
    byGuid: (guid) =>
      Effect.catchIf(
        ask({
          operation: "get a schema",
          method: "GET",
          path: path("schemas", "guids", guid),
          what: `schema with GUID ${guid}`
        }, Responses.schemaOf),
        Checking.isUnknownPath,
        ({ cause, operation, url }) =>
          Effect.fail(
            Errors.make(operation, new Errors.SchemaNotFound({ what: `schema with GUID ${guid}, and no GUIDs` }), {
              url,
              cause
            })
          )
      ),
    version,
    latestWithMetadata: (subject, metadata) =>
      ask({
        operation: "get a version by metadata",
        method: "GET",
        path: `${path("subjects", subject, "metadata")}?${
          Object.entries(metadata).map(([key, value]) =>
            `key=${encodeURIComponent(key)}&value=${encodeURIComponent(value)}`
          ).join("&")
        }`,
        subject,
        what: `version with the metadata ${JSON.stringify(metadata)}`
      }, Responses.registeredOf),
    subjects: (options) =>
      Effect.map(
        ask({
          operation: "list subjects",
          method: "GET",
          path: path("subjects"),
          query: { subjectPrefix: options?.prefix, deleted: options?.deleted }
        }, (body) => Bodies.listOf(body, Bodies.textItem)),
        // Not every registry knows the prefix.
        (subjects) => subjects.filter((subject) => subject.startsWith(options?.prefix ?? "")).toSorted()
      ),
    versions,
    versionsOf: (id) =>
      ask({
        operation: "list the versions of a schema",
        method: "GET",
        path: path("schemas", "ids", id, "versions"),
        what: `schema with id ${id}`
      }, (body) =>
        Bodies.listOf(body, (item) => ({
          subject: Bodies.textOf(item, "subject"),
          version: Bodies.wholeOf(item, "version")
        }))),
    referencedBy: (subject, version) =>
      ask({
        operation: "list referring schemas",
        method: "GET",
        path: `${versionPath(subject, version)}/referencedby`,
        subject,
        what: `version ${version}`
      }, (body) => Bodies.listOf(body, (item) => Bodies.wholeOf(item))),
    check: Checking.checkWith(checkAgainst, { compatibility, versions }),
    compatibility,
    setCompatibility: (subject, compatibility) =>
      ask({
        operation: "set the compatibility",
        method: "PUT",
        path: ofSubject("config", subject),
        body: { compatibility },
        subject
      }, nothing),
    mode: orGlobal((subject) =>
      ask({
        operation: "get the mode",
        method: "GET",
        path: ofSubject("mode", subject),
        query: global(subject),
        subject
      }, modeOf)
    ),
    setMode: (subject, mode) =>
      ask(
        { operation: "set the mode", method: "PUT", path: ofSubject("mode", subject), body: { mode }, subject },
        nothing
      ),
    deleteSubject: (subject, options) =>
      ask({
        operation: "delete a subject",
        method: "DELETE",
        path: path("subjects", subject),
        query: { permanent: options?.permanent },
        subject
      }, (body) => Bodies.listOf(body, (item) => Bodies.wholeOf(item))),
    deleteVersion: (subject, version, options) =>
      ask({
        operation: "delete a version",
        method: "DELETE",
        path: versionPath(subject, version),
        query: { permanent: options?.permanent },
        subject,
        what: `version ${version}`
      }, (body) => Bodies.wholeOf(body)),
    contexts: ask(
      { operation: "list contexts", method: "GET", path: path("contexts") },
      (body) => Bodies.listOf(body, Bodies.textItem)
    )
  }
})
