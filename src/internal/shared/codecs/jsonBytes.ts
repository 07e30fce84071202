/** JSON as UTF-8 and back. Pure. */
import { decodeText, encodeText, kindOf } from "../utf8.ts"

const byteOrderMark = 0xfeff

/** The value of JSON from `at` on, perhaps after a byte order mark. Throws on what is no JSON, and no UTF-8. */
export const parseJson = (raw: Uint8Array, at = 0): unknown => {
  const json = decodeText(raw, at)
  return JSON.parse(json.charCodeAt(0) === byteOrderMark ? json.slice(1) : json)
}

/** The JSON of a value as text. Throws where there is none. */
export const jsonText = (encoded: unknown): string => {
  const json: unknown = JSON.stringify(encoded)
  if (typeof json === "string") return json
  throw new Error(`there is no JSON of this: it is ${kindOf(encoded)}`)
}

/** The JSON of a value. Throws where there is none. */
export const printJson = (encoded: unknown): Uint8Array => encodeText(jsonText(encoded))
