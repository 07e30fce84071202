/**
 * Numbers and texts of header values, in the byte formats of Java clients. Readers return `undefined` for bytes that
 * are no such value.
 */

type Value = Uint8Array | null | undefined

const decoder = new TextDecoder()

/** The largest time of a `Date`, in milliseconds. */
const lastMoment = 8.64e15

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const safe = (value: bigint): number | undefined => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/**
 * Java's `int`: 4 bytes, big-endian. All bytes written here come from Node's pool: V8 keeps the bytes of a small
 * `Uint8Array` on its heap and copies them when the native client asks for them, a microsecond per header.
 */
export const int32 = (value: number): Uint8Array => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** Java's `long`: 8 bytes, big-endian. */
export const int64 = (value: number): Uint8Array => {
  const bytes = Buffer.allocUnsafe(8)
  // Two's complement, in two halves: for whole numbers up to 2^53 that needs no BigInt.
  bytes.writeInt32BE(Math.floor(value / 4_294_967_296) | 0, 0)
  bytes.writeUInt32BE(value - Math.floor(value / 4_294_967_296) * 4_294_967_296, 4)
  return bytes
}

/** Java's `BigInteger.toByteArray()`: two's complement, big-endian, no more bytes than the sign needs. */
export const bigInteger = (value: number): Uint8Array => {
  const bytes = int64(value)
  const sign = value < 0 ? 0xff : 0
  let from = 0
  while (from < 7 && bytes[from] === sign && (bytes[from + 1]! & 0x80) === (sign & 0x80)) from++
  return bytes.subarray(from)
}

/** The text as UTF-8, cut before the first character that does not fit. */
export const utf8 = (text: string, maxBytes = Infinity): Uint8Array => {
  if (text.length * 3 <= maxBytes) return Buffer.from(text)
  const bytes = Buffer.allocUnsafe(maxBytes)
  // `write` never writes a part of a character.
  return bytes.subarray(0, bytes.write(text))
}

/** The longest name in a header, in bytes. */
export const nameBytes = 256
const kept = new Map<string, Uint8Array>()
const mostKept = 256

/** The bytes of a name (of a topic, a group, an error), which is encoded once and kept. */
export const name = (text: string): Uint8Array => {
  const known = kept.get(text)
  if (known !== undefined) return known
  const bytes = utf8(text, nameBytes)
  // A program has few names. If there are more, they are no names, and keeping them would fill the memory.
  if (kept.size < mostKept) kept.set(text, bytes)
  return bytes
}

export const readInt32 = (bytes: Value): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getInt32(0) : undefined

export const readInt64 = (bytes: Value): number | undefined =>
  bytes?.length === 8 ? safe(viewOf(bytes).getBigInt64(0)) : undefined

/** Reads 1 to 8 bytes, as Spring's reader does. */
export const readBigInteger = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length === 0 || bytes.length > 8) return undefined
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return safe(BigInt.asIntN(bytes.length * 8, value))
}

/** Reads a text of about `maxBytes` at most; `undefined` when it is empty. */
export const readText = (bytes: Value, maxBytes: number): string | undefined => {
  if (bytes === null || bytes === undefined || bytes.length === 0) return undefined
  if (bytes.length <= maxBytes) return decoder.decode(bytes) || undefined
  let end = maxBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return decoder.decode(bytes.subarray(0, end)) || undefined
}

/** Reads a whole number of at least 0 from decimal digits. */
export const readDecimal = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length > 16) return undefined
  const text = decoder.decode(bytes)
  if (!/^\d+$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}

/** Reads seconds with up to 9 decimals as whole milliseconds, rounded up, so that no record is due early. */
export const readSeconds = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length > 24) return undefined
  const text = decoder.decode(bytes)
  return /^\d{1,13}(\.\d{1,9})?$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined
}

/** The value, if it can be a time in milliseconds from 1970 on, else `undefined`. */
export const moment = (value: number | undefined): number | undefined =>
  value !== undefined && value >= 0 && value <= lastMoment ? value : undefined
