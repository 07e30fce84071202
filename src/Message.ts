/**
 * What can be sent: a message, or only a value if the topic knows the keys of its values.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Headers from "./Headers.ts"
import type { Keyed, Topic } from "./Source.ts"

/**
 * What a message may have in addition to its key and value. A field that a message does not have is refused with
 * `InvalidRecord`; only those of a record are passed over, so that a record can be sent on.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Headers that come after those of `headerValues`. */
  readonly headers?: Headers.Input | undefined
  /** The partition to send to; without one the key decides (murmur2, like the Java client). */
  readonly partition?: number | undefined
  /** In milliseconds since the epoch; without one it is the moment of sending. */
  readonly timestamp?: number | undefined
}

type WithHeaderValues<H> = unknown extends H ? unknown : { readonly headerValues: H }

/**
 * A message for a topic of `K`, `V` and header values `H`. `headerValues` is required when the topic has a header
 * Schema.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Message<K, V, H = unknown> = { readonly key: K; readonly value: V } & Options & WithHeaderValues<H>

/**
 * A message for a topic that knows the keys of its values: a key that is given wins, and a tombstone needs one.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type KeyedMessage<K, V, H = unknown> =
  & ({ readonly key: K; readonly value: V } | { readonly key?: undefined; readonly value: Exclude<V, null> })
  & Options
  & WithHeaderValues<H>

/** A value with a property `value` would be mistaken for a message. */
type Bare<V> = unknown extends V ? never : V extends null ? never : "value" extends keyof V ? never : V

type InputOne<T> = T extends Keyed<infer K, infer V, infer _RD, infer _RE, infer H>
  ? KeyedMessage<K, V, H> | (unknown extends H ? Bare<V> : never)
  : T extends Topic<infer K, infer V, infer _RD, infer _RE, infer H> ? Message<K, V, H>
  : never

/**
 * What can be sent to a topic; for a union of topics, what can be sent to each of them. A topic with `keyOf` also takes
 * values, unless they have a property `value`: those have to be put into a message.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Input<T> = (T extends unknown ? (input: InputOne<T>) => void : never) extends (input: infer I) => void ? I
  : never

/** A message without its types. @internal */
export interface AnyMessage extends Options {
  readonly key?: any
  readonly value: any
  readonly headerValues?: any
}

const isMessage = (input: unknown): boolean => typeof input === "object" && input !== null && "value" in input

/** The message that an input is. @internal */
export const fromInput = (topic: { readonly match?: unknown; readonly keyOf?: unknown }, input: unknown): AnyMessage =>
  topic?.keyOf === undefined || isMessage(input)
    // What it is not is said when it is encoded.
    ? input as AnyMessage
    : { value: input }

/** The key of a message, which the topic may know. Throws where there is none. @internal */
export const keyOf = (
  topic: { readonly match?: unknown; readonly keyOf?: ((value: any) => any) | undefined },
  { key, value }: AnyMessage
): unknown => {
  if (key !== undefined || topic.keyOf === undefined) return key
  if (value === null) throw new Error("a tombstone needs its key: there is no value that keyOf could take it from")
  return topic.keyOf(value)
}
