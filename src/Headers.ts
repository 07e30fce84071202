/**
 * The headers of a record: a list of name and bytes. Order, repeated names, null and binary values are kept.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { RawHeader } from "./engine/KafkaEngine.ts"

/**
 * Headers as they are on the wire.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Headers = ReadonlyArray<RawHeader>

/**
 * What can be given as headers of a message: the list itself, or an object whose values are texts (sent as UTF-8),
 * bytes, or null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Input = Headers | Readonly<{ [name: string]: string | Uint8Array | null }>

/**
 * No headers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const empty: Headers = []

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const isList = (input: Input): input is Headers => Array.isArray(input)

/**
 * Makes headers from a list or an object.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * export const headers = Headers.fromInput({ source: "shop", trace: new Uint8Array([1, 2]) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const fromInput = (input: Input): Headers =>
  isList(input)
    ? input
    : Object.entries(input).map(([name, value]) => [name, typeof value === "string" ? encoder.encode(value) : value])

/**
 * The bytes of the last header of that name (what Kafka's own `lastHeader` answers), or `undefined`. A null value
 * counts as found and is `null`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const getBytes = (headers: Headers, name: string): Uint8Array | null | undefined => {
  for (let i = headers.length - 1; i >= 0; i--) {
    const header = headers[i]!
    if (header[0] === name) return header[1]
  }
  return undefined
}

/**
 * The last header of that name as UTF-8 text, or `undefined` when there is none or its value is null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const get = (headers: Headers, name: string): string | undefined => {
  const bytes = getBytes(headers, name)
  return bytes === undefined || bytes === null ? undefined : decoder.decode(bytes)
}

/**
 * The bytes of every header of that name, in order.
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const getAll = (headers: Headers, name: string): ReadonlyArray<Uint8Array | null> =>
  headers.filter((header) => header[0] === name).map((header) => header[1])

/**
 * Headers as an object of UTF-8 texts. Of repeated names the last one counts, null values are left out. This is what a
 * topic's header Schema decodes.
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const toTexts = (headers: Headers): { [name: string]: string } => {
  const texts: { [name: string]: string } = {}
  for (const [name, value] of headers) {
    if (value === null) delete texts[name]
    else texts[name] = decoder.decode(value)
  }
  return texts
}

/**
 * These headers with every header of that name replaced by one.
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const set = (headers: Headers, name: string, value: string | Uint8Array | null): Headers => [
  ...headers.filter((header) => header[0] !== name),
  [name, typeof value === "string" ? encoder.encode(value) : value]
]

/**
 * These headers with one more at the end.
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const append = (headers: Headers, name: string, value: string | Uint8Array | null): Headers => [
  ...headers,
  [name, typeof value === "string" ? encoder.encode(value) : value]
]

/**
 * These headers without those of that name.
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const remove = (headers: Headers, name: string): Headers => headers.filter((header) => header[0] !== name)
