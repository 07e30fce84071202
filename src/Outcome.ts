/**
 * What became of records: the elements of `Consumer.outcomeBatches` and `Consumer.outcomes`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { TopicPartition } from "./engine/KafkaEngine.ts"

/**
 * A record that was not simply handled.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Outcome = Skipped | Retried | DeadLettered

/**
 * What every outcome says.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Exception<Tag extends string> {
  /** What was done with the record. */
  readonly _tag: Tag
  /** Where the record is in its partition. */
  readonly offset: number
  /** How many times its handler ran. */
  readonly attempts: number
  /** Why it failed last. */
  readonly cause: Cause.Cause<unknown>
}

/**
 * The record counts as done without having been handled.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Skipped extends Exception<"Skipped"> {}

/**
 * The broker acknowledged the record's copy in a retry topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Retried extends Exception<"Retried"> {
  /** The retry topic. */
  readonly topic: string
  /** Which of the retry topics of the policy it is, from 1. */
  readonly tier: number
  /** When it is handled again, in milliseconds since the epoch. */
  readonly due: number
}

/**
 * The broker acknowledged the record's copy in a dead letter topic, or in one that the policy routes to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DeadLettered extends Exception<"DeadLettered"> {
  /** The topic of the copy. */
  readonly topic: string
}

/**
 * One step of one partition: the records from `from` to `to` are done.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OutcomeBatch extends TopicPartition {
  /** The offset of the first record. */
  readonly from: number
  /** The offset of the last record. */
  readonly to: number
  /** How many of them were simply handled; every other one is in `exceptions`. */
  readonly handled: number
  /** How long the step took, in milliseconds. */
  readonly duration: number
  /** What became of the others, by offset. */
  readonly exceptions: ReadonlyArray<Outcome>
}
