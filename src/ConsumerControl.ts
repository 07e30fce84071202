/**
 * Controls of consumers that are running in this process: replay, pause, commit now, stop.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { Position, TopicPartition } from "./engine/KafkaEngine.ts"
import type { KafkaError } from "./KafkaError.ts"

/**
 * One running member of a group. Each call concerns the partitions that this member has now: `seek`, `pause` and
 * `resume` of another one fail with `UnknownTopic`, and for `retryNow` and `skip` nothing waits there. After the member
 * stopped, calls fail with `Closed`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerControl {
  /** The group that it is a member of. The member that reads the retry topics of a group is one of `<group>.retry`. */
  readonly group: string
  /** The partitions of this member. */
  readonly assignment: Effect.Effect<ReadonlyArray<TopicPartition>>
  /**
   * Goes on from another offset, once the record in work is finished. The new position is committed, so a replay
   * survives a restart. A held partition goes on, too: seek to the record to try it again, or to the next one to pass
   * it over. A handler that does not finish within `drainTimeout` is interrupted.
   *
   * Inside a handler of the same partition the seek returns at once: no further record is started, and it takes effect
   * when the handler has returned. So it does, for every caller, while a reader of `Consumer.records` or `partitioned`
   * has a record of the partition in hand: it takes effect when the reader asks for the next one. Otherwise it ends
   * when the partition goes on from there.
   */
  readonly seek: (position: Position) => Effect.Effect<void, KafkaError>
  /**
   * {@link seek} for all partitions of this member, each to its first record at or after a time: a `DateTime`, a
   * `Date`, milliseconds since the epoch, or a text such as `2026-01-31T12:00:00Z` (UTC if it names no zone). What is
   * no time fails with `InvalidSetting`.
   */
  readonly seekToTimestamp: (time: DateTime.DateTime.Input) => Effect.Effect<void, KafkaError>
  /**
   * Starts no further record of these partitions until they are resumed, or assigned again. All of them are paused, or
   * none.
   */
  readonly pause: (partitions: ReadonlyArray<TopicPartition>) => Effect.Effect<void, KafkaError>
  /** Ends a {@link pause}. */
  readonly resume: (partitions: ReadonlyArray<TopicPartition>) => Effect.Effect<void, KafkaError>
  /** The records that wait, and why. */
  readonly waiting: Effect.Effect<ReadonlyArray<Waiting>>
  /**
   * Ends the waits of a partition, or of one record, now; returns how many. A record of a retry topic that is held back
   * is handled without waiting for its due time.
   */
  readonly retryNow: (at: TopicPartition & { readonly offset?: number | undefined }) => Effect.Effect<number>
  /**
   * Gives one waiting record up: it counts as skipped. A record of a retry topic that is not due is skipped without its
   * handler. Returns whether the record was waiting.
   */
  readonly skip: (record: TopicPartition & { readonly offset: number }) => Effect.Effect<boolean>
  /**
   * Commits what is finished, now, and ends when the broker acknowledged. A partition is not given up meanwhile, for at
   * most `drainTimeout`; after that, and when it is lost, this fails with `CommitFailed`.
   */
  readonly commit: Effect.Effect<void, KafkaError>
  /**
   * Drains, commits and leaves the group, within `drainTimeout` and `closeTimeout` together, also when no broker
   * answers. Inside a handler of this member it returns at once, and the member ends after the handler has returned.
   * A reader of `Consumer.records` or `partitioned` ends its stream instead, for example by `Stream.take`: here it
   * would wait for the record that it has in hand, for `drainTimeout`.
   */
  readonly stop: Effect.Effect<void>
}

/**
 * A record that waits.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Waiting extends TopicPartition {
  /** The record's offset. */
  readonly offset: number
  /**
   * `"retry"` waits for its next attempt in place, `"publish"` for its copy to be sent again, `"due"` is the first
   * record of a retry topic that is held back.
   */
  readonly kind: "retry" | "publish" | "due"
  /** How many times its handler ran. */
  readonly attempts: number
  /** Since when, in milliseconds since the epoch; unknown for `"due"`. */
  readonly since: number | undefined
  /** Until when, in milliseconds since the epoch. */
  readonly until: number
  /** Why it failed last; unknown for `"due"`, where the record's headers say. */
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
 * import type { DateTime } from "effect"
 * import { ConsumerControl } from "millrace"
 *
 * export const replaySince = (time: DateTime.DateTime.Input) =>
 *   Effect.flatMap(ConsumerControl.find("billing"), (members) =>
 *     Effect.forEach(members, (member) => member.seekToTimestamp(time), { discard: true }))
 *
 * export const replayNight = replaySince("2026-01-31T02:00:00Z")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const find = (group: string): Effect.Effect<ReadonlyArray<ConsumerControl>> =>
  Effect.map(Effect.service(Registry), (registry) => [...registry].filter((control) => control.group === group))
