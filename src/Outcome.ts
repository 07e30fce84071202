/**
 * What became of records: the elements of `Consumer.outcomeBatches`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { TopicPartition } from "./engine/KafkaEngine.ts"

/**
 * A record that was not simply handled. `attempts` counts the executions of the handler.
 *
 * - `Skipped`: it counts as done without having been handled.
 * - `Retried`: the broker acknowledged its copy in a retry topic, from where it is handled again at `due` (milliseconds
 *   since the epoch). `tier` counts the retry topics from 1.
 * - `DeadLettered`: the broker acknowledged its copy in `topic`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | Exception<"Skipped">
  | Exception<"Retried"> & { readonly topic: string; readonly tier: number; readonly due: number }
  | Exception<"DeadLettered"> & { readonly topic: string }

/**
 * What all outcomes tell.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Exception<Tag extends string> {
  readonly _tag: Tag
  readonly offset: number
  readonly attempts: number
  readonly cause: Cause.Cause<unknown>
}

/**
 * One step of one partition: the records with offsets `from` to `to` (both included) are done. `handled` counts those
 * whose handler succeeded; every other one is in `exceptions`. `duration` is in milliseconds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OutcomeBatch extends TopicPartition {
  readonly from: number
  readonly to: number
  readonly handled: number
  readonly duration: number
  readonly exceptions: ReadonlyArray<Outcome>
}
