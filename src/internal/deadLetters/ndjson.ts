/** Dead letters as lines of JSON, and back, byte for byte. Pure. */
import type { DeadLetter } from "../../DeadLetter.ts"
import type { RawHeader } from "../../engine/KafkaEngine.ts"

/** The fields of a line that are needed to write its record again. The others inform the reader. */
export interface Line {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<RawHeader>
}

const toBase64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** One line, without a newline. Header names are text; keys, values and header values are base64. */
export const encode = (letter: DeadLetter): string => {
  const { errorTag, headers, key, offset, partition, source, timestamp, topic, value } = letter
  return JSON.stringify({
    topic,
    partition,
    offset,
    timestamp,
    source,
    ...(errorTag === undefined ? {} : { errorTag }),
    key: toBase64(key),
    value: toBase64(value),
    headers: headers.map(([name, bytes]) => [name, toBase64(bytes)])
  })
}

const fromBase64 = (value: unknown, what: string): Uint8Array | null => {
  if (value === null) return null
  if (typeof value !== "string") throw new Error(`${what} is neither base64 nor null`)
  const bytes = Buffer.from(value, "base64")
  // Node ignores characters that are not base64: a line that was edited wrongly would lose bytes unnoticed.
  if (bytes.toString("base64") !== value) throw new Error(`${what} is not base64`)
  return Uint8Array.from(bytes)
}

const fieldsOf = (text: string): { readonly [field: string]: unknown } => {
  const line: unknown = JSON.parse(text)
  if (typeof line !== "object" || line === null || Array.isArray(line)) throw new Error("a line is a JSON object")
  // An object; the types of its fields are checked where they are used.
  return line as { readonly [field: string]: unknown }
}

/** Reads a line. Throws what is wrong with it. */
export const decode = (text: string): Line => {
  const { headers = [], key = null, partition, topic, value = null } = fieldsOf(text)
  if (typeof topic !== "string") throw new Error("topic is missing")
  if (typeof partition !== "number" || !Number.isSafeInteger(partition) || partition < 0) {
    throw new Error("partition is not a whole number of at least 0")
  }
  if (!Array.isArray(headers)) throw new Error("headers is not a list of pairs")
  return {
    topic,
    partition,
    key: fromBase64(key, "key"),
    value: fromBase64(value, "value"),
    headers: headers.map((header: unknown): RawHeader => {
      const [name, bytes] = Array.isArray(header) && header.length === 2 ? header as ReadonlyArray<unknown> : []
      if (typeof name !== "string") throw new Error("a header is not a pair of a name and base64")
      return [name, fromBase64(bytes, `header "${name}"`)]
    })
  }
}
