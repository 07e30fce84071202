/**
 * How a record carries the id of its schema, in both of Confluent's forms: a prefix of the payload (`00` and an id of
 * four bytes, or `01` and a GUID), or a header with the same bytes and a bare payload. Protobuf adds the path to the
 * message type within its file. Pure.
 *
 * Source: KAFKA's de facto standard of Confluent's serializers, which Apicurio, Karapace and Redpanda share.
 */
import * as Data from "effect/Data"
import type { RawHeader } from "../../engine/Model.ts"

/** The id of a schema: a number within a context, or a GUID that is unique everywhere. */
export type SchemaId = { readonly _tag: "Id"; readonly id: number } | { readonly _tag: "Guid"; readonly guid: string }

/** Thrown where bytes are not in the format, or of a schema that cannot be read; says what was found. */
export class FormatError extends Data.TaggedError("FormatError")<{ readonly message: string }> {
  constructor(message: string) {
    super({ message })
  }
}

const idSize = 4
const guidSize = 16
/** Registries count in int32; one that is asked for more says that it does not know the path. */
const mostId = 0x7fff_ffff
const magic = { id: 0, guid: 1 } as const

/** The names of the headers that carry ids. */
export const headerNames = { key: "__key_schema_id", value: "__value_schema_id" } as const

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

const guidOf = (bytes: Uint8Array, at: number): string => {
  let text = ""
  for (let i = 0; i < guidSize; i++) {
    text += (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + hex[bytes[at + i]!]!
  }
  return text
}

const idOf = (bytes: Uint8Array, at: number): number =>
  bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!)

/** The number that bytes begin with; `undefined` where they begin with another id, or none. It makes no objects. */
export const numberOf = (bytes: Uint8Array): number | undefined =>
  bytes[0] === magic.id && bytes.length > idSize ? idOf(bytes, 1) : undefined

/** How many bytes the id at the beginning of bytes has. */
export const sizeOf = (bytes: Uint8Array): number => 1 + (bytes[0] === magic.guid ? guidSize : idSize)

/** Reads the id at the beginning of bytes. */
export const read = (bytes: Uint8Array): SchemaId => {
  if (bytes.length === 0) throw new FormatError("the bytes are empty, without the id of a schema")
  const isGuid = bytes[0] === magic.guid
  if (bytes[0] !== magic.id && !isGuid) {
    throw new FormatError(
      `the first byte is 0x${hex[
        bytes[0]!
      ]!}, and not 0x00 or 0x01 as before the id of a schema: was the record written `
        + "without a registry?"
    )
  }
  if (bytes.length < sizeOf(bytes)) {
    throw new FormatError(`the id of the schema is cut off: ${bytes.length} bytes instead of ${sizeOf(bytes)}`)
  }
  if (isGuid) return { _tag: "Guid", guid: guidOf(bytes, 1) }
  const id = idOf(bytes, 1)
  if (id > mostId) throw new FormatError(`the id of the schema is ${id}, and registries give none above ${mostId}`)
  return { _tag: "Id", id }
}

/** The header with the id of a record; without one, the id is the prefix of the payload. Of several, the last one. */
export const headerOf = (headers: ReadonlyArray<RawHeader>, part: "key" | "value"): Uint8Array | undefined => {
  for (let i = headers.length - 1; i >= 0; i--) {
    const [name, value] = headers[i]!
    if (name === headerNames[part]) return value ?? undefined
  }
  return undefined
}

const guidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The bytes of an id, followed by `rest` (the indexes of Protobuf). */
export const idBytes = (schema: SchemaId, rest: Uint8Array = new Uint8Array(0)): Uint8Array => {
  const size = schema._tag === "Id" ? idSize : guidSize
  const bytes = new Uint8Array(1 + size + rest.length)
  if (schema._tag === "Id") {
    new DataView(bytes.buffer).setUint32(1, schema.id)
  } else {
    if (!guidPattern.test(schema.guid)) throw new FormatError(`${JSON.stringify(schema.guid)} is not a GUID`)
    bytes[0] = magic.guid
    const digits = schema.guid.replaceAll("-", "")
    for (let i = 0; i < guidSize; i++) bytes[1 + i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  }
  bytes.set(rest, 1 + size)
  return bytes
}

// Protobuf's path to a message type: how many indexes, and each index, as zig-zag varints.

const most = 64

const varint = (bytes: Uint8Array, at: number): readonly [value: number, next: number] => {
  let value = 0
  for (let shift = 0, i = at; shift <= 28; shift += 7, i++) {
    const byte = bytes[i]
    if (byte === undefined) throw new FormatError("the message indexes are cut off")
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) return [value >>> 1 ^ -(value & 1), i + 1]
  }
  throw new FormatError("a message index has more than five bytes")
}

/** The path to a message type, and where the message begins. A single `00` is the first type of the file. */
export const readIndexes = (
  bytes: Uint8Array,
  at: number
): { readonly path: ReadonlyArray<number>; readonly at: number } => {
  const [count, first] = varint(bytes, at)
  if (count === 0) return { path: [0], at: first }
  if (count < 0 || count > most) throw new FormatError(`${count} message indexes; a path has 1 to ${most}`)
  const path: Array<number> = []
  let next = first
  for (let i = 0; i < count; i++) {
    const [index, after] = varint(bytes, next)
    if (index < 0) throw new FormatError(`the message index ${index} is negative`)
    path.push(index)
    next = after
  }
  return { path, at: next }
}

const zigZag = (value: number): ReadonlyArray<number> => {
  const bytes: Array<number> = []
  let rest = value * 2
  while (rest >= 0x80) {
    bytes.push(rest % 0x80 + 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return bytes
}

/** The bytes of a path; that of the first type of the file is the single `00`. */
export const indexBytes = (path: ReadonlyArray<number>): Uint8Array =>
  Uint8Array.from(path.length === 1 && path[0] === 0 ? [0] : [path.length, ...path].flatMap(zigZag))
