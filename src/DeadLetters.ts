/**
 * Dead letters: inspect, redrive, park, discard, export, import.
 *
 * All of it needs the engine only, never the services of the handlers. Everything ends at the ends that the topics had
 * when it began, so nothing reads its own output.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Consumer from "./Consumer.ts"
import type {
  Count,
  DeadLetter,
  Discarded,
  DiscardOptions,
  Filter,
  Imported,
  Moved,
  ParkOptions,
  Plan,
  RedriveOptions,
  Summary
} from "./DeadLetter.ts"
import type * as KafkaEngine from "./engine/KafkaEngine.ts"
import * as Discarding from "./internal/deadLetters/discarding.ts"
import * as Importing from "./internal/deadLetters/importing.ts"
import * as Moving from "./internal/deadLetters/moving.ts"
import * as Ndjson from "./internal/deadLetters/ndjson.ts"
import { groupOf as redriveGroup } from "./internal/deadLetters/places.ts"
import { planOf } from "./internal/deadLetters/planning.ts"
import { defaultReplays } from "./internal/deadLetters/preparing.ts"
import * as Reading from "./internal/deadLetters/reading.ts"
import { redriveProblem } from "./internal/deadLetters/selecting/options.ts"
import type { KafkaError } from "./KafkaError.ts"

export * from "./DeadLetter.ts"

/**
 * The defaults of {@link RedriveOptions}, and of {@link list}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category defaults
 */
export const defaults = {
  to: "first-retry",
  maxReplays: defaultReplays,
  scan: 10_000
} as const

/**
 * The dead letter topics of a consumer: of every source topic whose policy makes dead letters, or that has some. For
 * the histogram of error tags at most `scan` (default 10 000) of the newest records of each are read.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Effect.gen(function*() {
 *   for (const { tags, topic, waiting } of yield* DeadLetters.list(billing)) {
 *     yield* Effect.log(`${topic}: ${waiting} waiting, mostly ${tags[0]?.tag}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category reading
 */
export const list = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  options: { readonly scan?: number | undefined } = {}
): Effect.Effect<ReadonlyArray<Summary>, KafkaError, KafkaEngine.Service> =>
  Reading.list(consumer, options, defaults.scan)

/**
 * The dead letters that a filter selects, from the first to the end that the topic has now, in order per partition.
 * Nothing is committed.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = DeadLetters.records(billing, { tag: "CardDeclined" }).pipe(
 *   Stream.take(10),
 *   Stream.runForEach(({ errorMessage, offset, partition }) => Effect.log(`${partition}/${offset}: ${errorMessage}`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category reading
 */
export const records = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  filter: Filter = {}
): Stream.Stream<DeadLetter, KafkaError, KafkaEngine.Service> => Reading.records(consumer, filter)

/**
 * How many dead letters there are by source topic, error tag and hour, in the order of time. Reads all records that the
 * filter can select.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Effect.gen(function*() {
 *   for (const { count, hour, tag } of yield* DeadLetters.stats(billing, { since: 0 })) {
 *     yield* Effect.log(`${new Date(hour).toISOString()}: ${count} of ${tag ?? "an error without a tag"}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category reading
 */
export const stats = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  filter: Filter = {}
): Effect.Effect<ReadonlyArray<Count>, KafkaError, KafkaEngine.Service> => Reading.stats(consumer, filter)

/**
 * The group that remembers how far redriving, parking and discarding got: `<group>.dlt.redrive`. With a filter it is a
 * group of its own, `<group>.dlt.redrive.<hash of the filter>`: a redrive commits what its filter left out as well, and
 * in the shared group that would hide these records from the next one. A filter by source `topic` alone shares the
 * group, unless other sources have their dead letters in the same topic.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * console.log(DeadLetters.groupOf(billing)) // billing.dlt.redrive
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const groupOf = <E, R>(consumer: Consumer.Consumer<E, R>, filter: Filter = {}): string => {
  const problem = redriveProblem(filter)
  if (problem !== undefined) throw problem
  return redriveGroup(consumer, filter)
}

/**
 * What a redrive would do, and which groups would see the records again if it sends to a source topic. Changes nothing.
 * With a filter it reads all records that wait, to count those that the filter selects.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Effect.gen(function*() {
 *   const { readers } = yield* DeadLetters.plan(billing, { to: "origin" })
 *   for (const { groups, topic } of readers) yield* Effect.log(`${topic} is read by ${groups.join(", ")}`)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category redriving
 */
export const plan = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  options: RedriveOptions = {}
): Effect.Effect<Plan, KafkaError, KafkaEngine.Service> => planOf(consumer, options)

/**
 * Sends dead letters once more, by default to the first retry topic of their source, due at once (but after records
 * that wait there already, see {@link Destination}). Key and value are byte for byte the same unless `transform`
 * changes the value; the partition is the same if the destination has it. Attempts are counted from the beginning
 * again; the origin and the number of redrives are kept. A record that was redriven `maxReplays` times goes to the
 * parked topic, which is created if it is missing. With `parked` the records of the parked topic are sent, however
 * often they were before.
 *
 * An element is a record that **was** sent. Up to 500 are sent at a time, before the reader sees the first of them:
 * `Stream.take(3)` ends the redrive after such a batch. `max` and `canary` say how many are sent.
 *
 * It runs as a member of the group that {@link groupOf} names: it goes on where the last one ended, and several
 * processes share the partitions. A position is committed when the broker has acknowledged everything before it, so
 * each record arrives at least once, and those since the last commit once more after a crash. Interrupting it finishes
 * the batch in work and commits. It reads on when its reader pulls: a reader
 * that pauses for longer than `maxPollInterval` loses its partitions.
 *
 * Fails with `InvalidSetting` for a destination that is not allowed, when `where` or `transform` fails, and at a record
 * of a shared dead letter topic that came from none of its sources: the records before that one are done, it and
 * everything after it stay. Where only some topics have nowhere to send their dead letters (no retry topics, say),
 * those of the others are sent, and it fails at its end; {@link plan} has them under `refused`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * // The policy has no retry topics: it has to be said where to.
 * export const program = DeadLetters.redrive(billing, { to: "origin", tag: "Timeout", rate: 100 }).pipe(
 *   Stream.runForEach(({ letter, to }) => Effect.log(`${letter.partition}/${letter.offset} is at ${to.offset}`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category redriving
 */
export const redrive = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  options: RedriveOptions = {}
): Stream.Stream<Moved, KafkaError, KafkaEngine.Service> => Moving.move(consumer, options)

/**
 * Moves dead letters to the parked topic, `<group>.<topic>.parked`, which is created if it is missing. They are not
 * changed. It commits as {@link redrive} with the same filter does, so a redrive with this filter does not see them
 * again; one with another filter does. Parked without a filter, no redrive does.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * // What nobody can mend today must not be in the way of a redrive.
 * export const program = DeadLetters.park(billing, { tag: "AccountClosed" }).pipe(
 *   Stream.runForEach(({ letter, to }) => Effect.log(`${letter.partition}/${letter.offset} is in ${to.topic}`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category redriving
 */
export const park = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  options: ParkOptions = {}
): Stream.Stream<Moved, KafkaError, KafkaEngine.Service> => Moving.move(consumer, { ...options, parks: true })

/**
 * Discards dead letters: commits offsets past them, so that no redrive sees them any more unless the offsets of its
 * group are reset. With `deleteRecords` everything before those offsets is deleted. Returns what was, or with `dryRun`
 * would be, discarded. No redrive may run meanwhile. Fails with `InvalidSetting` for the `topic` of a source that
 * shares its dead letter topic: offsets there count for all of its sources.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = Effect.gen(function*() {
 *   for (const { from, partition, to, topic } of yield* DeadLetters.discard(billing, { dryRun: true })) {
 *     yield* Effect.log(`${topic}/${partition}: ${to - from} would be discarded`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category redriving
 */
export const discard = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  options: DiscardOptions = {}
): Effect.Effect<ReadonlyArray<Discarded>, KafkaError, KafkaEngine.Service> => Discarding.discard(consumer, options)

/**
 * The dead letters that a filter selects as lines of JSON, without newlines: place, time, source and error tag for the
 * reader, and key, value and headers in base64, so that {@link fromNdjson} writes the same bytes.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const program = DeadLetters.toNdjson(billing).pipe(Stream.runForEach((line) => Effect.log(line)))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category exchange
 */
export const toNdjson = <E, R>(
  consumer: Consumer.Consumer<E, R>,
  filter: Filter = {}
): Stream.Stream<string, KafkaError, KafkaEngine.Service> =>
  Stream.map(Reading.records(consumer, filter), Ndjson.encode)

/**
 * Writes lines of {@link toNdjson} back to the topics that they name: dead letter and parked topics of the consumer, or
 * those in `allow`. Key, value and headers are byte for byte the same, and the partition if the topic has it. The
 * timestamp is that of the import, since retention would remove older records at once. The stream has an element for
 * each line when the broker has acknowledged its record. Fails with `InvalidRecord` at the first wrong line; the lines
 * before it are written. With `dryRun` (default `false`) nothing is written.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Consumer, DeadLetters, OnFailure, Topic } from "millrace"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const billing = Consumer.make("billing", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Topic.handle(Orders, (record) => Effect.log(record.value))]
 * })
 *
 * export const restore = (lines: Stream.Stream<string>) =>
 *   DeadLetters.fromNdjson(billing, lines).pipe(
 *     Stream.runForEach(({ line, partition, topic }) => Effect.log(`line ${line} is in ${topic}/${partition}`))
 *   )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category exchange
 */
export const fromNdjson = <E, R, EL, RL>(
  consumer: Consumer.Consumer<E, R>,
  lines: Stream.Stream<string, EL, RL>,
  options: {
    readonly allow?: ReadonlyArray<string> | undefined
    readonly dryRun?: boolean | undefined
  } = {}
): Stream.Stream<Imported, EL | KafkaError, RL | KafkaEngine.Service> => Importing.fromNdjson(consumer, lines, options)
