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
import { waiting } from "./internal/deadLetters/waiting.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Summary } from "./RetryTopic.ts"

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
