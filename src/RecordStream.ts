/**
 * Records of partitions as streams, committed by their reader: `Consumer.records`, `Consumer.partitioned` and
 * `Consumer.runPartitions`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Settings } from "./ConsumerSettings.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import type { TopicPartition } from "./engine/KafkaEngine.ts"
import type { HandlerFailed } from "./HandlerFailed.ts"
import * as RecordStreams from "./internal/run/recordStreams.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Poison } from "./Poison.ts"
import type * as Record from "./Record.ts"
import type { AnySource, DecodingServices, HeaderValues, Key, Value } from "./Source.ts"

/**
 * A record that was read and not handled yet.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Uncommitted<out K, out V, out H = unknown> {
  /** The record. */
  readonly record: Record.Record<K, V, H>
  /**
   * Says that the record, and every one before it in its partition, is done. The position is committed by the next
   * interval, a revoke, or the end. Fails with `CommitFailed` once the partition is not this member's any more, or was
   * sought: the record is read again then, by the next owner.
   */
  readonly commit: Effect.Effect<void, KafkaError>
}

type UncommittedOf<S> = Uncommitted<Key<S>, Value<S>, HeaderValues<S>>

/**
 * The partitions of a source as they are assigned to this member of the group, each with the stream of its records. A
 * stream ends when its partition is revoked or lost, and with `until: "end"` at the end of the partition.
 *
 * A revoked partition is given up when its stream is finished and all of its records are committed, or after
 * `drainTimeout`: so a reader can write and commit what it collected (a window of `Stream.groupedWithin`) at the end of
 * the stream. After that no further record is handed out, and a `commit` fails. An undecodable record fails the stream
 * of its partition with `Poison`; if the failure is caught, the partition is held there, and health is red.
 *
 * **When to use**: for pipelines over several partitions that handlers cannot express; {@link runPartitions} is simpler
 * where each partition is read for itself. Nothing is committed that was not committed explicitly, so a filter must
 * commit what it drops: whatever stays open makes each revoke take the whole `drainTimeout`. A stream that is closed
 * before its end, and not read on, counts as stalled after `maxHandlerStall`. While nobody has begun to read a stream
 * that has records, health is red after a minute: read all of them side by side. One that is read again, for instance
 * by `Stream.retry`, goes on with the first record that is not committed. It dies where it cannot: when an operator
 * that reads ahead had more records than the last portion, or when another reader is at work.
 *
 * @example
 * ```ts
 * import { Console, Stream } from "effect"
 * import { Codec, Consumer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * // The work is inside: each partition has its own window, which is flushed when the partition is given up.
 * export const program = Consumer.partitioned("printer", Notes, { offsetReset: "earliest" }).pipe(
 *   Stream.flatMap(([, records]) =>
 *     records.pipe(
 *       Stream.groupedWithin(500, "1 second"),
 *       Stream.tap((window) => Console.log(`${window.length} notes`)),
 *       Stream.mapEffect((window) => window[window.length - 1]!.commit)
 *     ), { concurrency: "unbounded" }),
 *   Stream.runDrain
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category streams
 */
export const partitioned = <S extends AnySource>(
  group: string,
  source: S,
  settings: Settings
): Stream.Stream<
  readonly [TopicPartition, Stream.Stream<UncommittedOf<S>, Poison>],
  KafkaError,
  DecodingServices<S> | KafkaEngine.Service
> => Stream.unwrap(RecordStreams.partitioned<DecodingServices<S>>({ group, source, settings }))

/**
 * The records of a source, of all partitions of this member together; in order within each partition. With
 * `until: "end"` the stream ends when every partition is read to its end.
 *
 * An element for each record: the reader has one in hand, and none of a partition that this member does not have any
 * more. See {@link partitioned} for revokes and commits.
 *
 * @example
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Codec, Consumer, Topic } from "millrace"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Consumer.records("printer", Notes, { offsetReset: "earliest", until: "end" }).pipe(
 *   Stream.runForEach(({ commit, record }) => Effect.andThen(Console.log(record.value), commit)),
 *   Effect.provide(InMemoryKafka.layer)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category streams
 */
export const records = <S extends AnySource>(
  group: string,
  source: S,
  settings: Settings
): Stream.Stream<UncommittedOf<S>, KafkaError | Poison, DecodingServices<S> | KafkaEngine.Service> =>
  Stream.unwrap(RecordStreams.records<DecodingServices<S>>({ group, source, settings }))

/**
 * Runs a reader for each partition of a source that is assigned to this member, from its assignment to its end.
 *
 * The stream of a partition ends when the partition is revoked or lost, and with `until: "end"` at the end of the
 * partition. The partition is given up when its reader is done, so that it can write and commit what it kept; after
 * `drainTimeout`, or when the partition is lost, the reader is interrupted. A reader that fails, dies, or ends before
 * its stream does ends the consumer with `HandlerFailed`, which names the partition and the first offset that is not
 * committed. See {@link partitioned} for a stream that is read again.
 *
 * **When to use**: to process partitions as streams: windows, batches by time, joins within a partition.
 *
 * @example
 * ```ts
 * import { Console, Effect, Stream } from "effect"
 * import { Codec, Consumer, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const program = Consumer.runPartitions("printer", Notes, { offsetReset: "earliest" }, (tp, records) =>
 *   records.pipe(
 *     Stream.groupedWithin(500, "1 second"),
 *     Stream.runForEach((window) =>
 *       Effect.andThen(
 *         Console.log(`${window.length} notes of partition ${tp.partition}`),
 *         window[window.length - 1]!.commit
 *       )
 *     )
 *   ))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category streams
 */
export const runPartitions = <S extends AnySource, E = never, R = never>(
  group: string,
  source: S,
  settings: Settings,
  run: (
    partition: TopicPartition,
    records: Stream.Stream<UncommittedOf<S>, Poison>
  ) => Effect.Effect<unknown, E, R>
): Effect.Effect<void, KafkaError | HandlerFailed<E>, R | DecodingServices<S> | KafkaEngine.Service> =>
  RecordStreams.runPartitions<E, R | DecodingServices<S>>({ group, source, settings }, run)
