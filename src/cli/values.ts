/** Keys and values for people. Pure. */

const utf8 = new TextDecoder("utf-8", { fatal: true })

/** Bytes as text where they are text, else in hex. */
export const readable = (value: unknown): unknown => {
  if (!(value instanceof Uint8Array)) return value
  try {
    return utf8.decode(value)
  } catch {
    return `0x${Buffer.from(value).toString("hex")}`
  }
}

/** JSON of what a Schema may decode to, which is more than JSON has: no value may end the command. */
export const toJson = (value: unknown): string => {
  try {
    return JSON.stringify(value, (_, part: unknown) => typeof part === "bigint" ? String(part) : part) ?? String(value)
  } catch {
    return JSON.stringify(String(value))
  }
}

/** A text as it is, anything else as JSON. */
export const inWords = (value: unknown): string => typeof value === "string" ? value : toJson(value)

/** A moment, or a dash. */
export const timeOf = (millis: number | undefined): string =>
  millis === undefined || millis < 0 ? "-" : new Date(millis).toISOString()
