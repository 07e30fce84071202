/**
 * Numbers and texts of header values, in the byte formats of Java clients. What cannot be right reads as `undefined`.
 */

type Value = Uint8Array | null | undefined

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The last moment that a `Date` knows. */
const lastMoment = 8.64e15

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const safe = (value: bigint): number | undefined => {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

/** Java's `int`: 4 bytes, big-endian. */
export const int32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setInt32(0, value)
  return bytes
}

/** Java's `long`: 8 bytes, big-endian. */
export const int64 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8)
  viewOf(bytes).setBigInt64(0, BigInt(value))
  return bytes
}

/** Java's `BigInteger.toByteArray()`: two's complement, big-endian, no more bytes than the sign needs. */
export const bigInteger = (value: number): Uint8Array => {
  const bytes = int64(value)
  const sign = value < 0 ? 0xff : 0
  let from = 0
  while (from < 7 && bytes[from] === sign && (bytes[from + 1]! & 0x80) === (sign & 0x80)) from++
  return bytes.slice(from)
}

/** The text as UTF-8, cut before the first character that does not fit. */
export const utf8 = (text: string, maxBytes = Infinity): Uint8Array => {
  if (text.length * 3 <= maxBytes) return encoder.encode(text)
  const bytes = new Uint8Array(maxBytes)
  return bytes.slice(0, encoder.encodeInto(text, bytes).written)
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
