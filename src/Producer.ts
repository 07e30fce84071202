/**
 * Producing to topics. All sends of a program share one client, made on the first send; a transaction has its own.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import type * as Types from "effect/Types"
import { Pending } from "./Codec.ts"
import type { Delivery, DeliveryCallback, Position, ProducerClient, RawMessage } from "./engine/KafkaEngine.ts"
import { KafkaEngine } from "./engine/KafkaEngine.ts"
import type * as Headers from "./Headers.ts"
import { CurrentGroup } from "./internal/currentGroup.ts"
import * as Encoding from "./internal/encoding.ts"
import { CurrentTransaction, within } from "./internal/transactions.ts"
import type { KafkaError } from "./KafkaError.ts"
import * as Errors from "./KafkaError.ts"
import type * as Topic from "./Topic.ts"

/**
 * A message for a topic of `K`, `V` and header values `H`. Without a `partition` the key decides (murmur2, like the
 * Java client). `timestamp` is in milliseconds and defaults to the moment of sending. `headerValues` is required when
 * the topic has a header Schema; `headers` come after those.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Message<K, V, H = unknown> =
  & {
    readonly key: K
    readonly value: V
    readonly headers?: Headers.Input | undefined
    readonly partition?: number | undefined
    readonly timestamp?: number | undefined
  }
  & (unknown extends H ? unknown : { readonly headerValues: H })

/** What a context leads to: its transaction's client, or the shared one of its engine. It stays so. */
const clients = new WeakMap<Context.Context<never>, ProducerClient>()

/** The client that the current fiber sends with. */
const currentClient: Effect.Effect<ProducerClient, KafkaError, KafkaEngine> = Effect.withFiber((fiber) => {
  const { context } = fiber
  const known = clients.get(context)
  if (known !== undefined) return Effect.succeed(known)
  const transaction = fiber.getRef(CurrentTransaction)
  const client = transaction === undefined
    ? Effect.flatMap(KafkaEngine, (engine) => engine.producer)
    : Effect.succeed(transaction.client)
  return Effect.map(client, (client) => {
    clients.set(context, client)
    return client
  })
})

/** Encodes one message; what goes wrong in it is an error of the send. */
const encodeOne = (
  topic: string,
  encode: Encoding.Encode,
  message: Encoding.AnyMessage
): RawMessage | Effect.Effect<RawMessage, KafkaError | Schema.SchemaError> => {
  try {
    const raw = encode(message)
    return raw instanceof Pending ? Effect.mapError(raw.effect, (cause) => Encoding.failure(topic, cause)) : raw
  } catch (cause) {
    return Effect.fail(Encoding.failure(topic, cause))
  }
}

/** Hands one record to the client, waiting for space, and ends with its acknowledgement. */
const deliver = (client: ProducerClient, raw: RawMessage): Effect.Effect<Delivery, KafkaError> =>
  Effect.callback<Delivery, KafkaError>((resume) => {
    const taken = client.produce(raw, (error, delivery) => {
      resume(error === undefined ? Effect.succeed(delivery!) : Effect.fail(error))
    })
    if (!taken) resume(Effect.flatMap(client.whenSpace, () => deliver(client, raw)))
  })

/** Encodes and sends one message. */
const sendOne = (
  client: ProducerClient,
  encode: Encoding.Encode,
  topic: string,
  message: Encoding.AnyMessage
): Effect.Effect<Delivery, KafkaError | Schema.SchemaError> => {
  const raw = encodeOne(topic, encode, message)
  return Effect.isEffect(raw) ? Effect.flatMap(raw, (raw) => deliver(client, raw)) : deliver(client, raw)
}

const sendFirst = Effect.fnUntraced(function*(
  topic: Topic.Topic<any, any, any, any, any>,
  message: Encoding.AnyMessage
): Effect.fn.Return<Delivery, KafkaError | Schema.SchemaError, any> {
  const encode = yield* Encoding.encoderOf(topic)
  return yield* sendOne(yield* currentClient, encode, topic.name, message)
})

/**
 * Sends one message and ends when the broker acknowledged it.
 *
 * A full buffer is waited for. Fails with `SchemaError` when the message does not fit the topic's Schema, and with
 * `KafkaError` otherwise (`RecordTooLarge`, `UnknownTopic`, `AuthorizationFailed`, `InvalidRecord`, …). The client
 * retries by itself, in order and without duplicates, for up to `deliveryTimeout`. Interrupting it does not take back a
 * record.
 *
 * **When to use**: for single messages. Awaiting one after the other costs a round trip each: use {@link sendAll} for
 * many.
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
export const send: <K, V, RD, RE, H>(
  topic: Topic.Topic<K, V, RD, RE, H>,
  message: Types.NoInfer<Message<K, V, H>>
) => Effect.Effect<Delivery, KafkaError | Schema.SchemaError, RE | KafkaEngine> = (
  topic: Topic.Topic<any, any, any, any, any>,
  message: Encoding.AnyMessage
): Effect.Effect<Delivery, KafkaError | Schema.SchemaError, any> =>
  // After the first send in a context nothing is looked up: a send is then little more than its callback.
  Effect.withFiber(({ context }) => {
    const encode = Encoding.known(context, topic)
    const client = clients.get(context)
    return encode === undefined || client === undefined
      ? sendFirst(topic, message)
      : sendOne(client, encode, topic.name, message)
  })

/** Hands many records to the client, waiting for space, and ends when all of them have their fate. */
const deliverAll = Effect.fnUntraced(function*(
  client: ProducerClient,
  raws: ReadonlyArray<RawMessage>
): Effect.fn.Return<ReadonlyArray<Delivery>, KafkaError> {
  const deliveries = new Array<Delivery>(raws.length)
  let failure: KafkaError | undefined
  let left = raws.length
  let settled: (() => void) | undefined
  for (let i = 0; i < raws.length; i++) {
    const done: DeliveryCallback = (error, delivery) => {
      if (error === undefined) deliveries[i] = delivery!
      else failure ??= error
      if (--left === 0) settled?.()
    }
    while (!client.produce(raws[i]!, done)) yield* client.whenSpace
  }
  yield* Effect.callback<void>((resume) => {
    settled = () => resume(Effect.void)
    if (left === 0) settled()
  })
  return failure === undefined ? deliveries : yield* failure
})

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
export const sendAll: <K, V, RD, RE, H>(
  topic: Topic.Topic<K, V, RD, RE, H>,
  messages: ReadonlyArray<Types.NoInfer<Message<K, V, H>>>
) => Effect.Effect<ReadonlyArray<Delivery>, KafkaError | Schema.SchemaError, RE | KafkaEngine> = Effect.fnUntraced(
  function*(
    topic: Topic.Topic<any, any, any, any, any>,
    messages: ReadonlyArray<Encoding.AnyMessage>
  ): Effect.fn.Return<ReadonlyArray<Delivery>, KafkaError | Schema.SchemaError, any> {
    const encode = yield* Encoding.encoderOf(topic)
    const raws: Array<RawMessage> = []
    for (const message of messages) {
      const raw = encodeOne(topic.name, encode, message)
      raws.push(Effect.isEffect(raw) ? yield* raw : raw)
    }
    return yield* deliverAll(yield* currentClient, raws)
  }
)

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
export const sink = <K, V, RD, RE, H>(
  topic: Topic.Topic<K, V, RD, RE, H>
): Sink.Sink<void, Message<K, V, H>, never, KafkaError | Schema.SchemaError, RE | KafkaEngine> =>
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
export const offer: <K, V, RD, RE, H, R = never>(
  topic: Topic.Topic<K, V, RD, RE, H>,
  message: Types.NoInfer<Message<K, V, H>>,
  options: { readonly onError: (error: KafkaError) => Effect.Effect<unknown, never, R> }
) => Effect.Effect<void, KafkaError | Schema.SchemaError, RE | R | KafkaEngine> = Effect.fnUntraced(function*(
  topic: Topic.Topic<any, any, any, any, any>,
  message: Encoding.AnyMessage,
  options: { readonly onError: (error: KafkaError) => Effect.Effect<unknown, never, any> }
): Effect.fn.Return<void, KafkaError | Schema.SchemaError, any> {
  const encode = yield* Encoding.encoderOf(topic)
  const encoded = encodeOne(topic.name, encode, message)
  const raw = Effect.isEffect(encoded) ? yield* encoded : encoded
  const client = yield* currentClient
  const context = yield* Effect.context<any>()
  const done = (error: KafkaError | undefined) => {
    if (error !== undefined) Effect.runForkWith(context)(options.onError(error))
  }
  while (!client.produce(raw, done)) yield* client.whenSpace
})

/**
 * Runs an effect inside of a Kafka transaction (KIP-98): everything it sends, in any fiber it forks and awaits, becomes
 * visible to `read_committed` consumers together, when it succeeds; when it fails or is interrupted, the transaction is
 * aborted.
 *
 * Each transactional id has its own client, kept for a minute after its last use, and runs one transaction at a time. A
 * second process that uses the same id fences this one (reason `Fenced`). Kafka does not nest transactions: beginning
 * one inside of another fails.
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
export const transaction: <A, E, R>(
  transactionalId: string,
  effect: Effect.Effect<A, E, R>
) => Effect.Effect<A, E | KafkaError, R | KafkaEngine> = within

/**
 * Commits positions of the current consumer group as part of the current transaction (KIP-447): the records sent in it
 * and the progress of the group become visible together. Only inside of {@link transaction} inside of a handler.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Producer, Topic } from "millrace"
 *
 * const In = Topic.make("in", { key: Codec.none, value: Codec.string })
 * const Out = Topic.make("out", { key: Codec.none, value: Codec.string })
 *
 * export const copy = Topic.handleBatch(In, (records) =>
 *   Producer.transaction(
 *     "copy-1",
 *     Effect.gen(function*() {
 *       yield* Producer.sendAll(Out, records.map(({ value }) => ({ key: null, value })))
 *       const { offset, partition, topic } = records[records.length - 1]!
 *       yield* Producer.sendOffsets([{ topic, partition, offset: offset + 1 }])
 *     })
 *   ))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transactions
 */
export const sendOffsets = Effect.fnUntraced(function*(
  positions: ReadonlyArray<Position>
): Effect.fn.Return<void, KafkaError> {
  const current = yield* CurrentTransaction
  const group = yield* CurrentGroup
  if (current === undefined || group === undefined) {
    const problem = current === undefined
      ? "sendOffsets belongs inside of Producer.transaction"
      : "sendOffsets belongs inside of a handler: outside there is no group whose progress could be committed"
    const transactionalId = current?.transactionalId ?? ""
    return yield* Errors.make(
      "sendOffsets",
      new Errors.TransactionFailed({ transactionalId, problem, retryable: false })
    )
  }
  yield* current.client.sendOffsets(positions, group)
})

/**
 * Waits until everything that was handed to the shared client is acknowledged or failed; fails with `Timeout` after
 * `timeout` (default 30 seconds). The end of the engine's layer does it by itself.
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const flush = (timeout: Duration.Input = "30 seconds"): Effect.Effect<void, KafkaError, KafkaEngine> =>
  Effect.flatMap(currentClient, (client) => client.flush(Duration.fromInputUnsafe(timeout)))
