/** Dead letters as lines of JSON, and back without the loss of a byte. Pure. */
import type { DeadLetter } from "../../DeadLetter.ts"
import type { RawHeader } from "../../engine/KafkaEngine.ts"

/** What a line must tell for its record to be written again. The rest of an exported line is for its readers. */
export interface Line {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<RawHeader>
}

const toBase64 = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")

/** One line, without its end. Names of headers are texts; keys, values and those of headers are base64. */
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
  // Node passes over what is no base64; a line that was edited by hand is not to lose bytes by that.
  if (bytes.toString("base64") !== value) throw new Error(`${what} is not base64`)
  return Uint8Array.from(bytes)
}

const fieldsOf = (text: string): { readonly [field: string]: unknown } => {
  const line: unknown = JSON.parse(text)
  if (typeof line !== "object" || line === null || Array.isArray(line)) throw new Error("a line is a JSON object")
  // An object's fields, of which nothing is known yet.
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
