/**
 * Controls of consumers that are running in this process: replay, pause, commit now, stop.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Position, TopicPartition } from "./engine/KafkaEngine.ts"
import type { KafkaError } from "./KafkaError.ts"

/**
 * One running member of a group. Each call concerns the partitions that this member has now. `seek`, `pause` and
 * `resume` of one that it does not have fail with `UnknownTopic`; for `retryNow` and `skip` nothing waits there.
 *
 * - `seek`: goes on from another offset, once the record in work is finished. The new position is committed, so a
 *   replay survives a restart. A held partition goes on as well: seek behind the record to skip it, to the record to
 *   try it again.
 * - `seekToTimestamp`: the same for all partitions, to the first record at or after a time in milliseconds.
 * - `pause`, `resume`: no further record of these partitions is started until resumed, or assigned anew. All of them
 *   are paused, or none.
 * - `waiting`: the records that wait, and why.
 * - `retryNow`: ends the waits of a partition, or of one record, now; answers how many. A record of a retry topic that
 *   is held back is handled without waiting for its due time.
 * - `skip`: goes on behind one waiting record, once: it counts as skipped. So does a record of a retry topic that is
 *   held back, which no handler sees then. Answers whether it was waiting. (`seek` goes on behind, or before, any
 *   record.)
 * - `commit`: commits what is finished, now, and ends when the broker acknowledged.
 * - `stop`: drains, commits and leaves the group; bounded by the consumer's timeouts.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerControl {
  readonly group: string
  readonly assignment: Effect.Effect<ReadonlyArray<TopicPartition>>
  readonly seek: (position: Position) => Effect.Effect<void, KafkaError>
  readonly seekToTimestamp: (timestamp: number) => Effect.Effect<void, KafkaError>
  readonly pause: (partitions: ReadonlyArray<TopicPartition>) => Effect.Effect<void, KafkaError>
  readonly resume: (partitions: ReadonlyArray<TopicPartition>) => Effect.Effect<void, KafkaError>
  readonly waiting: Effect.Effect<ReadonlyArray<Waiting>>
  readonly retryNow: (at: TopicPartition & { readonly offset?: number | undefined }) => Effect.Effect<number>
  readonly skip: (record: TopicPartition & { readonly offset: number }) => Effect.Effect<boolean>
  readonly commit: Effect.Effect<void, KafkaError>
  readonly stop: Effect.Effect<void>
}

/**
 * A record that waits. Times are in milliseconds since the epoch.
 *
 * - `kind`: `"retry"` waits for its next attempt in place, `"publish"` for its copy to be sent again, `"due"` is the
 *   first record of a retry topic that is held back.
 * - `attempts`: how often its handler ran. `cause`: why it failed last; unknown for `"due"`, where the headers say.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Waiting extends TopicPartition {
  readonly offset: number
  readonly kind: "retry" | "publish" | "due"
  readonly attempts: number
  readonly since: number | undefined
  readonly until: number
  readonly cause: Cause.Cause<unknown> | undefined
}

/**
 * Where running consumers register. The default one is shared by the whole process.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Registry = Context.Reference<Set<ConsumerControl>>("millrace/ConsumerControl/Registry", {
  defaultValue: () => new Set()
})

/**
 * The running members of a group in this process: none, one, or several.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ConsumerControl } from "millrace"
 *
 * export const replaySince = (time: number) =>
 *   Effect.flatMap(ConsumerControl.find("billing"), (members) =>
 *     Effect.forEach(members, (member) => member.seekToTimestamp(time), { discard: true }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const find = (group: string): Effect.Effect<ReadonlyArray<ConsumerControl>> =>
  Effect.map(Effect.service(Registry), (registry) => [...registry].filter((control) => control.group === group))
