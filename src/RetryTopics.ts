/**
 * The retry topics and dead letter topics of a consumer: how they are called, who makes them, how records get there,
 * and what waits in them.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Consumer from "./Consumer.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import * as Adopting from "./internal/deadLetters/adopting.ts"
import { waiting } from "./internal/deadLetters/waiting.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Adopted, Summary } from "./RetryTopic.ts"

export * from "./RetryTopic.ts"

/**
 * What waits in the retry topics of a consumer, in the order of its tiers.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Codec, Consumer, Retry, RetryTopics, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: Retry.nonBlocking(Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 }))),
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Effect.gen(function*() {
 *   for (const { topic, waiting } of yield* RetryTopics.list(billing)) yield* Effect.log(`${topic}: ${waiting} wait`)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category reading
 */
export const list = <E, R>(
  consumer: Consumer.Consumer<E, R>
): Effect.Effect<ReadonlyArray<Summary>, KafkaError, KafkaEngine.Service> => waiting(consumer)

/**
 * Takes retry topics over from other groups that read them before, such as those of a Spring application: the group of
 * the retry topics goes on where those ended, and never back. Without it, it would read the topics from the beginning
 * and handle again what they handled. Where several of them have read a partition the furthest counts. Returns what
 * changed, or with `dryRun` (default `false`) what would. Fails with `InvalidSetting` while a group has members.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Codec, Consumer, Retry, RetryTopics, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: Retry.nonBlocking(Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 }))),
 *   retries: { naming: RetryTopics.spring },
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const takeOver = RetryTopics.adopt(billing, { from: ["billing-retry"] })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category moving
 */
export const adopt = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  { dryRun, from }: { readonly from: ReadonlyArray<string>; readonly dryRun?: boolean | undefined }
): Effect.Effect<ReadonlyArray<Adopted>, KafkaError, KafkaEngine.Service> =>
  Adopting.adopt(consumer, { groups: from, dryRun })

/**
 * Gives retry topics back to the groups that read them before {@link adopt}: they go on where the group of the retry
 * topics ended, and never back. Each of the groups gets the offsets of all retry topics of the consumer.
 *
 * @example
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Codec, Consumer, Retry, RetryTopics, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: Retry.nonBlocking(Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 }))),
 *   retries: { naming: RetryTopics.spring },
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const giveBack = RetryTopics.handBack(billing, { to: ["billing-retry"] })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category moving
 */
export const handBack = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  { dryRun, to }: { readonly to: ReadonlyArray<string>; readonly dryRun?: boolean | undefined }
): Effect.Effect<ReadonlyArray<Adopted>, KafkaError, KafkaEngine.Service> =>
  Adopting.handBack(consumer, { groups: to, dryRun })
