/** Keys and values for people. Pure. */

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Bytes as the text that they are, with its BOM; `undefined` for those that are no UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** Bytes in hex. */
export const hexOf = (bytes: Uint8Array): string =>
  `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`

/** Bytes as text where they are text, else in hex. */
export const readable = (value: unknown): unknown => value instanceof Uint8Array ? textOf(value) ?? hexOf(value) : value

const stringify = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, part: unknown) => typeof part === "bigint" ? String(part) : part) ?? String(value)
  } catch (error) {
    // Too deep, or with itself in it: even a text of it may be out of reach.
    return JSON.stringify(`not to be shown as JSON: ${error instanceof Error ? error.message.split("\n")[0] : "?"}`)
  }
}

/** JSON of what a Schema may decode to, which is more than JSON has: no value may end the command. */
export const toJson = (value: unknown): string =>
  // DEL and C1, which JSON need not escape, and may.
  plain(stringify(value))

/** A text, anything else as JSON. */
export const inWords = (value: unknown): string => typeof value === "string" ? plain(value) : toJson(value)

/** The last moment that a `Date` knows; timestamps of records may be anything. */
const lastMoment = 8.64e15

/** A moment, if it is one. */
export const momentOf = (millis: number): string | undefined =>
  millis >= 0 && millis <= lastMoment ? new Date(millis).toISOString() : undefined

/** A moment, or a dash. */
export const timeOf = (millis: number | undefined): string => momentOf(millis ?? -1) ?? "-"

const shortFor: Readonly<{ [character: string]: string }> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

/** A text with its control characters spelled out: what comes from records must not steer the terminal. */
export const plain = (text: string): string =>
  text.replace(/\p{Cc}/gu, (c) => shortFor[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
