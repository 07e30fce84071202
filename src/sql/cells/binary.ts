/** Bytes from the texts that carry them, strictly: `Buffer` skips what it does not know. Pure. */
import type { Modes } from "./modes.ts"

const base64 = /^[A-Za-z0-9+/]*={0,2}$/
const base64Url = /^[A-Za-z0-9_-]*={0,2}$/
const hex = /^(?:[0-9a-f]{2})*$/i

const ofBase64 = (text: string): Buffer | undefined =>
  text.length % 4 === 0 && base64.test(text) ? Buffer.from(text, "base64") : undefined

/** The bytes of Base64, or `undefined`. */
export const fromBase64 = ofBase64

/** The bytes of a text in the connector's `binary.handling.mode`, or `undefined` where it is no such text. */
export const bytesOf = (text: string, mode: Modes["binaries"]): Buffer | undefined => {
  if (mode === "hex") return hex.test(text) ? Buffer.from(text, "hex") : undefined
  if (mode === "base64-url-safe") return base64Url.test(text) ? Buffer.from(text, "base64url") : undefined
  return ofBase64(text)
}

/** The same bytes as a `Buffer`. */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
