/** Protobuf in a registry's wire format: the bytes of a Schema's encoded side, for one topic and part. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Codec from "../../Codec.ts"
import * as Wire from "../format/wireFormat.ts"
import { reading } from "../protobuf/binary/reading.ts"
import { writing } from "../protobuf/binary/writing.ts"
import { derive } from "../protobuf/derive/derive.ts"
import { firstDifference } from "../protobuf/layout.ts"
import { parser } from "../protobuf/library.ts"
import { print } from "../protobuf/print.ts"
import type { MessageType, ProtoFile } from "../protobuf/protoType.ts"
import { messageAt, namesOf, pathOf, simpleName } from "../protobuf/protoType.ts"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Reference, SchemaText } from "../RegistryModel.ts"
import { Service } from "../SchemaRegistry.ts"
import type { Resolved } from "./readers.ts"
import { readers, resolve } from "./readers.ts"
import { goOn, schemaCodec } from "./schemaCodec.ts"
import type { Bytes } from "./schemaCodec.ts"
import type { SubjectStrategy } from "./subject.ts"
import { subjectOf } from "./subject.ts"
import type { WriteWith } from "./writer.ts"
import { idOf } from "./writer.ts"

/** What `Codec.protobuf` may be given. */
export interface Options {
  readonly name?: string | undefined
  readonly package?: string | undefined
  readonly schema?: string | undefined
  readonly references?: ReadonlyArray<Reference> | undefined
  readonly message?: string | undefined
  readonly aliases?: ReadonlyArray<string> | undefined
  readonly indexes?: "present" | "absent" | undefined
  readonly subject?: SubjectStrategy | undefined
  readonly writeWith?: WriteWith | undefined
  readonly normalize?: boolean | undefined
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

type ReadBody = (body: Uint8Array) => unknown

/** What reads the records of one registered schema: the message type is chosen by their indexes. */
class SchemaReader {
  /** One index, which most have, is its own key. */
  private readonly known = new Map<string | number, ReadBody>()
  private readonly file: ProtoFile
  private readonly own: string
  private readonly readerOf: (message: MessageType) => ReadBody

  constructor(file: ProtoFile, own: string, readerOf: (message: MessageType) => ReadBody) {
    this.file = file
    this.own = own
    this.readerOf = readerOf
  }

  /** For a record without indexes: the message with the codec's name, or the first. */
  bare(): ReadBody {
    return this.at(pathOf(this.file, this.own) ?? [0])
  }

  at(path: ReadonlyArray<number>): ReadBody {
    const key = path.length === 1 ? path[0]! : path.join()
    const known = this.known.get(key)
    if (known !== undefined) return known
    const message = messageAt(this.file, path)
    if (message === undefined) {
      throw new Wire.FormatError(
        `the message indexes ${path.join()} are of no message in the schema, which has ${namesOf(this.file).join(", ")}`
          + "; records of a writer that leaves them out are read with indexes: \"absent\""
      )
    }
    const read = this.readerOf(message)
    this.known.set(key, read)
    return read
  }
}

/** Throws where the Schema has no Protobuf message. */
export const protobuf = <S extends Schema.Top>(
  schema: S,
  {
    name,
    package: packageName,
    schema: given,
    references = [],
    message,
    aliases = [],
    indexes = "present",
    normalize = false,
    subject: strategy = "topic",
    writeWith = "lookup"
  }: Options = {}
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  const derived = derive(schema, { name: name ?? (message && simpleName(message)), package: packageName })
  const { shape } = derived
  const own = message ?? simpleName(shape.type.name)
  const names = [simpleName(own), ...aliases]
  const text: SchemaText = { type: "PROTOBUF", text: given ?? print(derived), references }
  const fullName = packageName === undefined || message === undefined
    ? message ?? shape.type.name
    : `${packageName}.${message}`
  const registrationAt = (site: Codec.Site) => ({
    subject: subjectOf(strategy, site, fullName),
    schema: text,
    normalize
  })

  /** Where the message is in a file that is written with. Throws with the first difference. */
  const placeIn = (file: ProtoFile, others: boolean): ReadonlyArray<number> => {
    const path = pathOf(file, own)
    if (path === undefined) throw new Error(`/: no message ${own}, but ${namesOf(file).join(", ")}`)
    const difference = firstDifference(messageAt(file, path)!, shape.type, { others })
    if (difference !== undefined) throw new Error(difference)
    return path
  }

  return schemaCodec(
    schema,
    registrationAt,
    Effect.fnUntraced(function*(site): Effect.fn.Return<Bytes, never, Service> {
      const registry = yield* Service
      const parse = yield* parser
      const registration = registrationAt(site)
      const { subject } = registration

      const readerOf = (writer: MessageType): ReadBody => {
        if (!names.includes(simpleName(writer.name))) {
          throw new Wire.FormatError(`the record is a ${writer.name}, and the codec reads ${names.join(" or ")}`)
        }
        try {
          return reading(shape, writer)
        } catch (error) {
          throw new Wire.FormatError(`the topic's Schema cannot read the record's ${writer.name}: ${messageOf(error)}`)
        }
      }
      const readerFor = readers(
        registry,
        subject,
        "PROTOBUF",
        ({ needed, text }) => new SchemaReader(parse(text, needed), own, readerOf)
      )

      /** The path of the message that records are written as: in the schema of the id, once that is known. */
      let path: ReadonlyArray<number> = [0]
      const misfit = (problem: string) => new Error(`the schema that is given does not fit the Schema, at ${problem}`)
      if (given !== undefined && references.length === 0) {
        try {
          path = placeIn(parse(given), false)
        } catch (error) {
          return yield* Effect.die(misfit(messageOf(error)))
        }
      }
      const checkReferring = Effect.gen(function*(): Effect.gen.Return<void, RegistryError> {
        const { needed } = yield* resolve(registry, text)
        yield* Effect.try({
          try: () => {
            path = placeIn(parse(text.text, needed), false)
          },
          catch: (error) =>
            Errors.make(
              "prepare writing",
              new Errors.InvalidSchema({ subject, problem: misfit(messageOf(error)).message }),
              { url: registry.url }
            )
        })
      })

      const difference = (registered: Resolved): string | undefined => {
        if (registered.type !== "PROTOBUF") return `/: ${registered.type} instead of PROTOBUF`
        try {
          path = placeIn(parse(registered.text, registered.needed), true)
          return undefined
        } catch (error) {
          return messageOf(error)
        }
      }
      let prefix: Uint8Array | undefined
      const found = Effect.gen(function*() {
        if (given !== undefined && references.length > 0) yield* checkReferring
        const id = yield* idOf(writeWith, { ...registration, registry, difference })
        return prefix = Wire.idBytes({ _tag: "Id", id }, Wire.indexBytes(path))
      })
      const write = writing(shape)

      return {
        read: (raw, headers) => {
          const { framed, inHeader, payload } = Wire.find(raw, headers, site.part)
          return goOn(readerFor(framed.schema), (reader) => {
            const after = inHeader ? 0 : framed.at
            // A header ends with the id or with the indexes: it says itself whether they are there.
            if (indexes === "absent" || inHeader && framed.at === framed.bytes.length) {
              return reader.bare()(payload.subarray(after))
            }
            const { at, path } = Wire.readIndexes(framed.bytes, framed.at)
            return reader.at(path)(inHeader ? payload : payload.subarray(at))
          })
        },
        write: (encoded) => goOn(prefix ?? new Codec.Pending(found), (before) => write(encoded, before))
      }
    })
  )
}
