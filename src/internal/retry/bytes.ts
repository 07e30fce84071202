/**
 * Numbers and texts of header values, in the byte formats of Java clients. What cannot be right reads as `undefined`.
 */

type Value = Uint8Array | null | undefined

const decoder = new TextDecoder()

/** The last moment that a `Date` knows. */
const lastMoment = 8.64e15

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const safe = (value: bigint): number | undefined => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/**
 * Java's `int`: 4 bytes, big-endian. From Node's pool, as all that is written here: a small array that has its bytes on
 * the heap of JavaScript is copied when the native client asks for them, which costs a microsecond a header.
 */
export const int32 = (value: number): Uint8Array => {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** Java's `long`: 8 bytes, big-endian. */
export const int64 = (value: number): Uint8Array => {
  const bytes = Buffer.allocUnsafe(8)
  // Two's complement by halves: whole numbers up to 2^53 need no BigInt for it.
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
  // It writes whole characters alone.
  return bytes.subarray(0, bytes.write(text))
}

/** Of names, at most. */
export const nameBytes = 256
const kept = new Map<string, Uint8Array>()
const mostKept = 256

/** Texts that come again and again: the names of topics, groups and errors. */
export const name = (text: string): Uint8Array => {
  const known = kept.get(text)
  if (known !== undefined) return known
  const bytes = utf8(text, nameBytes)
  // What there is too much of is no name.
  if (kept.size < mostKept) kept.set(text, bytes)
  return bytes
}

export const readInt32 = (bytes: Value): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getInt32(0) : undefined

export const readInt64 = (bytes: Value): number | undefined =>
  bytes?.length === 8 ? safe(viewOf(bytes).getBigInt64(0)) : undefined

/** 1 to 8 bytes, as Spring's own reader takes them. */
export const readBigInteger = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length === 0 || bytes.length > 8) return undefined
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return safe(BigInt.asIntN(bytes.length * 8, value))
}

/** The text, up to about so many bytes; an empty one counts as none. */
export const readText = (bytes: Value, maxBytes: number): string | undefined => {
  if (bytes === null || bytes === undefined || bytes.length === 0) return undefined
  if (bytes.length <= maxBytes) return decoder.decode(bytes) || undefined
  let end = maxBytes
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return decoder.decode(bytes.subarray(0, end)) || undefined
}

/** A whole number of at least 0 in decimal digits. */
export const readDecimal = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length > 16) return undefined
  const text = decoder.decode(bytes)
  if (!/^\d+$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}

/** Seconds with up to 9 decimals, as whole milliseconds; rounded up, so that nothing is due early. */
export const readSeconds = (bytes: Value): number | undefined => {
  if (bytes === null || bytes === undefined || bytes.length > 24) return undefined
  const text = decoder.decode(bytes)
  return /^\d{1,13}(\.\d{1,9})?$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined
}

/** Keeps a number of milliseconds that can be a moment after 1970. */
export const moment = (value: number | undefined): number | undefined =>
  value !== undefined && value > 0 && value <= lastMoment ? value : undefined
