/**
 * What `DeadLetters` works with: dead letters, filters, and what became of them.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { RawHeader, TimestampType, TopicPartition } from "./engine/KafkaEngine.ts"
import type { Poison } from "./Poison.ts"
import type * as Record from "./Record.ts"

/**
 * Where a record was first read, as its headers tell. `timestamp` is in milliseconds, -1 when it is not known.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Origin extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: TimestampType | undefined
}

/**
 * A record of a dead letter topic. `topic`, `partition`, `offset` and `timestamp` (milliseconds) are its own place
 * there; key, value and headers are the bytes as they came. The rest is read from the headers, whichever toolkit wrote
 * them (`family`); headers are not to be trusted, and what cannot be right is `undefined`.
 *
 * - `source`: the topic of the consumer that the dead letter topic belongs to. Where several share one it is told by
 *   `origin`; a record that came from none of them has the topic that its headers tell as its source, or `""`.
 * - `origin`: where it was first read. Some toolkits tell a retry topic here.
 * - `attempts`: how often a handler ran for it.
 * - `failedAt`: when it failed last; the time it was written, if nothing tells.
 * - `replays`: how often it was redriven before.
 * - `decoded`: the record by the consumer's codecs, decoded when it is asked for; fails with `Poison`. Codecs that need
 *   services find them where the stream runs.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DeadLetter extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<RawHeader>
  readonly source: string
  readonly origin: Origin | undefined
  readonly group: string | undefined
  readonly attempts: number
  readonly errorTag: string | undefined
  readonly errorMessage: string | undefined
  readonly firstFailedAt: number | undefined
  readonly failedAt: number
  readonly replays: number
  readonly family: string | undefined
  readonly decoded: Effect.Effect<Record.Record<unknown, unknown>, Poison>
}

/**
 * A question to a dead letter, and its name. A filtered redrive is resumed by its filter, and of a function only the
 * name can be remembered: give another question another name.
 *
 * `test` may return an effect, to look at `letter.decoded`, or a promise. One that throws or fails ends the work at
 * that record.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Where {
  readonly name: string
  readonly test: (letter: DeadLetter) => boolean | Effect.Effect<boolean, unknown> | PromiseLike<boolean>
}

/**
 * Which dead letters are meant: those for which everything that is given holds. Without anything, all of them.
 *
 * - `topic`: those of this source topic.
 * - `partition`, `offset`: their place in the dead letter topic.
 * - `key`: their key as UTF-8 text; `null` for those without one.
 * - `tag`: the tag of their error.
 * - `since` (included), `until` (excluded): when they were written to the dead letter topic, in milliseconds.
 * - `where`: a question of your own.
 * - `parked` (default `false`): those in the parked topic instead, which `partition` and `offset` are then places in.
 * - `waiting` (default `false`): only those that a redrive with this filter has before it. A redrive sees no others.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly offset?: number | undefined
  readonly key?: string | null | undefined
  readonly tag?: string | undefined
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly where?: Where | undefined
  readonly parked?: boolean | undefined
  readonly waiting?: boolean | undefined
}

/**
 * So many dead letters with this error tag (`undefined`: none is told).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TagCount {
  readonly tag: string | undefined
  readonly count: number
}

/**
 * A dead letter topic of a consumer.
 *
 * - `source`: the topic that its dead letters came from; several that share it are joined by `", "`.
 * - `partitions`: `undefined` when the topic does not exist.
 * - `depth`: end − begin, over all partitions. Counts offsets: after transactions or compaction there are fewer
 *   records.
 * - `waiting`: the part of it that the redrive group has not passed.
 * - `oldest`, `newest`: when the first and the last of them were written, in milliseconds.
 * - `tags`: error tags of the newest records, most frequent first; `scanned` says how many were looked at.
 * - `parked`, `parkedDepth`: the topic of parked records, and its depth (0 when it does not exist).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly topic: string
  readonly source: string
  readonly partitions: number | undefined
  readonly depth: number
  readonly waiting: number
  readonly oldest: number | undefined
  readonly newest: number | undefined
  readonly tags: ReadonlyArray<TagCount>
  readonly scanned: number
  readonly parked: string
  readonly parkedDepth: number
}

/**
 * So many dead letters of a source topic failed with this tag in the hour that begins at `hour` (milliseconds).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Count {
  readonly source: string
  readonly tag: string | undefined
  readonly hour: number
  readonly count: number
}

/**
 * Where dead letters are sent:
 *
 * - `"first-retry"`: to the first retry topic of the group, due at once. Nobody but this group sees them. Nothing
 *   overtakes in a retry topic, though: behind a record of its partition that is not due yet they wait until it is.
 *   `ConsumerControl.retryNow` lets that one go, and `"origin"` goes past the retry topic.
 * - `"origin"`: to the topic that they came from. Every group that reads it sees them again.
 * - `{ topic }`: to a topic that the consumer knows (a source, a retry topic, a parked topic), or that is in `allow`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Destination = "first-retry" | "origin" | { readonly topic: string }

/**
 * What a redrive may be told besides its {@link Filter}.
 *
 * - `to` (default `"first-retry"`): see {@link Destination}. A policy without retry topics needs another one.
 * - `allow` (default none): further topics that `to` may name.
 * - `rate` (default unlimited): records per second, of this process.
 * - `max` (default unlimited): so many records are redriven or parked, then it ends.
 * - `canary` (default none): so many records are redriven, then it ends; those that are parked on the way do not count.
 * - `maxReplays` (default 3): a record that was redriven so often goes to the parked topic instead.
 * - `transform`: returns a new value for each record that is redriven, from the decoded one; or an effect or a promise
 *   of it. It is decoded or encoded as the topic's Schema has it, and encoded, so checked, by the topic's codec; what
 *   neither form admits (`undefined` never is) ends the redrive before that record. For a record that cannot be decoded
 *   `value` is the `Poison`; its bytes are in `letter.value`.
 * - `dryRun` (default `false`): says what would be done. Nothing is sent, created or committed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RedriveOptions extends Filter {
  readonly to?: Destination | undefined
  readonly allow?: ReadonlyArray<string> | undefined
  readonly rate?: number | undefined
  readonly max?: number | undefined
  readonly canary?: number | undefined
  readonly maxReplays?: number | undefined
  readonly transform?:
    | ((value: unknown, letter: DeadLetter) => unknown)
    | undefined
  readonly dryRun?: boolean | undefined
}

/**
 * What parking may be told: a {@link Filter}, and `rate`, `max` and `dryRun` as at {@link RedriveOptions}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ParkOptions extends Filter {
  readonly rate?: number | undefined
  readonly max?: number | undefined
  readonly dryRun?: boolean | undefined
}

/**
 * A dead letter that was sent on: redriven, or parked. `offset` is the copy's, `undefined` in a dry run.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Moved {
  readonly _tag: "Redriven" | "Parked"
  readonly letter: DeadLetter
  readonly to: TopicPartition & { readonly offset: number | undefined }
}

/**
 * What a redrive, or parking, would do.
 *
 * - `group`: the group that remembers how far it got.
 * - `routes`: from which dead letter topic to which topic, for each source, and how many records are `waiting` in the
 *   dead letter topic, before any filter.
 * - `readers`: groups with committed offsets on a destination that is not this consumer's own retry or parked topic.
 *   They see the records again.
 * - `unknown`: groups whose offsets could not be looked up, so that nobody knows whether they do.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  readonly group: string
  readonly routes: ReadonlyArray<{
    readonly topic: string
    readonly source: string
    readonly to: string
    readonly waiting: number
  }>
  readonly readers: ReadonlyArray<{ readonly topic: string; readonly groups: ReadonlyArray<string> }>
  readonly unknown: ReadonlyArray<string>
}

/**
 * What is to be discarded: dead letters of one source `topic` and `partition`, or of all; those before the offset
 * `before` (default: the end); with `parked` those in the parked topic instead. With `deleteRecords` they are deleted
 * from the topic as well, for every reader and for good. With `dryRun` nothing is done.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DiscardOptions {
  readonly topic?: string | undefined
  readonly partition?: number | undefined
  readonly before?: number | undefined
  readonly parked?: boolean | undefined
  readonly deleteRecords?: boolean | undefined
  readonly dryRun?: boolean | undefined
}

/**
 * The dead letters of a partition from offset `from` to before `to`. No redrive sees them any more, unless
 * the offsets of its group are reset.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Discarded extends TopicPartition {
  readonly from: number
  readonly to: number
}

/**
 * A line that was imported, counted from 1, and where its record went (offset `undefined` in a dry run).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Imported extends TopicPartition {
  readonly line: number
  readonly offset: number | undefined
}
