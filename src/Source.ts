/**
 * What can be consumed: a topic by its name, or every topic that a pattern matches, with the codecs of its records.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import type * as Codec from "./Codec.ts"
import { matchesPattern } from "./engine/KafkaEngine.ts"

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

/** The parts of a source without their types, for the inside. @internal */
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
export interface Source<out K, out V, out RD = never, out H = unknown> {
  readonly [SourceTypeId]: {
    readonly _K: Types.Covariant<K>
    readonly _V: Types.Covariant<V>
    readonly _RD: Types.Covariant<RD>
    readonly _H: Types.Covariant<H>
  }
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
 * Any source, any topic, for code that does not care about the types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type AnySource = Source<unknown, unknown, unknown, unknown>

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
 * @stability unstable
 * @since 0.1.0
 * @category validation
 */
export const invalidName = (name: string): string | undefined => {
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
 * @stability unstable
 * @since 0.1.0
 * @category predicates
 */
export const matches = (source: Pick<AnySource, "match">, name: string): boolean =>
  source.match._tag === "Name" ? source.match.name === name : matchesPattern(regexOf(source.match), name)

/** Standard names of retry, dead letter and parked topics, of any group. @internal */
export const failureName = ".+\\..+\\.(?:retry\\.[1-9]\\d*|dlt|parked)"

/** What a client is to match. Two groups that took each other's dead letters would make topics for ever. @internal */
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
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const show = (source: Pick<AnySource, "match">): string =>
  source.match._tag === "Name" ? source.match.name : String(source.match.regex)
