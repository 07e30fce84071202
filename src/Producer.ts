/**
 * Producing to topics. All sends of a program share one client, made on the first send; a transaction has its own.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import type { Delivery, Position } from "./engine/KafkaEngine.ts"
import { currentClient, CurrentTracing } from "./internal/produce/route.ts"
import * as Sending from "./internal/produce/sending.ts"
import * as SendOffsets from "./internal/produce/sendOffsets.ts"
import { within } from "./internal/produce/transactions.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Input } from "./Message.ts"
import type { AnyTopic, EncodingServices } from "./Source.ts"
import * as Suppression from "./Suppression.ts"

export type {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Input,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  KeyedMessage,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Message
} from "./Message.ts"

/**
 * Whether sends are traced (default `"off"`, which costs nothing). With `"record"` each `send`, `sendAll` and `offer`
 * is a span `send <topic>` of kind `producer`, child of the current one, and its records carry it in the headers
 * `traceparent` and, when the trace came with one, `tracestate` (W3C Trace Context). A message with a `traceparent` of
 * its own keeps it. A consumer with `tracing: "record"` continues the trace.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Producer.send(Notes, { key: null, value: "a" }).pipe(
 *   Effect.withSpan("checkout"),
 *   Effect.provideService(Producer.Tracing, "record")
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Tracing: Context.Reference<"off" | "record"> = CurrentTracing

/**
 * Sends one message and ends when the broker acknowledged it.
 *
 * A full buffer is waited for. Fails with `SchemaError` when the message does not fit the topic's Schema, and with
 * `KafkaError` otherwise (`RecordTooLarge`, `UnknownTopic`, `AuthorizationFailed`, `InvalidRecord`, …). The client
 * retries by itself, in order and without duplicates, for up to `deliveryTimeout`. Interrupting it does not take back a
 * record. A suppressed message is not sent; {@link isSuppressed} knows its delivery.
 *
 * **When to use**: for single messages. For many use {@link sendAll}: awaiting each costs a round trip.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 *
 * export const program = Effect.gen(function*() {
 *   const order = new Order({ id: "1", total: 5 })
 *   const { offset, partition } = yield* Producer.send(Orders, { key: order.id, value: order })
 *   yield* Effect.log(`stored at ${partition}/${offset}`)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const send: <T extends AnyTopic>(
  topic: T,
  message: NoInfer<Input<T>>
) => Effect.Effect<Delivery, KafkaError | Schema.SchemaError, EncodingServices<T> | KafkaEngine.Service> = Sending.send

/**
 * Sends many messages with one wait: it ends when each of them was acknowledged or failed. The deliveries are in the
 * order of the messages. All messages are encoded before the first one is sent; if one of them fails at the broker, the
 * effect fails with the first such error after the others are settled.
 *
 * @example
 * ```ts
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
 *
 * export const program = Producer.sendAll(Notes, [{ key: "a", value: "1" }, { key: "b", value: "2" }])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const sendAll: <T extends AnyTopic>(
  topic: T,
  messages: ReadonlyArray<NoInfer<Input<T>>>
) => Effect.Effect<
  ReadonlyArray<Delivery>,
  KafkaError | Schema.SchemaError,
  EncodingServices<T> | KafkaEngine.Service
> = Sending.sendAll

/**
 * A sink that sends every message of a stream, a chunk of the stream at a time.
 *
 * @example
 * ```ts
 * import { Stream } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Numbers = Topic.make("numbers", { key: Codec.none, value: Codec.string })
 *
 * export const program = Stream.range(1, 1_000).pipe(
 *   Stream.map((n) => ({ key: null, value: String(n) })),
 *   Stream.run(Producer.sink(Numbers))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const sink = <T extends AnyTopic>(
  topic: T
): Sink.Sink<void, Input<T>, never, KafkaError | Schema.SchemaError, EncodingServices<T> | KafkaEngine.Service> =>
  Sink.forEachArray((messages) => sendAll(topic, messages))

/**
 * Hands one message to the client without waiting for the acknowledgement; only a full buffer is waited for. If the
 * record fails later, `onError` runs with the error. Records that are still unacknowledged when the engine's layer ends
 * are flushed then.
 *
 * **When to use**: for messages whose loss is bearable and whose latency is not, such as telemetry.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Clicks = Topic.make("clicks", { key: Codec.none, value: Codec.string })
 *
 * export const click = Producer.offer(Clicks, { key: null, value: "home" }, {
 *   onError: (error) => Effect.logWarning("click lost", error)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const offer: <T extends AnyTopic, R = never>(
  topic: T,
  message: NoInfer<Input<T>>,
  options: { readonly onError: (error: KafkaError) => Effect.Effect<unknown, never, R> }
) => Effect.Effect<void, KafkaError | Schema.SchemaError, EncodingServices<T> | R | KafkaEngine.Service> = Sending.offer

/**
 * Runs an effect whose sends to the targets send nothing. Targets are topics, names of topics or Schemas ({@link
 * Suppression.Target}); without targets everything is suppressed. That holds for the effect, the streams that it runs
 * and the fibers that it forks. Targets of nested suppressions add up; {@link unsuppress} ends all of them.
 *
 * A suppressed message is neither encoded nor sent. `send` and `sendAll` return a delivery that {@link isSuppressed}
 * recognizes; `offer` does nothing. Copies to retry and dead letter topics are never suppressed.
 *
 * **When to use**: to write what came out of Kafka without sending it back there, or to run a migration quietly.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const save = Effect.andThen(Effect.log("saved"), Producer.send(Notes, { key: null, value: "saved" }))
 *
 * export const withoutNotes = save.pipe(Producer.suppress([Notes]))
 * export const withoutAny = save.pipe(Producer.suppress())
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category suppression
 */
export const suppress: {
  (targets?: ReadonlyArray<Suppression.Target>): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(self: Effect.Effect<A, E, R>, targets?: ReadonlyArray<Suppression.Target>): Effect.Effect<A, E, R>
} = dual(
  ([self]) => Effect.isEffect(self),
  <A, E, R>(self: Effect.Effect<A, E, R>, targets?: ReadonlyArray<Suppression.Target>): Effect.Effect<A, E, R> =>
    Effect.updateService(self, Suppression.Current, Suppression.add(targets))
)

/**
 * Runs an effect with every send again, however many suppressions it is within.
 *
 * @example
 * ```ts
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Audit = Topic.make("audit", { key: Codec.none, value: Codec.string })
 *
 * export const always = Producer.send(Audit, { key: null, value: "done" }).pipe(Producer.unsuppress)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category suppression
 */
export const unsuppress: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = (
  self,
  ...more: ReadonlyArray<unknown>
) => {
  // As the function of an array's `map` it gets an index.
  if (!Effect.isEffect(self) || more.length > 0 && typeof more[0] !== "number") {
    throw new Error("unsuppress takes an effect and no targets: it ends all suppressions")
  }
  return Effect.provideService(self, Suppression.Current, Suppression.none)
}

/**
 * Suppresses for a part of a program: all that the layer builds and runs, such as the handlers of a `Consumer.layer`. A
 * layer that is already built elsewhere is shared, not built again: give this one a `Layer.fresh` then.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * export const app = Consumer.layer(printer).pipe(Producer.suppressLayer([Notes]))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category suppression
 */
export const suppressLayer: {
  (targets?: ReadonlyArray<Suppression.Target>): <A, E, R>(self: Layer.Layer<A, E, R>) => Layer.Layer<A, E, R>
  <A, E, R>(self: Layer.Layer<A, E, R>, targets?: ReadonlyArray<Suppression.Target>): Layer.Layer<A, E, R>
} = dual(
  ([self]) => Layer.isLayer(self),
  <A, E, R>(self: Layer.Layer<A, E, R>, targets?: ReadonlyArray<Suppression.Target>): Layer.Layer<A, E, R> =>
    Layer.updateService(self, Suppression.Current, Suppression.add(targets))
)

/**
 * Whether a delivery is that of a suppressed message, which was not sent. Its `partition`, `offset` and `timestamp` are
 * -1.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Producer.send(Notes, { key: null, value: "a" }).pipe(
 *   Effect.tap((delivery) => Producer.isSuppressed(delivery) ? Effect.log("not sent") : Effect.void)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category suppression
 */
export const isSuppressed = (delivery: Delivery): boolean => delivery.partition === -1

/**
 * Runs an effect inside of a Kafka transaction (KIP-98): everything it sends, in any fiber it forks and awaits, becomes
 * visible to `read_committed` consumers together, when it succeeds; a failure or an interruption aborts it.
 *
 * Each transactional id has its own client, kept for a minute after its last use, and runs one transaction at a time. A
 * second process that uses the same id fences this one (reason `Fenced`). Beginning one inside of another fails.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Debits = Topic.make("debits", { key: Codec.string, value: Codec.string })
 * const Credits = Topic.make("credits", { key: Codec.string, value: Codec.string })
 *
 * export const transfer = Producer.transaction(
 *   "transfers-1",
 *   Effect.andThen(
 *     Producer.send(Debits, { key: "alice", value: "5" }),
 *     Producer.send(Credits, { key: "bob", value: "5" })
 *   )
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transactions
 */
export const transaction: {
  (
    transactionalId: string
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | KafkaError, R | KafkaEngine.Service>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    transactionalId: string
  ): Effect.Effect<A, E | KafkaError, R | KafkaEngine.Service>
  <A, E, R>(
    transactionalId: string,
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | KafkaError, R | KafkaEngine.Service>
} = (...args: ReadonlyArray<any>): any => {
  const [first, second] = args
  if (Effect.isEffect(first)) return within(second, first)
  return args.length === 1 ? (self: Effect.Effect<any, any, any>) => within(first, self) : within(first, second)
}

/**
 * Commits positions of the current consumer group as part of the current transaction (KIP-447): the records sent in it
 * and the progress of the group become visible together. Only inside of {@link transaction} inside of a handler;
 * `Topic.handleTransactional` does both. Fails with `CommitFailed` when the handler's partition was taken away
 * meanwhile, and with `InvalidSetting` for what is no offset.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const In = Topic.make("in", { key: Codec.none, value: Codec.string })
 * const Out = Topic.make("out", { key: Codec.none, value: Codec.string })
 *
 * export const copy = Topic.handleBatch(In, (records, { next, partition, topic }) =>
 *   Producer.transaction(
 *     `copy-${topic}-${partition}`,
 *     Effect.gen(function*() {
 *       yield* Producer.sendAll(Out, records.map(({ value }) => ({ key: null, value })))
 *       yield* Producer.sendOffsets([{ topic, partition, offset: next }])
 *     })
 *   ))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transactions
 */
export const sendOffsets: (positions: ReadonlyArray<Position>) => Effect.Effect<void, KafkaError> =
  SendOffsets.sendOffsets

/**
 * Waits until everything that was handed to the shared client is acknowledged or failed; fails with `Timeout` after
 * `timeout` (default 30 seconds). The end of the engine's layer does it by itself.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const Clicks = Topic.make("clicks", { key: Codec.none, value: Codec.string })
 *
 * export const checkpoint = Producer.offer(Clicks, { key: null, value: "home" }, { onError: Effect.logWarning }).pipe(
 *   Effect.andThen(Producer.flush("5 seconds"))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const flush = (timeout: Duration.Input = "30 seconds"): Effect.Effect<void, KafkaError, KafkaEngine.Service> =>
  Effect.flatMap(currentClient, (client) => client.flush(Duration.fromInputUnsafe(timeout)))
