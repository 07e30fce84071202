/** Protobuf in a registry's wire format: the bytes of a Schema's encoded side, for one topic and part. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Codec from "../../Codec.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import * as Fields from "../../internal/shared/fields.ts"
import type { ProtobufOptions } from "../CodecModel.ts"
import type { Resolved } from "../format/resolved.ts"
import * as Wire from "../format/wireFormat.ts"
import { reading } from "../protobuf/binary/reading.ts"
import { writing } from "../protobuf/binary/writing.ts"
import { derive } from "../protobuf/derive/derive.ts"
import { firstDifference } from "../protobuf/layout.ts"
import { parse, parser } from "../protobuf/library.ts"
import { print } from "../protobuf/print.ts"
import type { MessageType, ProtoFile } from "../protobuf/protoType.ts"
import { messageAt, namesOf, pathOf, simpleName } from "../protobuf/protoType.ts"
import type { SchemaText } from "../RegistryModel.ts"
import type { Service } from "../SchemaRegistry.ts"
import { check, references as referencesKind } from "./options.ts"
import { registryCodec } from "./registryCodec.ts"

type ReadBody = (bytes: Uint8Array, at: number) => unknown

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

const fields: Fields.Kinds = {
  name: Fields.text,
  package: Fields.text,
  references: referencesKind,
  message: Fields.text,
  aliases: Fields.texts,
  indexes: { words: "\"present\" or \"absent\"", is: (value) => value === "present" || value === "absent" }
}

/** Throws where the Schema has no Protobuf message. */
export const protobuf = <S extends Schema.Top>(
  schema: S,
  options: ProtobufOptions = {}
): Codec.Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => {
  check("Codec.protobuf", schema, options, fields)
  const { aliases = [], indexes = "present", message, package: packageName, references = [], schema: given } = options
  const derived = derive(schema, { name: options.name ?? (message && simpleName(message)), package: packageName })
  const { shape } = derived
  const own = message ?? simpleName(shape.type.name)
  const names = [simpleName(own), ...aliases]
  const text: SchemaText = {
    type: "PROTOBUF",
    text: given ?? print(derived),
    ...references.length > 0 && { references }
  }

  const pathIn = (file: ProtoFile): ReadonlyArray<number> => {
    const path = pathOf(file, own)
    if (path !== undefined) return path
    throw new Error(`/: there is no message ${own}, but ${namesOf(file).join(", ")}`)
  }

  const difference = ({ needed, text, type }: Resolved): string | undefined => {
    if (type !== "PROTOBUF") return `/: ${type} instead of PROTOBUF`
    try {
      const file = parse(text, needed)
      // A later version of the subject may have fields that this program does not write.
      return firstDifference(messageAt(file, pathIn(file))!, shape.type, { others: text !== given })
    } catch (error) {
      return messageOf(error)
    }
  }

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

  const payloads = Effect.map(parser, () => {
    if (given !== undefined && references.length === 0) {
      const found = difference({ ...text, needed: [] })
      if (found !== undefined) throw new Error(`the schema that is given does not fit the Schema, at ${found}`)
    }
    const write = writing(shape)
    return {
      writing: ({ needed, text }: Resolved) => ({ write, afterId: Wire.indexBytes(pathIn(parse(text, needed))) }),
      reading: (writer: Resolved) => {
        const reader = new SchemaReader(parse(writer.text, writer.needed), own, readerOf)
        return (bytes: Uint8Array, at: number, header: Uint8Array | undefined) => {
          const begin = header === undefined ? at : Wire.sizeOf(header)
          // In a header, whether the indexes are there shows by themselves.
          if (indexes === "absent" || begin === header?.length) return reader.bare()(bytes, at)
          const indexed = Wire.readIndexes(header ?? bytes, begin)
          const read = reader.at(indexed.path)
          if (header === undefined) return read(bytes, indexed.at)
          if (indexed.at === header.length) return read(bytes, at)
          throw new Wire.FormatError(`${header.length - indexed.at} bytes follow the message indexes in the header`)
        }
      }
    }
  })

  const outer = message?.includes(".") ? message.slice(0, message.lastIndexOf(".") + 1) : ""
  const prefix = packageName === undefined ? "" : `${packageName}.`
  return registryCodec(schema, schema, {
    schema: text,
    name: `${prefix}${outer}${simpleName(shape.type.name)}`,
    difference,
    payloads
  }, options)
}
