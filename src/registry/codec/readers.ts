/** The schemas that records were written with: looked up at the first sight of an id, and kept with what reads them. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Pending } from "../../Codec.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import type { Needed, Resolved } from "../format/resolved.ts"
import type { SchemaId } from "../format/wireFormat.ts"
import { FormatError, numberOf, read } from "../format/wireFormat.ts"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Reference, Registry, SchemaText, SchemaType } from "../RegistryModel.ts"

/** Reads a payload, from `at` on. Throws where it cannot. `header` has the id where that is not before the payload. */
export type Read = (bytes: Uint8Array, at: number, header: Uint8Array | undefined) => unknown

/**
 * What a registry says of the record's schema. All else, such as refused credentials or the page of a proxy, says
 * nothing of the record, and will be another answer when somebody has mended it.
 */
const ofTheRecord: ReadonlySet<string> = new Set<Errors.Reason["_tag"]>([
  "SchemaNotFound",
  "SubjectNotFound",
  "InvalidSchema"
])

const isOfTheRegistry = (error: unknown): error is RegistryError =>
  Errors.isRegistryError(error) && !ofTheRecord.has(error.reason._tag)

/** A registry that does not serve holds the partition back: it makes no poison, however long it lasts. */
const whileDown = Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("10 seconds")])

const mostReferences = 1_000

const referenced = Effect.fnUntraced(function*(
  registry: Registry,
  references: ReadonlyArray<Reference>,
  seen: Set<string>,
  /** What led here. */
  path: ReadonlyArray<string> = []
): Effect.fn.Return<ReadonlyArray<Needed>, RegistryError> {
  const needed: Array<Needed> = []
  for (const { name, subject, version } of references) {
    // One schema may have several names.
    const key = JSON.stringify([name, subject, version])
    if (path.includes(key)) {
      const problem = "its references lead back to itself"
      return yield* Errors.make("get references", new Errors.InvalidSchema({ subject, problem }))
    }
    if (seen.has(key)) continue
    if (seen.add(key).size > mostReferences) {
      const problem = `it refers to more than ${mostReferences} schemas`
      return yield* Errors.make("get references", new Errors.InvalidSchema({ subject, problem }))
    }
    const schema = yield* registry.version(subject, version)
    needed.push(...yield* referenced(registry, schema.references ?? [], seen, [...path, key]), {
      name,
      text: schema.text
    })
  }
  return needed
})

/** A schema with everything it refers to. */
export const resolve = (registry: Registry, schema: SchemaText): Effect.Effect<Resolved, RegistryError> =>
  Effect.map(referenced(registry, schema.references ?? [], new Set()), (needed) => ({ ...schema, needed }))

const showId = (id: SchemaId): string => id._tag === "Id" ? `id ${id.id}` : `GUID ${id.guid}`

/** Why a schema cannot be read with this codec, whatever its text. */
const refusal = (id: SchemaId, schema: SchemaText, type: SchemaType): string | undefined => {
  if (schema.type !== type) {
    return `the schema with ${showId(id)} is ${schema.type}, and the topic's codec reads ${type}`
  }
  if (schema.rules === undefined || schema.rules.length === 0) return undefined
  return `the schema with ${showId(id)} has rules (${
    schema.rules.join(", ")
  }), such as encryption, which Millrace does `
    + "not run: its fields would not be what they seem"
}

/**
 * Makes what finds how the records of one topic and part are read, by bytes that begin with the id of their schema.
 * `readerOf` may throw: such a schema cannot be read.
 */
export const readers = (
  registry: Registry,
  subject: string,
  type: SchemaType,
  readerOf: (schema: Resolved) => Read
): (framed: Uint8Array) => Read | Pending<Read> => {
  const known = new Map<number | string, Read>()
  /** More ids than most topics have. The oldest gives way: the latest schema must not be prepared for each record. */
  const most = 1_000

  const load = Effect.fnUntraced(function*(id: SchemaId) {
    const schema = yield* id._tag === "Id" ? registry.byId(id.id, subject) : registry.byGuid(id.guid)
    const refused = refusal(id, schema, type)
    if (refused !== undefined) return yield* Effect.fail(new FormatError(refused))
    const resolved = yield* resolve(registry, schema)
    return yield* Effect.try({
      try: () => readerOf(resolved),
      catch: (cause) => {
        const problem = messageOf(cause)
        return new FormatError(`the topic's Schema cannot read the schema with ${showId(id)}: ${problem}`)
      }
    })
  })

  /** The last reason why records wait. */
  let said = ""
  /** Nothing else says why; once is enough, for all partitions. */
  const warn = (error: unknown) => {
    if (!isOfTheRegistry(error) || error.message === said) return Effect.void
    said = error.message
    return Effect.logWarning(`records of subject "${subject}" wait until the registry serves: ${said}`)
  }

  const find = (id: SchemaId): Read | Pending<Read> => {
    const key = id._tag === "Id" ? id.id : id.guid
    return known.get(key) ?? new Pending(
      load(id).pipe(
        Effect.tapError(warn),
        Effect.retry({ while: isOfTheRegistry, schedule: whileDown }),
        Effect.tap((made) =>
          Effect.sync(() => {
            said = ""
            if (known.size >= most) known.delete(known.keys().next().value!)
            known.set(key, made)
          })
        )
      )
    )
  }

  return (framed) => {
    const number = numberOf(framed)
    return number !== undefined && known.get(number) || find(read(framed))
  }
}
