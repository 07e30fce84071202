/**
 * What `DeadLetters` works with: dead letters, filters, and what became of them.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Effect from "effect/Effect"
import type { RawHeader, TimestampType, TopicPartition } from "./engine/KafkaEngine.ts"
import type { KafkaError } from "./KafkaError.ts"
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
 * A record of a dead letter topic. What its headers say is read from the headers of any known toolkit. Headers are not
 * trusted: a value that cannot be right is `undefined`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DeadLetter extends TopicPartition {
  /** Its offset in the dead letter topic; `topic` and `partition` are those of the dead letter topic, too. */
  readonly offset: number
  /** When it was written to the dead letter topic, in milliseconds. */
  readonly timestamp: number
  /** The bytes of its key, unchanged. */
  readonly key: Uint8Array | null
  /** The bytes of its value, unchanged. */
  readonly value: Uint8Array | null
  /** All headers of the dead letter, the user's and those of the retries. */
  readonly headers: ReadonlyArray<RawHeader>
  /**
   * The source topic of the consumer that it belongs to. If several sources share the dead letter topic, the one that
   * `origin` names; if that is none of them, the topic in `origin`, or `""`.
   */
  readonly source: string
  /** Where it was first read. Some toolkits write a retry topic there. */
  readonly origin: Origin | undefined
  /** The group whose handler failed. */
  readonly group: string | undefined
  /** How many times a handler ran for it; `undefined` where its headers do not tell. */
  readonly attempts: number | undefined
  /** The tag or class of the error. */
  readonly errorTag: string | undefined
  /** The message of the error. */
  readonly errorMessage: string | undefined
  /** The encoded fields of its error, where it is a `Schema.TaggedError` and we wrote the dead letter. */
  readonly errorFields: { readonly [name: string]: unknown } | undefined
  /** When it first failed, in milliseconds. */
  readonly firstFailedAt: number | undefined
  /** When it failed last, in milliseconds; if no header says so, when it was written. */
  readonly failedAt: number
  /** How often it was redriven before. */
  readonly replays: number
  /** Which toolkit wrote its headers, such as `"millrace"` or `"spring"`. */
  readonly family: string | undefined
  /**
   * A share group's dead letter may be a reference without key and value; these are then read from the record that it
   * refers to. If that is there no more, this names it; else it is `undefined`.
   */
  readonly gone: string | undefined
  /**
   * The record, decoded by the consumer's codecs when this effect runs. Fails with `Poison`. Codecs get their services
   * where the stream runs.
   */
  readonly decoded: Effect.Effect<Record.Record<unknown, unknown>, Poison>
}

/**
 * A condition for dead letters, with a name. A filtered redrive is resumed by its filter, and of a function only the
 * name can be kept: give another condition another name.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Where {
  /** The name, which stands for the condition in the group of the redrive. */
  readonly name: string
  /**
   * Whether the letter is selected. It may return an effect, for example one that uses `letter.decoded`, or a promise.
   * If it throws or fails, the redrive ends before that record.
   */
  readonly test: (letter: DeadLetter) => boolean | Effect.Effect<boolean, unknown> | PromiseLike<boolean>
}

/**
 * Which dead letters are selected: those for which all given conditions hold. An empty filter selects all. Fields that
 * it does not have are refused with `InvalidSetting`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  /** Those of this source topic. */
  readonly topic?: string | undefined
  /** Those in this partition of the dead letter topic. */
  readonly partition?: number | undefined
  /** Those at this offset of the dead letter topic. */
  readonly offset?: number | undefined
  /** Those with this key, as UTF-8 text; `null` for those without a key. */
  readonly key?: string | null | undefined
  /** Those whose error has this tag. */
  readonly tag?: string | undefined
  /** Those that were written to the dead letter topic at this time or later, in milliseconds. */
  readonly since?: DateTime.DateTime.Input | undefined
  /** Those that were written to the dead letter topic before this time, in milliseconds. */
  readonly until?: DateTime.DateTime.Input | undefined
  /** Those for which this condition of your own holds. */
  readonly where?: Where | undefined
  /** Those in the parked topic instead of the dead letter topic. Default: `false`. */
  readonly parked?: boolean | undefined
  /** Only those that a redrive with this filter has not reached yet. Default: `false`. A redrive never sees others. */
  readonly waiting?: boolean | undefined
}

/**
 * How many dead letters have an error tag.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TagCount {
  /** The tag; `undefined` for those whose headers have none. */
  readonly tag: string | undefined
  /** How many have it. */
  readonly count: number
}

/**
 * A dead letter topic of a consumer.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  /** The dead letter topic. */
  readonly topic: string
  /** The topic that its dead letters came from; if several share it, joined by `", "`. */
  readonly source: string
  /** How many partitions it has; `undefined` when it does not exist. */
  readonly partitions: number | undefined
  /**
   * End minus begin, over all partitions. That counts offsets: after transactions or compaction there are fewer
   * records.
   */
  readonly depth: number
  /** The part of the depth that the redrive group has not passed. */
  readonly waiting: number
  /** When the first of them was written, in milliseconds. */
  readonly oldest: number | undefined
  /** When the last of them was written, in milliseconds. */
  readonly newest: number | undefined
  /** The error tags of the newest records, most frequent first. */
  readonly tags: ReadonlyArray<TagCount>
  /** How many records were read for `tags`. */
  readonly scanned: number
  /** The parked topic. */
  readonly parked: string
  /** The depth of the parked topic; 0 when it does not exist. */
  readonly parkedDepth: number
}

/**
 * How many dead letters of a source topic failed with a tag within an hour.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Count {
  /** The source topic. */
  readonly source: string
  /** The tag of the error; `undefined` for those whose headers have none. */
  readonly tag: string | undefined
  /** The beginning of the hour, in milliseconds. */
  readonly hour: number
  /** How many there are. */
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
 * The options of a redrive, in addition to its {@link Filter}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RedriveOptions extends Filter {
  /** Where the records are sent. Default: `"first-retry"`; a policy without retry topics needs another one. */
  readonly to?: Destination | undefined
  /** Further topics that `to` may name. Default: none. */
  readonly allow?: ReadonlyArray<string> | undefined
  /** How many records per second this process sends at most. Default: unlimited. */
  readonly rate?: number | undefined
  /** Ends after this many records, redriven or parked. Default: unlimited. */
  readonly max?: number | undefined
  /** Ends after this many redriven records; parked ones do not count. Default: unlimited. */
  readonly canary?: number | undefined
  /** A record that was redriven this often is parked instead. Default: 3. */
  readonly maxReplays?: number | undefined
  /**
   * Returns a new value for each record that is redriven, from the decoded one; or an effect or a promise of it. The
   * new value may be decoded or encoded, as the topic's Schema has it; the topic's codec encodes and so checks it. A
   * value that fits neither form (such as `undefined`) ends the redrive before that record. For a record that cannot be
   * decoded `value` is the `Poison`, and its bytes are in `letter.value`.
   */
  readonly transform?:
    | ((value: unknown, letter: DeadLetter) => unknown)
    | undefined
  /** Only says what would be done: nothing is sent, created or committed. Default: `false`. */
  readonly dryRun?: boolean | undefined
}

/**
 * The options of parking, in addition to its {@link Filter}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ParkOptions extends Filter {
  /** How many records per second this process sends at most. Default: unlimited. */
  readonly rate?: number | undefined
  /** Ends after this many records. Default: unlimited. */
  readonly max?: number | undefined
  /** Only says what would be done. Default: `false`. */
  readonly dryRun?: boolean | undefined
}

/**
 * A dead letter that was redriven or parked.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Moved {
  readonly _tag: "Redriven" | "Parked"
  /** The dead letter. */
  readonly letter: DeadLetter
  /** Where its copy is; in a dry run without an offset. */
  readonly to: TopicPartition & { readonly offset: number | undefined }
}

/**
 * Dead letters that a redrive leaves where they are: it has nowhere to send them.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Refused {
  /** The dead letter topic. */
  readonly topic: string
  /** The topic that they came from. */
  readonly source: string
  /** How many of those that the filter selects wait. */
  readonly waiting: number
  /** Why they cannot be sent. */
  readonly error: KafkaError
}

/**
 * What a redrive, or parking, would do.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Plan {
  /** The group whose committed offsets say how far it got. */
  readonly group: string
  /**
   * For each source: from which dead letter topic to which topic, and how many of its records wait there that the
   * filter selects.
   */
  readonly routes: ReadonlyArray<{
    readonly topic: string
    readonly source: string
    readonly to: string
    readonly waiting: number
  }>
  /** Sources whose waiting records would stay, because there is nowhere to send them. */
  readonly refused: ReadonlyArray<Refused>
  /**
   * Groups that have committed offsets in a destination that is not this consumer's own retry or parked topic: they see
   * the records again.
   */
  readonly readers: ReadonlyArray<{ readonly topic: string; readonly groups: ReadonlyArray<string> }>
  /** Groups whose offsets cannot be read: they may see the records again, too. */
  readonly unknown: ReadonlyArray<string>
}

/**
 * Which dead letters are discarded, and how.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface DiscardOptions {
  /** Those of this source topic. Default: of all. */
  readonly topic?: string | undefined
  /** Those in this partition. Default: in all. */
  readonly partition?: number | undefined
  /** Those before this offset; needs `partition`. Default: all. */
  readonly before?: number | undefined
  /** Those in the parked topic instead of the dead letter topic. Default: `false`. */
  readonly parked?: boolean | undefined
  /** Whether they are deleted from the topic as well, for every reader and for good. Default: `false`. */
  readonly deleteRecords?: boolean | undefined
  /** Only says what would be discarded. Default: `false`. */
  readonly dryRun?: boolean | undefined
}

/**
 * Discarded dead letters of a partition. No redrive sees them any more, unless the offsets of its group are reset.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Discarded extends TopicPartition {
  /** The offset of the first. */
  readonly from: number
  /** The offset after the last. */
  readonly to: number
}

/**
 * A line that was imported, and where its record went.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Imported extends TopicPartition {
  /** The number of the line, from 1. */
  readonly line: number
  /** The offset of the record; `undefined` in a dry run. */
  readonly offset: number | undefined
}
