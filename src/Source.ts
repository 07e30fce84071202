/**
 * What can be consumed: a topic by its name, or every topic that a pattern matches, with the codecs of its records.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import type * as Codec from "./Codec.ts"
import { matchesPattern } from "./engine/KafkaEngine.ts"
import { shown } from "./internal/shared/fields.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const SourceTypeId = "~millrace/Source"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type SourceTypeId = typeof SourceTypeId

/** The codecs of a source, without their types. @internal */
export interface Codecs {
  readonly key: Codec.Codec<any, any, any>
  readonly value: Codec.Codec<any, any, any>
  readonly headers: Schema.Top | undefined
}

/**
 * What can be consumed: one topic, or every topic whose name matches a pattern.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Source<out K, out V, out RD = never, out H = unknown> extends Pipeable {
  /** For the type checker alone. */
  readonly [SourceTypeId]: {
    readonly _K: Types.Covariant<K>
    readonly _V: Types.Covariant<V>
    readonly _RD: Types.Covariant<RD>
    readonly _H: Types.Covariant<H>
  }
  /** The name of the topic, or the pattern that whole names have to match. */
  readonly match: { readonly _tag: "Name"; readonly name: string } | {
    readonly _tag: "Pattern"
    readonly regex: RegExp
    /** Whether retry, dead letter and parked topics match as well. */
    readonly failures?: boolean | undefined
  }
  /** @internal */
  readonly codecs: Codecs
}

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TopicTypeId = "~millrace/Topic"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TopicTypeId = typeof TopicTypeId

/**
 * A topic that can be consumed and produced to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Topic<in out K, in out V, out RD = never, out RE = never, in out H = unknown>
  extends Source<K, V, RD, H>
{
  /** The name of the topic. */
  readonly name: string
  /** For the type checker alone. */
  readonly [TopicTypeId]: {
    readonly _K: Types.Invariant<K>
    readonly _V: Types.Invariant<V>
    readonly _H: Types.Invariant<H>
    readonly _RE: Types.Covariant<RE>
  }
}

/**
 * A topic that knows the keys of its values: sends take values as well as messages.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Keyed<in out K, in out V, out RD = never, out RE = never, in out H = unknown>
  extends Topic<K, V, RD, RE, H>
{
  /** The key of a value that is sent without one. */
  readonly keyOf: (value: Exclude<V, null>) => K
}

/**
 * Any topic that can be produced to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type AnyTopic = Topic<any, any, any, any, any>

/**
 * The services that producing to a topic needs.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type EncodingServices<T> = T extends Topic<infer _K, infer _V, infer _RD, infer RE, infer _H> ? RE : never

/**
 * Any source, any topic, for code that does not care about the types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type AnySource = Source<unknown, unknown, unknown, unknown>

/**
 * The keys of a source, of any of several.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Key<S> = S extends Source<infer K, infer _V, infer _RD, infer _H> ? K : never

/**
 * The values of a source, of any of several.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Value<S> = S extends Source<infer _K, infer V, infer _RD, infer _H> ? V : never

/**
 * The header values of a source, of any of several; `unknown` where it has no Schema of headers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type HeaderValues<S> = S extends Source<infer _K, infer _V, infer _RD, infer H> ? H : never

/**
 * The services that consuming a source needs.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type DecodingServices<S> = S extends Source<infer _K, infer _V, infer RD, infer _H> ? RD : never

/**
 * Whether a value is a source (a topic or a pattern), also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Audit = Topic.pattern(/audit\.[a-z]+/, { key: Codec.none, value: Codec.string })
 *
 * export const yes: boolean = Topic.isSource(Audit)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isSource = (value: unknown): value is AnySource => Predicate.hasProperty(value, SourceTypeId)

const validName = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * Why Kafka would refuse this topic name, or `undefined`: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 *
 * console.log(Topic.invalidName("orders eu")) // why Kafka refuses the name
 * console.log(Topic.invalidName("orders.eu")) // undefined
 * ```
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 *
 * // topic name "my orders" is not allowed by Kafka: …
 * export const problem: string | undefined = Topic.invalidName("my orders")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category validation
 */
export const invalidName = (name: string): string | undefined => {
  // A variable of the environment, perhaps, that is not set.
  if (typeof name !== "string") return `topic name ${shown(name)} is no text`
  if (name === "." || name === "..") return `topic name "${name}" is not allowed by Kafka`
  if (!validName.test(name)) {
    return `topic name ${JSON.stringify(name)} is not allowed by Kafka: use 1 to 249 of a-z, A-Z, 0-9, ".", "_" and "-"`
  }
  return undefined
}

/**
 * Whether two topic names differ only by `.` and `_`. Kafka's metrics cannot tell such topics apart, so brokers refuse
 * to create the second one.
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 *
 * console.log(Topic.collide("orders.eu", "orders_eu")) // true
 * ```
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 *
 * export const yes: boolean = Topic.collide("shop.orders", "shop_orders")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category validation
 */
export const collide = (a: string, b: string): boolean => a !== b && a.replaceAll(".", "_") === b.replaceAll(".", "_")

/**
 * Whether a topic of that name belongs to the source.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Audit = Topic.pattern(/audit\..+/, { key: Codec.none, value: Codec.bytes })
 * console.log(Topic.matches(Audit, "audit.logins")) // true
 * ```
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Audit = Topic.pattern(/audit\.[a-z]+/, { key: Codec.none, value: Codec.string })
 *
 * export const yes: boolean = Topic.matches(Audit, "audit.users")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category predicates
 */
export const matches = (source: Pick<AnySource, "match">, name: string): boolean =>
  source.match._tag === "Name" ? source.match.name === name : matchesPattern(regexOf(source.match), name)

/** Standard names of retry, dead letter and parked topics, of any group. @internal */
export const failureName = ".+\\..+\\.(?:retry\\.[1-9]\\d*|dlt|parked)"

/** What a client matches. Two groups that read each other's dead letters would make topics for ever. @internal */
export const regexOf = (
  { failures, regex }: Extract<AnySource["match"], { readonly _tag: "Pattern" }>
): RegExp =>
  failures === true ? regex : new RegExp(`(?!${failureName}$)(?:${regex.source})`, regex.flags.replace(/[gy]/g, ""))

/**
 * The source in the words of an error message or a listing: the name, or the pattern between slashes.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.none, value: Codec.bytes })
 * console.log(Topic.show(Orders)) // topic "orders"
 * ```
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 *
 * // orders
 * export const name: string = Topic.show(Orders)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const show = (source: Pick<AnySource, "match">): string =>
  source.match._tag === "Name" ? source.match.name : String(source.match.regex)
