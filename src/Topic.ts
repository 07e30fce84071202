/**
 * Topics: a name, and the codecs of its keys, values and headers.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import type * as Codec from "./Codec.ts"
import { invalidName, SourceTypeId } from "./Source.ts"
import type { Source } from "./Source.ts"

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

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Difference,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category administration
   */
  ensure,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Ensured,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Shape
} from "./TopicAdmin.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type From,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category reading
   */
  read,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type ReadOptions
} from "./TopicReader.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type AnySource,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category validation
   */
  collide,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category validation
   */
  invalidName,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category predicates
   */
  matches,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category getters
   */
  show,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Source,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category type IDs
   */
  SourceTypeId
} from "./Source.ts"

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
 * never match; retry, dead letter and parked topics with standard names (`<group>.<topic>.dlt`, …), of any group, only
 * with `failures: true` (default `false`): two groups that took in each other's dead letters would make topics for
 * ever.
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
    readonly failures?: boolean | undefined
  }
): Source<K, V, KD | VD | HD, H> => ({
  [SourceTypeId]: variance,
  match: { _tag: "Pattern", regex, failures: codecs.failures ?? false },
  codecs: { key: codecs.key, value: codecs.value, headers: codecs.headers }
})
