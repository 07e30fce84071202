/**
 * The headers of a record: a list of name and bytes. Order, repeated names, null and binary values are kept.
 *
 * A header may be null, which is not the same as empty. Where the client can tell them apart they stay what they are;
 * the native client sends both, and reads a null one as an empty one (its `capabilities` lack `"nullHeaders"`). A copy
 * that it makes of such a record (a retry, a dead letter) has an empty header, too.
 *
 * @stability unstable
 * @since 0.1.0
 */
import { dual } from "effect/Function"
import type { RawHeader } from "./engine/KafkaEngine.ts"
import { encodeText, kindOf, readText } from "./internal/shared/utf8.ts"

/**
 * Headers as they are on the wire.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Headers = ReadonlyArray<RawHeader>

/**
 * A value that can be given for a header: a text (sent as UTF-8), bytes, or null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Value = string | Uint8Array | null

/**
 * What can be given as headers of a message: the list itself, or an object of values.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Input = Headers | Readonly<{ [name: string]: Value }>

/**
 * No headers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const empty: Headers = []

const isList = (input: Input): input is Headers => Array.isArray(input)

/** Names the header whose text cannot be sent. */
const header = (name: string, value: Value): RawHeader => {
  if (typeof value !== "string") return [name, value]
  try {
    return [name, encodeText(value)]
  } catch (cause) {
    throw new Error(`header ${JSON.stringify(name)}: ${(cause as Error).message}`)
  }
}

/** The entries of a `Map` or of another collection are no properties: they would be lost. */
const entriesOf = (input: { readonly [name: string]: Value }): ReadonlyArray<[string, Value]> => {
  if (typeof input !== "object" || input === null) {
    throw new Error(`headers are a list or an object, and this is ${kindOf(input)}`)
  }
  if (Symbol.iterator in input) {
    throw new Error("headers are a list or an object, and this is another collection; give Object.fromEntries of it")
  }
  return Object.entries(input)
}

/**
 * Makes headers from a list or an object. Throws for a text that UTF-8 cannot express (half of a surrogate pair), and
 * for a `Map`, of which `Object.fromEntries` makes an object.
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
  isList(input) ? input : entriesOf(input).map(([name, value]) => header(name, value))

/**
 * The bytes of the last header of that name (what Kafka's own `lastHeader` returns), or `undefined`. A null value
 * counts as found and is `null`.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.fromInput({ trace: new Uint8Array([1, 2]) })
 *
 * export const trace: Uint8Array | null | undefined = Headers.getBytes(headers, "trace")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const getBytes: {
  (name: string): (self: Headers) => Uint8Array | null | undefined
  (self: Headers, name: string): Uint8Array | null | undefined
} = dual(2, (self: Headers, name: string): Uint8Array | null | undefined => {
  for (let i = self.length - 1; i >= 0; i--) {
    const found = self[i]!
    if (found[0] === name) return found[1]
  }
  return undefined
})

/**
 * The last header of that name as text, or `undefined` when there is none, its value is null, or its bytes are no UTF-8
 * ({@link getBytes} has them). Nothing is replaced, and a byte order mark is part of the text.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.fromInput({ source: "shop" })
 *
 * export const source: string | undefined = Headers.get(headers, "source")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const get: {
  (name: string): (self: Headers) => string | undefined
  (self: Headers, name: string): string | undefined
} = dual(2, (self: Headers, name: string): string | undefined => {
  const bytes = getBytes(self, name)
  return bytes === undefined || bytes === null ? undefined : readText(bytes)
})

/**
 * The bytes of every header of that name, in order.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.append(Headers.fromInput({ hop: "1" }), "hop", "2")
 *
 * // two
 * export const hops = Headers.getAll(headers, "hop")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const getAll: {
  (name: string): (self: Headers) => ReadonlyArray<Uint8Array | null>
  (self: Headers, name: string): ReadonlyArray<Uint8Array | null>
} = dual(
  2,
  (self: Headers, name: string): ReadonlyArray<Uint8Array | null> =>
    self.filter((found) => found[0] === name).map((found) => found[1])
)

/**
 * Headers as an object of texts. Of repeated names the last one counts. Null values, and bytes that are no UTF-8, are
 * left out. A topic's header Schema decodes this object; but a header that it names and that is no UTF-8 is refused.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.fromInput({ source: "shop", tenant: "acme", trace: null })
 *
 * // { source: "shop", tenant: "acme" }
 * export const texts = Headers.toTexts(headers)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const toTexts = (self: Headers): { [name: string]: string } => {
  const texts = new Map<string, string>()
  for (const [name, value] of self) {
    const text = value === null ? undefined : readText(value)
    if (text === undefined) texts.delete(name)
    else texts.set(name, text)
  }
  // Unlike an assignment it makes a property of "__proto__", too.
  return Object.fromEntries(texts)
}

/**
 * These headers with every header of that name replaced by one, at the end. Throws for a text that UTF-8 cannot
 * express.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.fromInput({ source: "shop" })
 *
 * export const moved = Headers.set(headers, "source", "warehouse")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const set: {
  (name: string, value: Value): (self: Headers) => Headers
  (self: Headers, name: string, value: Value): Headers
} = dual(3, (self: Headers, name: string, value: Value): Headers => [
  ...self.filter((found) => found[0] !== name),
  header(name, value)
])

/**
 * These headers with one more at the end. Throws for a text that UTF-8 cannot express.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * export const headers = Headers.append(Headers.empty, "source", "shop")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const append: {
  (name: string, value: Value): (self: Headers) => Headers
  (self: Headers, name: string, value: Value): Headers
} = dual(3, (self: Headers, name: string, value: Value): Headers => [...self, header(name, value)])

/**
 * These headers without those of that name.
 *
 * @example
 * ```ts
 * import { Headers } from "millrace"
 *
 * const headers = Headers.fromInput({ source: "shop", trace: "1" })
 *
 * export const untraced = Headers.remove(headers, "trace")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const remove: {
  (name: string): (self: Headers) => Headers
  (self: Headers, name: string): Headers
} = dual(2, (self: Headers, name: string): Headers => self.filter((found) => found[0] !== name))
