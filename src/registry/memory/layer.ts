/** The registry in memory as effects: what it throws becomes the typed error. */
import * as Effect from "effect/Effect"
import { parser } from "../protobuf/library.ts"
import type { Reason, RegistryError } from "../RegistryError.ts"
import * as Errors from "../RegistryError.ts"
import type { Registry, SchemaText } from "../RegistryModel.ts"
import { MemoryRegistry } from "./memoryRegistry.ts"

const reasons: ReadonlySet<unknown> = new Set([
  Errors.SubjectNotFound,
  Errors.SchemaNotFound,
  Errors.Incompatible,
  Errors.InvalidSchema,
  Errors.Unexpected
])

const isReason = (thrown: unknown): thrown is Reason =>
  typeof thrown === "object" && thrown !== null && reasons.has(thrown.constructor)

const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, RegistryError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (thrown) {
      return isReason(thrown) ? Effect.fail(Errors.make(operation, thrown)) : Effect.die(thrown)
    }
  })

/** Schemas of Protobuf are read by a library, which is loaded first. */
const ready = ({ type }: SchemaText): Effect.Effect<unknown> => type === "PROTOBUF" ? parser : Effect.void

/** A registry of its own, empty. */
export const make = (): Registry => {
  const registry = new MemoryRegistry()
  return {
    url: undefined,
    register: (subject, schema, options) =>
      Effect.andThen(
        ready(schema),
        attempt("register", () => {
          const id = registry.register(subject, schema, options?.normalize === true)
          return { id, guid: registry.byId(id, subject).guid }
        })
      ),
    lookup: (subject, schema, options) =>
      attempt(
        "look up a schema",
        () => registry.lookup(subject, schema, options?.normalize === true, options?.deleted === true)
      ),
    byId: (id, subject) => attempt("get a schema", () => registry.byId(id, subject)),
    byGuid: (guid) => attempt("get a schema", () => registry.byGuid(guid)),
    version: (subject, version) => attempt("get a version", () => registry.version(subject, version)),
    latestWithMetadata: (subject, metadata) =>
      attempt("get a version by metadata", () => registry.latestWithMetadata(subject, metadata)),
    subjects: (options) =>
      attempt("list subjects", () => registry.subjects(options?.prefix ?? "", options?.deleted === true)),
    versions: (subject, options) =>
      attempt("list versions", () => registry.versions(subject, options?.deleted === true)),
    versionsOf: (id) => attempt("list the versions of a schema", () => registry.versionsOf(id)),
    referencedBy: (subject, version) =>
      attempt("list referring schemas", () => registry.referencedBy(subject, version)),
    check: (subject, schema, options) =>
      Effect.andThen(
        ready(schema),
        attempt("check compatibility", () => registry.check(subject, schema, options?.normalize === true))
      ),
    compatibility: (subject) => attempt("get the compatibility", () => registry.compatibility(subject)),
    setCompatibility: (subject, compatibility) =>
      attempt("set the compatibility", () => registry.setCompatibility(subject, compatibility)),
    mode: (subject) => attempt("get the mode", () => registry.mode(subject)),
    setMode: (subject, mode) => attempt("set the mode", () => registry.setMode(subject, mode)),
    deleteSubject: (subject, options) =>
      attempt("delete a subject", () => registry.deleteSubject(subject, options?.permanent === true)),
    deleteVersion: (subject, version, options) =>
      attempt("delete a version", () => registry.deleteVersion(subject, version, options?.permanent === true)),
    contexts: attempt("list contexts", () => registry.contexts())
  }
}
