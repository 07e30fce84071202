/** A codec whose schemas are in a registry, for any format: finds ids, and puts them where they belong. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Codec from "../../Codec.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import type { RegistryOptions } from "../CodecModel.ts"
import type { Resolved } from "../format/resolved.ts"
import * as Wire from "../format/wireFormat.ts"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Registry, SchemaText } from "../RegistryModel.ts"
import { Service } from "../SchemaRegistry.ts"
import type { Read } from "./readers.ts"
import { readers, resolve } from "./readers.ts"
import type { Bytes, Result } from "./schemaCodec.ts"
import { goOn, schemaCodec } from "./schemaCodec.ts"
import { subjectOf } from "./subject.ts"
import type { Written } from "./writer.ts"
import { writtenWith } from "./writer.ts"

/** What reads and writes payloads of one format for one Schema. */
export interface Payloads {
  /** Makes what reads the payloads that were written with a schema. Throws where this Schema cannot read them. */
  readonly reading: (writer: Resolved) => Read
  /** Makes what writes with a schema. It throws where this Schema's values cannot be written with it. */
  readonly writing: (writer: Resolved) => PayloadWriter
}

/** Writes payloads with one schema. */
export interface PayloadWriter {
  /** A value of the Schema's encoded side as a payload, after the prefix. */
  readonly write: (encoded: unknown, prefix: Uint8Array) => Uint8Array
  /** What follows the id (default nothing): Protobuf's message indexes. */
  readonly afterId?: Uint8Array | undefined
}

/** A format of schemas, and the Schema's schema in it. */
export interface Format {
  /** The schema to register and write with. */
  readonly schema: SchemaText
  /** Its full name, if it has one, for subjects. */
  readonly name: string | undefined
  /** How a schema of the registry differs from this one in what it writes; `undefined` if it does not. */
  readonly difference: (registered: Resolved) => string | undefined
  /** Loads the library of the format. A missing one is a defect that says how to install it. */
  readonly payloads: Effect.Effect<Payloads>
}

const nothing = new Uint8Array(0)

/** Writes with an id where it belongs. Made once, and then used for every record. */
const framed = (
  { guid, id, schema }: Written,
  { ids = "prefix" }: RegistryOptions,
  { writing }: Payloads,
  part: Codec.Site["part"]
): (encoded: unknown) => Uint8Array | Codec.Encoded => {
  const { afterId: rest, write } = writing(schema)
  if (ids === "header") {
    // A registry without GUIDs: readers take the number, too.
    const bytes = Wire.idBytes(guid === undefined ? { _tag: "Id", id } : { _tag: "Guid", guid }, rest)
    const headers = [[Wire.headerNames[part], bytes]] as const
    return (encoded) => new Codec.Encoded(write(encoded, nothing), headers)
  }
  const prefix = Wire.idBytes({ _tag: "Id", id }, rest)
  return (encoded) => write(encoded, prefix)
}

/** What is found once is kept; the same is not asked for twice at one time, and again when it failed. */
const once = <A, E>(find: Effect.Effect<A, E>): () => Result<A> => {
  const turn = Semaphore.makeUnsafe(1)
  let found: { readonly value: A } | undefined
  const finding = turn.withPermits(1)(Effect.suspend(() =>
    found === undefined
      ? Effect.map(find, (value) => (found = { value }).value)
      : Effect.succeed(found.value)
  ))
  return () => found === undefined ? new Codec.Pending(finding) : found.value
}

const readWith = (read: Read, raw: Uint8Array, header: Uint8Array | undefined): unknown =>
  header === undefined ? read(raw, Wire.sizeOf(raw), undefined) : read(raw, 0, header)

/** A schema that is given, and refers to others, can be compared with the Schema when those are there. */
const checkReferring = Effect.fnUntraced(function*(
  registry: Registry,
  { schema, subject }: Codec.Registration,
  { difference }: Format
): Effect.fn.Return<void, RegistryError> {
  const found = difference(yield* resolve(registry, schema))
  if (found === undefined) return
  const problem = `the schema that is given does not fit the Schema, at ${found}`
  return yield* Errors.make("prepare writing", new Errors.InvalidSchema({ subject, problem }), { url: registry.url })
})

/** A codec of `schema` in a format; `encoded` is the Schema that goes as far as the format needs. */
export const registryCodec = <S extends Schema.Top>(
  schema: S,
  encoded: Schema.Top,
  format: Format,
  options: RegistryOptions
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  const { normalize = false, subject: strategy = "topic", writeWith = "lookup" } = options
  const registration = (site: Codec.Site): Codec.Registration => ({
    subject: subjectOf(strategy, site, format.name),
    schema: format.schema,
    normalize
  })
  return schemaCodec(
    schema,
    { encoded, registration },
    Effect.fnUntraced(function*(site): Effect.fn.Return<Bytes, never, Service> {
      const registry = yield* Service
      const payloads = yield* format.payloads
      const own = registration(site)
      const readerFor = readers(registry, own.subject, own.schema.type, payloads.reading)
      const written: Effect.Effect<Written, RegistryError> = writtenWith(writeWith, {
        ...own,
        registry,
        difference: format.difference,
        needsGuid: options.ids === "header"
      })
      const checked = own.schema.references === undefined
        ? written
        : Effect.andThen(checkReferring(registry, own, format), written)
      const writer = once(
        Effect.flatMap(checked, (each) =>
          Effect.try({
            try: () => framed(each, options, payloads, site.part),
            catch: (cause) => {
              const reason = new Errors.InvalidSchema({ subject: own.subject, problem: messageOf(cause) })
              return Errors.make("prepare writing", reason, { url: registry.url, cause })
            }
          }))
      )

      return {
        // For all records but the first, without a closure.
        read: (raw, headers) => {
          const header = Wire.headerOf(headers, site.part)
          const read = readerFor(header ?? raw)
          return read instanceof Codec.Pending
            ? goOn(read, (each) => readWith(each, raw, header))
            : readWith(read, raw, header)
        },
        write: (encoded) => {
          const write = writer()
          return write instanceof Codec.Pending ? goOn(write, (each) => each(encoded)) : write(encoded)
        }
      }
    })
  )
}
