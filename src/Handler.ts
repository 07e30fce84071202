/**
 * A source paired with the effect that handles its records.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Types from "effect/Types"
import type { RecordError } from "./BatchFailed.ts"
import type { Position, TopicPartition } from "./engine/KafkaEngine.ts"
import type { Reading } from "./internal/partition/reading.ts"
import { policyOf } from "./internal/shared/handedIn/handlerOptions.ts"
import { Proto } from "./internal/shared/proto.ts"
import type * as OnFailure from "./OnFailure.ts"
import type * as Record from "./Record.ts"
import { type AnySource, type DecodingServices, type HeaderValues, type Key, show, type Value } from "./Source.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Handler"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * How many records of one partition are handled at once.
 *
 * - `"partition"` (default): one; record n+1 starts after n finished. Order per partition.
 * - `{ keys: n }`: up to `n` different keys. Order per key (records without a key are one key).
 * - `{ unordered: n }`: up to `n` records. No order.
 *
 * In each the committed offset is the end of the contiguous finished prefix.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Concurrency = "partition" | { readonly keys: number } | { readonly unordered: number }

/**
 * The part of its partition that a batch covers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Span extends TopicPartition {
  /** The offset that the batch begins at. */
  readonly start: number
  /** The offset to store, and to go on from: it covers gaps and control records. */
  readonly next: number
}

/**
 * The consumer for which a handler owns the offsets.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Owner {
  /** Its group; of the consumer of retry topics that is `<group>.retry`. */
  readonly group: string
}

/**
 * Records of one partition given to a handler that owns its offsets.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OwnedBatch<out K, out V, out H = unknown> extends Span {
  /** The group of the consumer: offsets that are stored for it are read again by `startOffsets`. */
  readonly group: string
  /** The records, in the order of the partition. None where those up to `next` were skipped, or routed elsewhere. */
  readonly records: ReadonlyArray<Record.Record<K, V, H>>
}

/** A reader for each partition. @internal */
export interface StreamCall<R> {
  readonly _tag: "Stream"
  readonly read: (reader: Reading) => Effect.Effect<unknown, unknown, R>
}

/** How a handler is called, without its types; `R` is what it still needs. @internal */
export type Call<R = any> =
  | {
    readonly _tag: "Record"
    readonly run: (record: Record.Record<any, any, any>) => Effect.Effect<unknown, unknown, R>
    readonly concurrency: Concurrency
  }
  | {
    readonly _tag: "Batch"
    readonly run: (
      records: ReadonlyArray<Record.Record<any, any, any>>,
      span: Span
    ) => Effect.Effect<unknown, unknown, R>
    readonly maxSize: number
    readonly maxWait: Duration.Input
  }
  | {
    readonly _tag: "Owned"
    readonly run: (batch: OwnedBatch<any, any, any>) => Effect.Effect<unknown, unknown, R>
    /** Whether it decodes the records itself: it is given `Undecoded` ones. */
    readonly decodes: boolean
    readonly startOffsets: (
      partitions: ReadonlyArray<TopicPartition>,
      owner: Owner
    ) => Effect.Effect<ReadonlyArray<Position>, unknown, R>
    readonly maxSize: number
    readonly maxWait: Duration.Input
  }
  | StreamCall<R>

/**
 * A handler that may fail with `E` and needs `R`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Handler<out E, out R> extends Pipeable {
  /** For the type checker alone. */
  readonly [TypeId]: {
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
  /** @internal */
  readonly source: Pick<AnySource, "match" | "codecs">
  /** @internal */
  readonly call: Call
  /** @internal */
  readonly onFailure: OnFailure.Any | undefined
}

/**
 * Any handler. Opaque on purpose: a wider type would fix the inference of its parts. What it fails with and needs is
 * not known: a consumer of such handlers needs `unknown`, and cannot be run. Give it a list of their own types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = { readonly [TypeId]: unknown }

/**
 * Whether a value is a handler, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { Codec, Handler, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const yes: boolean = Handler.isHandler(Topic.handle(Notes, Topic.skip))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isHandler = (value: unknown): value is Handler<unknown, unknown> => Predicate.hasProperty(value, TypeId)

/**
 * The error of a handler; `unknown` of one whose type says nothing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Error<H> = H extends Handler<infer E, infer _> ? E : unknown

/**
 * The services of a handler; `unknown` of one whose type says nothing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Services<H> = H extends Handler<infer _, infer R> ? R : unknown

/**
 * The settings of a handler.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options<E, out RX> {
  /** What happens when the handler fails (default: the consumer's `onFailure`). */
  readonly onFailure?: OnFailure.For<E, RX> | undefined
  /** How many records of a partition are handled at once (default `"partition"`: one). */
  readonly concurrency?: Concurrency | undefined
}

/**
 * The settings of a batch handler. When the fetch budget is used up a batch is handled before it is full.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface BatchOptions<E, out RX> {
  /** What happens when the handler fails (default: the consumer's `onFailure`). */
  readonly onFailure?: OnFailure.For<E, RX> | undefined
  /** How many records are handled at a time at most (default 500). */
  readonly maxSize?: number | undefined
  /** How long a batch that is not full waits for more records (default: not at all). */
  readonly maxWait?: Duration.Input | undefined
}

/** A handler of a call, without its types. Throws for options that it does not have. @internal */
export const fromCall = (
  source: Pick<AnySource, "match" | "codecs">,
  call: Call,
  options?: { readonly onFailure?: OnFailure.Any | undefined }
): Handler<any, any> =>
  Object.assign(Object.create(HandlerProto), { source, call, ...policyOf(call._tag, String(source), options) })

const HandlerProto = {
  ...Proto,
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  toJSON(this: Handler<any, any>) {
    return { _id: "Handler", source: show(this.source), call: this.call._tag }
  },
  toString(this: Handler<any, any>) {
    return `Handler(${show(this.source)})`
  }
}

/** The same handler of a batch with its own offsets, given undecoded records. @internal */
export const givenUndecoded = <E, R>(handler: Handler<E, R>): Handler<E, R> =>
  Object.assign(Object.create(HandlerProto), handler, { call: { ...handler.call, decodes: true } })

const batchDefaults = { maxSize: 500, maxWait: 0 } as const

/**
 * Handles a source record by record.
 *
 * **When to use**: the normal case. Write the handler with `Effect.fnUntraced`: an inline `Effect.gen` costs a
 * generator function per record. A handler that requires `Scope` gets one per call, and fibers that it forks as
 * children end with the call.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, OnFailure, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 *
 * export const printOrders = Topic.handle(
 *   Orders,
 *   Effect.fnUntraced(function*(record) {
 *     yield* Effect.log(`${record.key}: ${record.value.total}`)
 *   }),
 *   { onFailure: OnFailure.skip, concurrency: { keys: 16 } }
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handle = <S extends AnySource, E = any, R = never, RX = never>(
  source: S,
  handler: (record: Record.Of<S>) => Effect.Effect<unknown, E, R>,
  // Where the handler's parameters are inferred, the compiler checks the options first, with the default of `E`: under
  // `never` it would refuse each policy that names a tag.
  options?: Options<Types.NoInfer<E>, RX>
): Handler<E, R | DecodingServices<S> | RX> =>
  fromCall(
    source,
    // Its records are decoded by the codecs of the source.
    {
      _tag: "Record",
      run: handler as (record: any) => Effect.Effect<unknown, E, R>,
      concurrency: options?.concurrency ?? "partition"
    },
    options
  )

/**
 * Handles a source in batches, each of one partition and in order. The batch succeeds or fails as a whole: after a
 * failure `onFailure` decides for all of its records. A handler that knows which record failed says so with
 * `BatchFailed`: then that one is judged alone, and the batch goes on behind it. The handler also gets the part of the
 * partition that the batch covers, with the offset behind it (`next`).
 *
 * **When to use**: when one statement for many records is cheaper than one each (bulk inserts, one HTTP call).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const Clicks = Topic.make("clicks", { key: Codec.none, value: Codec.string })
 *
 * export const countClicks = Topic.handleBatch(Clicks, (records) => Effect.log(`${records.length} clicks`), {
 *   maxSize: 1_000,
 *   maxWait: "50 millis"
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handleBatch = <S extends AnySource, E = any, R = never, RX = never>(
  source: S,
  handler: (records: ReadonlyArray<Record.Of<S>>, span: Span) => Effect.Effect<unknown, E, R>,
  options?: BatchOptions<RecordError<Types.NoInfer<E>>, RX>
): Handler<RecordError<E>, R | DecodingServices<S> | RX> =>
  fromCall(
    source,
    {
      _tag: "Batch",
      // Its records are decoded by the codecs of the source.
      run: handler as (records: ReadonlyArray<any>, span: Span) => Effect.Effect<unknown, E, R>,
      maxSize: options?.maxSize ?? batchDefaults.maxSize,
      maxWait: options?.maxWait ?? batchDefaults.maxWait
    },
    options
  )

/**
 * Handles a source in batches and owns the offsets: the handler stores `batch.next` itself, in the same transaction as
 * what it does with the records, so that both happen exactly once. On each assignment `startOffsets` is asked where to
 * go on, for the consumer's group (partitions it does not know start at the committed offset, or by `offsetReset`);
 * Kafka's committed offset only shows the lag.
 *
 * **When to use**: when the effect of a record and its offset can live in one database transaction.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const Clicks = Topic.make("clicks", { key: Codec.none, value: Codec.string })
 * const offsets = new Map<string, number>()
 *
 * export const tally = Topic.handleOwningOffsets(
 *   Clicks,
 *   (batch) => Effect.sync(() => offsets.set(`${batch.topic}/${batch.partition}`, batch.next)),
 *   {
 *     startOffsets: (partitions) =>
 *       Effect.sync(() =>
 *         partitions.flatMap((tp) => {
 *           const offset = offsets.get(`${tp.topic}/${tp.partition}`)
 *           return offset === undefined ? [] : [{ ...tp, offset }]
 *         })
 *       )
 *   }
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const handleOwningOffsets = <S extends AnySource, E = any, R = never, ES = never, RS = never, RX = never>(
  source: S,
  handler: (batch: OwnedBatch<Key<S>, Value<S>, HeaderValues<S>>) => Effect.Effect<unknown, E, R>,
  options: BatchOptions<RecordError<Types.NoInfer<E>>, RX> & {
    readonly startOffsets: (
      partitions: ReadonlyArray<TopicPartition>,
      owner: Owner
    ) => Effect.Effect<ReadonlyArray<Position>, ES, RS>
  }
): Handler<RecordError<E> | ES, R | DecodingServices<S> | RS | RX> =>
  fromCall(
    source,
    {
      _tag: "Owned",
      run: handler,
      decodes: false,
      startOffsets: options?.startOffsets,
      maxSize: options?.maxSize ?? batchDefaults.maxSize,
      maxWait: options?.maxWait ?? batchDefaults.maxWait
    },
    options
  )
