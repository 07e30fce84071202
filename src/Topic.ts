/**
 * Topics: a name, and the codecs of its keys, values and headers.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Codec from "./Codec.ts"
import { shown } from "./internal/shared/fields.ts"
import { partsProblem } from "./internal/shared/handedIn/partsOfTopic.ts"
import { Proto } from "./internal/shared/proto.ts"
import { invalidName, show, SourceTypeId, TopicTypeId } from "./Source.ts"
import type { Keyed, Source, Topic } from "./Source.ts"

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
  handleOwningOffsets
} from "./Handler.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  handleTags,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  skip
} from "./HandlerTags.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category handlers
   */
  handleTransactional,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type TransactionalOptions
} from "./ExactlyOnce.ts"

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
   * @category models
   */
  type DecodingServices,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type EncodingServices,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type HeaderValues,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category validation
   */
  invalidName,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category guards
   */
  isSource,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Key,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Keyed,
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
  SourceTypeId,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Topic,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category type IDs
   */
  TopicTypeId as TypeId,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  type Value
} from "./Source.ts"

/**
 * Any topic that can be produced to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = { readonly name: string; readonly [TopicTypeId]: unknown }

/**
 * The encoded side of a Schema of headers: an object of texts. A header that may be missing is an optional property.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface HeaderTexts {
  readonly [name: string]: string | undefined
}

/**
 * A Schema of header values, from an object of texts.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface HeaderSchema<H, RD, RE> extends Schema.Codec<H, HeaderTexts, RD, RE> {}

/**
 * Whether a value is a topic, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const yes: boolean = Topic.isTopic(Notes)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isTopic = (value: unknown): value is Topic<unknown, unknown, unknown, unknown, unknown> =>
  Predicate.hasProperty(value, TopicTypeId)

// The variance markers exist for the type checker alone.
const variance: any = {}

const SourceProto = {
  ...Proto,
  [SourceTypeId]: variance,
  toJSON(this: Source<unknown, unknown, unknown, unknown>) {
    return { _id: "Source", pattern: show(this) }
  },
  toString(this: Source<unknown, unknown, unknown, unknown>) {
    return `Source(${show(this)})`
  }
}

const TopicProto = {
  ...SourceProto,
  [TopicTypeId]: variance,
  toJSON(this: { readonly name: string }) {
    return { _id: "Topic", name: this.name }
  },
  toString(this: { readonly name: string }) {
    return `Topic(${this.name})`
  }
}

interface Parts<K, V, KD, KE, VD, VE, H, HD, HE> {
  readonly key: Codec.Codec<K, KD, KE>
  readonly value: Codec.Codec<V, VD, VE>
  readonly headers?: Schema.Codec<H, HeaderTexts, HD, HE> | undefined
}

/**
 * Makes a topic. The name is checked as Kafka checks it; a bad one is a programming error and throws, and so
 * do codecs that are none.
 *
 * With `headers`, a Schema from an object of texts, each record's headers are decoded as well (`record.headerValues`),
 * and producing asks for them. With `keyOf`, which takes the key from a value, sends take values as well as messages; a
 * message with a key keeps it.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 *
 * export const Orders = Topic.make("orders", {
 *   key: Codec.string,
 *   value: Codec.json(Order),
 *   keyOf: (order) => order.id
 * })
 * export const sent = Producer.send(Orders, new Order({ id: "1", total: 5 }))
 *
 * export const Payments = Topic.make("payments", {
 *   key: Codec.string,
 *   value: Codec.json(Order),
 *   headers: Schema.Struct({ tenant: Schema.String, attempt: Schema.optional(Schema.FiniteFromString) })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make: {
  <K, V, KD, KE, VD, VE, H = unknown, HD = never, HE = never>(
    name: string,
    codecs: Parts<K, V, KD, KE, VD, VE, H, HD, HE> & {
      readonly keyOf: (value: NoInfer<Exclude<V, null>>) => NoInfer<K>
    }
  ): Keyed<K, V, KD | VD | HD, KE | VE | HE, H>
  <K, V, KD, KE, VD, VE, H = unknown, HD = never, HE = never>(
    name: string,
    codecs: Parts<K, V, KD, KE, VD, VE, H, HD, HE> & { readonly keyOf?: undefined }
  ): Topic<K, V, KD | VD | HD, KE | VE | HE, H>
} = (
  name: string,
  codecs: Parts<any, any, any, any, any, any, any, any, any> & { readonly keyOf?: ((value: any) => any) | undefined }
): Keyed<any, any, any, any, any> => {
  const problem = invalidName(name) ?? partsProblem("Topic", `topic "${name}"`, codecs)
  if (problem !== undefined) throw new Error(problem)
  const { headers, key, keyOf, value } = codecs
  return Object.assign(Object.create(TopicProto), {
    name,
    match: { _tag: "Name", name },
    codecs: { key, value, headers },
    ...(keyOf === undefined ? {} : { keyOf })
  })
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
    readonly headers?: Schema.Codec<H, HeaderTexts, HD, HE> | undefined
    readonly failures?: boolean | undefined
  }
): Source<K, V, KD | VD | HD, H> => {
  const problem = regex instanceof RegExp
    ? partsProblem("Pattern", `pattern ${regex}`, codecs)
    : `${shown(regex)} is not a regular expression; write e.g. /orders[.].+/`
  if (problem !== undefined) throw new Error(problem)
  return Object.assign(Object.create(SourceProto), {
    match: { _tag: "Pattern", regex, failures: codecs.failures ?? false },
    codecs: { key: codecs.key, value: codecs.value, headers: codecs.headers }
  })
}
