/**
 * Consumers: a group, what it handles, and what happens when a handler fails.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Types from "effect/Types"
import type { Settings } from "./ConsumerSettings.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import type * as Handler from "./Handler.ts"
import type { HandlerFailed } from "./HandlerFailed.ts"
import type * as Health from "./Health.ts"
import * as Plan from "./internal/plan/plan.ts"
import * as Runtime from "./internal/run/runtime.ts"
import { superviseAll, type Supervised } from "./internal/run/supervisor.ts"
import { Proto } from "./internal/shared/proto.ts"
import * as HealthCell from "./internal/telemetry/healthCell.ts"
import type { KafkaError } from "./KafkaError.ts"
import type * as OnFailure from "./OnFailure.ts"
import type { Outcome, OutcomeBatch } from "./Outcome.ts"
import * as Source from "./Source.ts"

export {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category streams
   */
  partitioned,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category streams
   */
  records,
  /**
   * @stability unstable
   * @since 0.1.0
   * @category streams
   */
  runPartitions
} from "./RecordStream.ts"

export type {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Settings
} from "./ConsumerSettings.ts"

export type {
  /**
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Uncommitted
} from "./RecordStream.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Consumer"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * A consumer whose handlers fail with `E` and need `R`. It is a description: nothing runs until it is given to
 * {@link run}, {@link outcomeBatches} or {@link layer}, and it may be given to them several times (several members of
 * one group).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Consumer<out E, out R> extends Pipeable {
  readonly [TypeId]: {
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
  /** The group that its members are in. */
  readonly group: string
  /** Its settings as they were given, without defaults. */
  readonly settings: Settings
  /** @internal */
  readonly handlers: ReadonlyArray<Handler.Handler<any, any>>
  /** @internal */
  readonly onFailure: OnFailure.Any
}

/**
 * Any consumer, for code that does not look at the types.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = { readonly [TypeId]: unknown }

/**
 * Whether a value is a consumer, also one that another copy of this package made.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * export const yes: boolean = Consumer.isConsumer(printer)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isConsumer = (value: unknown): value is Consumer<unknown, unknown> => Predicate.hasProperty(value, TypeId)

const ConsumerProto = {
  ...Proto,
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  toJSON(this: Consumer<unknown, unknown>): unknown {
    const { group, handlers, settings: { offsetReset } } = this
    return { _id: "Consumer", group, offsetReset, handlers: handlers.map(({ source }) => Source.show(source)) }
  }
}

/**
 * The error of a consumer's handlers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Error<C> = C extends Consumer<infer E, infer _> ? E : unknown

/**
 * The services of a consumer's handlers.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Services<C> = C extends Consumer<infer _, infer R> ? R : unknown

/**
 * Describes a consumer. The group is its name in Kafka: members with the same group share the partitions.
 *
 * `onFailure` is the policy of every handler that has none of its own. A wrong combination, such as two handlers of one
 * topic or a drain budget that is too long, fails when the consumer is run, before anything is connected, with the
 * reason `InvalidSetting`.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 *
 * class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
 *
 * export const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(`charging ${record.value.total}`))]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <const H extends ReadonlyArray<Handler.Any>, RX = never>(
  group: string,
  options: Settings & {
    readonly handlers: H
    readonly onFailure: OnFailure.For<Types.NoInfer<Handler.Error<H[number]>>, RX>
  }
): Consumer<Handler.Error<H[number]>, Handler.Services<H[number]> | RX> => {
  const { handlers, onFailure, ...settings } = options
  return Object.assign(Object.create(ConsumerProto), { group, settings, handlers, onFailure })
}

/**
 * Checks a consumer as running it would, without connecting: fails with `InvalidSetting`, which names the setting.
 *
 * **When to use**: in a test, or to check the consumers of a deployment before any of them is started.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   drainTimeout: "10 minutes",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * // "drainTimeout: 600000 ms is not below maxPollInterval (300000 ms): …"
 * export const problem = Effect.map(Effect.flip(Consumer.validate(printer)), (error) => error.message)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category validation
 */
export const validate = <E, R>(consumer: Consumer<E, R>): Effect.Effect<void, KafkaError> =>
  Effect.asVoid(Plan.make(consumer))

/**
 * Consumes until the effect is interrupted, a handler's policy says stop, or the engine fails; with `until: "end"` also
 * until everything was handled. Interrupting it drains: running handlers finish within `drainTimeout`, finished
 * positions are committed, the member leaves the group.
 *
 * **When to use**: when the program is this consumer. `Consumer.layer` is for a consumer beside other things.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   until: "end",
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Consumer.run(printer).pipe(Effect.provide(InMemoryKafka.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const run = <E, R>(
  consumer: Consumer<E, R>
): Effect.Effect<void, KafkaError | HandlerFailed<E>, Exclude<R, Scope.Scope> | KafkaEngine.Service> =>
  Effect.scoped(Effect.gen(function*() {
    const plan = yield* Plan.make(consumer)
    return yield* yield* Runtime.startAllScoped(plan, undefined)
  }))

/**
 * Consumes while the stream runs. It has an element for each step of a partition: how many records were handled, and
 * the outcome of every other one. A slow reader slows the handlers down. Ending the stream drains, as {@link run} does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.skip,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * export const firstHundredSteps = Consumer.outcomeBatches(printer).pipe(
 *   Stream.take(100),
 *   Stream.runForEach((step) => Effect.log(`${step.topic}/${step.partition}: ${step.handled} handled`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const outcomeBatches = <E, R>(
  consumer: Consumer<E, R>
): Stream.Stream<OutcomeBatch, KafkaError | HandlerFailed<E>, Exclude<R, Scope.Scope> | KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const plan = yield* Plan.make(consumer)
    const queue = yield* Queue.bounded<OutcomeBatch, KafkaError | HandlerFailed<E> | Cause.Done>(16)
    const emit = (batch: OutcomeBatch) => Effect.asVoid(Queue.offer(queue, batch))
    const ended = yield* Runtime.startAllScoped(plan, emit)
    // Runs before the stop above: nobody reads any more, and no worker may wait for a reader while it drains.
    yield* Effect.addFinalizer(() => Queue.shutdown(queue))
    yield* Effect.forkScoped(
      Effect.onExit(ended, (exit) => Exit.isSuccess(exit) ? Queue.end(queue) : Queue.failCause(queue, exit.cause))
    )
    return Stream.fromQueue(queue)
  }))

/**
 * Consumes like {@link outcomeBatches}; an element for each record that was not simply handled.
 *
 * @example
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.skip,
 *   handlers: [Topic.handle(Notes, ({ value }) => value === "" ? Effect.fail("empty") : Effect.log(value))]
 * })
 *
 * export const program = Stream.runForEach(
 *   Consumer.outcomes(printer),
 *   ({ _tag, offset, partition }) => Console.log(`${_tag}: offset ${offset} of partition ${partition}`)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const outcomes = <E, R>(
  consumer: Consumer<E, R>
): Stream.Stream<
  Outcome & { readonly topic: string; readonly partition: number },
  KafkaError | HandlerFailed<E>,
  Exclude<R, Scope.Scope> | KafkaEngine.Service
> =>
  Stream.flatMap(
    outcomeBatches(consumer),
    ({ exceptions, partition, topic }) =>
      Stream.fromIterable(exceptions.map((outcome) => ({ ...outcome, topic, partition })))
  )

/**
 * Consumes in the background for as long as the layer lives.
 *
 * Wrong settings and failed authentication fail the build of the layer. After other errors, such as a broker that is
 * not up yet or a missing topic, the consumer is started again by `restart`, and {@link Health.all} shows the error. A
 * partition whose policy says stop is held at its record, and health is red, while the others go on. It goes on when it
 * is assigned again, or a seek moves it.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { ConfluentKafka } from "millrace/confluent"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 * const printer = Consumer.make("printer", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.stop,
 *   handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 * })
 *
 * export const app = Consumer.layer(printer).pipe(
 *   Layer.provide(ConfluentKafka.layer({ bootstrapServers: ["localhost:9092"] }))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(
  consumer: Consumer<E, R>
): Layer.Layer<never, KafkaError, Exclude<R, Scope.Scope> | KafkaEngine.Service> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const restart = consumer.settings.restart ?? defaultRestart
    const members: Array<Supervised> = []
    for (const plan of Runtime.plansOf(yield* Plan.make(consumer))) {
      const health = yield* HealthCell.register(plan.group)
      const options = { holds: true, health, emit: undefined }
      members.push({ group: plan.group, health, start: (onStarted) => Runtime.startIfOn(plan, options, onStarted) })
    }
    yield* superviseAll(members, restart)
  }))

const defaultRestart: Schedule.Schedule<unknown, unknown> = Schedule.min([
  Schedule.exponential("500 millis"),
  Schedule.spaced("30 seconds")
])
