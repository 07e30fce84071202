/**
 * What became of records: the elements of `Consumer.stream`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type { TopicPartition } from "./engine/KafkaEngine.ts"

/**
 * A record that was not simply handled. `attempts` counts the executions of the handler.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Outcome = {
  readonly _tag: "Skipped"
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
