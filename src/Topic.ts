/**
 * Topics: a name, and the codecs of its keys, values and headers.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import type * as Codec from "./Codec.ts"
import { matchesPattern } from "./engine/KafkaEngine.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  handle,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  handleBatch,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  handleOwned
} from "./Handler.ts"

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

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Topic"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

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
  }
  /** @internal */
  readonly codecs: Codecs
}

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
  readonly name: string
  readonly [TypeId]: {
    readonly _K: Types.Invariant<K>
    readonly _V: Types.Invariant<V>
    readonly _H: Types.Invariant<H>
    readonly _RE: Types.Covariant<RE>
  }
}

/**
 * Any source, any topic, for code that does not care about the types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type AnySource = Source<unknown, unknown, unknown, unknown>

/**
 * Any topic that can be produced to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = { readonly name: string; readonly [TypeId]: unknown }

/**
 * A Schema of header values: its encoded side is an object of texts.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface HeaderSchema<H, RD, RE> extends Schema.Codec<H, { readonly [name: string]: string }, RD, RE> {}

const validName = /^[a-zA-Z0-9._-]{1,249}$/

/**
 * Why Kafka would refuse this topic name, or `undefined`: 1 to 249 of `a-z A-Z 0-9 . _ -`, and neither `.` nor `..`.
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
 * @stability unstable
 * @since 0.1.0
 * @category validation
 */
export const collide = (a: string, b: string): boolean => a !== b && a.replaceAll(".", "_") === b.replaceAll(".", "_")

// The variance markers exist for the type checker alone.
const variance: any = {}

/**
 * Makes a topic. The name is checked as Kafka checks it; a bad one is a programming error and throws.
 *
 * With `headers`, a Schema from an object of texts, each record's headers are decoded as well (`record.headerValues`),
 * and producing asks for them.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 *
 * export const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 *
 * export const Payments = Topic.make("payments", {
 *   key: Codec.string,
 *   value: Codec.json(Order),
 *   headers: Schema.Struct({ tenant: Schema.String, attempt: Schema.FiniteFromString })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <K, V, KD, KE, VD, VE, H = unknown, HD = never, HE = never>(
  name: string,
  codecs: {
    readonly key: Codec.Codec<K, KD, KE>
    readonly value: Codec.Codec<V, VD, VE>
    readonly headers?: Schema.Codec<H, { readonly [name: string]: string }, HD, HE> | undefined
  }
): Topic<K, V, KD | VD | HD, KE | VE | HE, H> => {
  const problem = invalidName(name)
  if (problem !== undefined) throw new Error(problem)
  return {
    [SourceTypeId]: variance,
    [TypeId]: variance,
    name,
    match: { _tag: "Name", name },
    codecs: { key: codecs.key, value: codecs.value, headers: codecs.headers }
  }
}

/**
 * Every topic whose whole name matches, now and later. It can be consumed, not produced to. Internal topics (`__…`)
 * never match.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * export const Audit = Topic.pattern(/audit\.[a-z]+/, { key: Codec.nullable(Codec.string), value: Codec.bytes })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const pattern = <K, V, KD, KE, VD, VE, H = unknown, HD = never, HE = never>(
  regex: RegExp,
  codecs: {
    readonly key: Codec.Codec<K, KD, KE>
    readonly value: Codec.Codec<V, VD, VE>
    readonly headers?: Schema.Codec<H, { readonly [name: string]: string }, HD, HE> | undefined
  }
): Source<K, V, KD | VD | HD, H> => ({
  [SourceTypeId]: variance,
  match: { _tag: "Pattern", regex },
  codecs: { key: codecs.key, value: codecs.value, headers: codecs.headers }
})

/**
 * Whether a topic of that name belongs to the source.
 *
 * @stability unstable
 * @since 0.1.0
 * @category predicates
 */
export const matches = (source: Pick<AnySource, "match">, name: string): boolean =>
  source.match._tag === "Name" ? source.match.name === name : matchesPattern(source.match.regex, name)

/**
 * The source in the words of an error message or a listing: the name, or the pattern between slashes.
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const show = (source: Pick<AnySource, "match">): string =>
  source.match._tag === "Name" ? source.match.name : String(source.match.regex)
