/**
 * Partitions of topics: to make, compare, sort and show them, and to use them as keys.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Equivalence_ from "effect/Equivalence"
import * as Order_ from "effect/Order"
import type { TopicPartition } from "./engine/Model.ts"

export type {
  /**
   * One partition of one topic.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  TopicPartition
} from "./engine/Model.ts"

/**
 * Names a partition: `partition` counts from 0.
 *
 * @example
 * ```ts
 * import { TopicPartition } from "millrace"
 *
 * export const first = TopicPartition.make("orders", 0)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (topic: string, partition: number): TopicPartition => ({ topic, partition })

/**
 * The partition as `topic/partition`, for messages and as the key of a map. No two partitions share it: topic names
 * have no slash.
 *
 * @example
 * ```ts
 * import { TopicPartition } from "millrace"
 *
 * export const offsets = new Map<string, number>()
 *
 * export const noteStart = (tp: TopicPartition.TopicPartition) => offsets.set(TopicPartition.format(tp), 0)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category conversions
 */
export const format = ({ partition, topic }: TopicPartition): string => `${topic}/${partition}`

/**
 * Whether two name the same partition, also when one carries more, as a record or a position does.
 *
 * @example
 * ```ts
 * import type { Record } from "millrace"
 * import { TopicPartition } from "millrace"
 *
 * export const together = (one: Record.Record<string, string>, other: Record.Record<string, string>): boolean =>
 *   TopicPartition.Equivalence(one, other)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category instances
 */
export const Equivalence: Equivalence_.Equivalence<TopicPartition> = Equivalence_.make((self, that) =>
  self.partition === that.partition && self.topic === that.topic
)

/**
 * By topic, then by partition.
 *
 * @example
 * ```ts
 * import { Array } from "effect"
 * import { TopicPartition } from "millrace"
 *
 * export const sorted = Array.sort([TopicPartition.make("b", 0), TopicPartition.make("a", 10)], TopicPartition.Order)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category instances
 */
export const Order: Order_.Order<TopicPartition> = Order_.combine(
  Order_.mapInput(Order_.String, ({ topic }: TopicPartition) => topic),
  Order_.mapInput(Order_.Number, ({ partition }: TopicPartition) => partition)
)

/**
 * Each partition once, in the order of the first mentions. What is more than topic and partition stays that of the last
 * mention.
 *
 * @example
 * ```ts
 * import { TopicPartition } from "millrace"
 *
 * const first = TopicPartition.make("orders", 0)
 * export const one = TopicPartition.distinct([first, first])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const distinct = <A extends TopicPartition>(partitions: ReadonlyArray<A>): ReadonlyArray<A> => [
  ...new Map(partitions.map((partition) => [format(partition), partition])).values()
]
