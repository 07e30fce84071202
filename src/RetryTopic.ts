/**
 * What `RetryTopics` works with: tiers, names, settings.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Schedule from "effect/Schedule"
import type { KafkaError } from "./KafkaError.ts"

/**
 * A source topic and the group that reads it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Source {
  readonly group: string
  readonly topic: string
}

/**
 * A retry topic: so many retries in a row (`attempts`, may be `Infinity`) with the same `delay` (in milliseconds).
 * `index` counts from 1.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Tier {
  readonly index: number
  readonly delay: number
  readonly attempts: number
}

/**
 * How topics are called. `tiers` are all retry topics of the source.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Naming {
  readonly retry: (source: Source, tier: Tier, tiers: ReadonlyArray<Tier>) => string
  readonly deadLetter: (source: Source) => string
}

/**
 * `<group>.<topic>.retry.1` and so on, `<group>.<topic>.dlt`: the default, and the names of django-kafka. The group is
 * part of them, so that two groups of one topic do not meet.
 *
 * @example
 * ```ts
 * import { RetryTopics } from "millrace"
 *
 * console.log(RetryTopics.standard.deadLetter({ group: "billing", topic: "orders" })) // billing.orders.dlt
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category naming
 */
export const standard: Naming = {
  retry: ({ group, topic }, tier) => `${group}.${topic}.retry.${tier.index}`,
  deadLetter: ({ group, topic }) => `${group}.${topic}.dlt`
}

/**
 * `<topic>-retry-<milliseconds>` (`<topic>-retry` when there is one alone) and `<topic>-dlt`: Spring's names, for
 * sharing topics with an application that uses them. Two groups with the same topic would share them as well.
 *
 * @example
 * ```ts
 * import type { RetryTopics as Options } from "millrace"
 * import { RetryTopics } from "millrace"
 *
 * export const retries: Options.Options = { naming: RetryTopics.spring, topics: "require" }
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category naming
 */
export const spring: Naming = {
  retry: ({ topic }, tier, tiers) => tiers.length === 1 ? `${topic}-retry` : `${topic}-retry-${tier.delay}`,
  deadLetter: ({ topic }) => `${topic}-dlt`
}

/**
 * What a consumer may say about its retry and dead letter topics.
 *
 * - `topics` (default `"create"`): `"create"` makes missing ones before the consumer starts, with the partitions of the
 *   source, the broker's replication, and a retention of 7 days or ten times the delay, whichever is longer.
 *   `"require"` starts only if all are there, and says which are not and how to create them.
 * - `naming` (default {@link standard}): a naming of your own needs handlers of named topics, not of patterns.
 * - `publish` (default exponential from 500 ms, at most 30 s apart, for ever): when a copy that the broker did not take
 *   is sent again. The handler is not run again, and the partition waits. When it is over, the consumer stops at the
 *   record. What no retry can heal (no permission, a record that is too large) stops it at once.
 * - `transactional` (default `false`): the copy and the offset of its record are committed in one transaction, so that
 *   a crash leaves no second copy. It needs concurrency `"partition"`, an engine with transactions, and a few
 *   milliseconds per copy.
 * - `deadLetterLimit` (default none): stops at a record instead of sending it to the dead letter topic when too many
 *   went there: `consecutive` ones of a partition in a row, or more than `ratio` (0 to 1) of its last `window` (default
 *   1000) records. A partition that stopped is held, and health is red, under `Consumer.layer`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly topics?: "create" | "require" | undefined
  readonly naming?: Naming | undefined
  readonly publish?: Schedule.Schedule<unknown, KafkaError> | undefined
  readonly transactional?: boolean | undefined
  readonly deadLetterLimit?: DeadLetterLimit | undefined
}

/**
 * When too much went to the dead letter topics; see {@link Options}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DeadLetterLimit {
  readonly consecutive?: number | undefined
  readonly ratio?: number | undefined
  readonly window?: number | undefined
}

/**
 * The defaults of {@link Options}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const defaults = {
  topics: "create",
  naming: standard,
  publish: Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")]),
  transactional: false
} as const satisfies Options

/**
 * A retry topic of a consumer. `delay` is in milliseconds, `undefined` for a topic that an earlier policy left behind
 * (found by our own names alone); `waiting` counts records of this group, each
 * where its latest copy is; where more than 10,000 wait in all, the offsets that the retry consumer has not committed.
 * `nextDue` is when the first record is due, `oldest` when the oldest one was written, both in milliseconds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly topic: string
  readonly source: string
  readonly tier: number
  readonly delay: number | undefined
  readonly partitions: number | undefined
  readonly waiting: number
  readonly nextDue: number | undefined
  readonly oldest: number | undefined
}
