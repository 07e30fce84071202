/**
 * Reading topics without a group: `Topic.read`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as KafkaEngine from "./engine/KafkaEngine.ts"
import { decoded } from "./internal/reading/decoded.ts"
import { isCount, partitionsOf, resolve } from "./internal/reading/places.ts"
import { scan } from "./internal/reading/scan.ts"
import { anything, type Kind, problemOf, shown } from "./internal/shared/fields.ts"
import { consumerDefaults } from "./KafkaConfig.ts"
import type { KafkaError } from "./KafkaError.ts"
import { invalidSetting } from "./KafkaError.ts"
import type { Poison } from "./Poison.ts"
import type * as Record from "./Record.ts"
import { type AnySource, type DecodingServices, isSource } from "./Source.ts"

/**
 * Where a read begins in each partition: at its first record, after its last one, at an offset (one outside of the log
 * means its nearest end), this many records before the end, or at the first record at or after a time.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type From =
  | "earliest"
  | "latest"
  | { readonly offset: number }
  | { readonly last: number }
  | { readonly time: DateTime.DateTime.Input }

/**
 * What is read.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  /** Where each partition begins. */
  readonly from: From
  /** With `"end"` the stream ends at the ends that the partitions had when it began; otherwise it goes on. */
  readonly until?: "end" | undefined
  /** The numbers of the partitions (default: all). */
  readonly partitions?: ReadonlyArray<number> | undefined
  /** Whether records of open and aborted transactions are hidden (default `"read_committed"`). */
  readonly isolation?: "read_committed" | "read_uncommitted" | undefined
}

const partitions: Kind = { words: "an array of numbers", is: Array.isArray }

const kinds: { readonly [Name in keyof ReadOptions]-?: Kind } = {
  from: anything,
  until: anything,
  partitions,
  isolation: {
    words: "\"read_committed\" or \"read_uncommitted\"",
    is: (value) => value === "read_committed" || value === "read_uncommitted"
  }
}

/** What callers without types hand in. */
const givenProblem = (source: unknown, options: unknown): KafkaError | undefined => {
  if (!isSource(source)) {
    return invalidSetting(
      "source",
      `${shown(source)} is no topic or pattern; make one with Topic.make or Topic.pattern`
    )
  }
  const found = options === undefined
    ? { field: "from", problem: "say where to begin, e.g. { from: \"earliest\" }" }
    : problemOf("options", options, kinds)
  return found === undefined ? undefined : invalidSetting(found.field, found.problem)
}

/**
 * The records of a source, read without a group: nothing is committed, and every reader gets all of them. In order
 * within each partition; inside the stream they come in arrays, as they were fetched.
 *
 * Fails with `UnknownTopic` if the topic or one of the partitions does not exist, with `InvalidSetting` for a place
 * that is none, and with `Poison` at a record that cannot be decoded, after the records before it. Partitions that are
 * added later, or topics that a pattern matches later, are not read: with a pattern that matches nothing the stream
 * ends at once.
 *
 * **When to use**: to look at a topic, to load it into memory at the start, to copy a part of it. To handle records
 * once each, with progress that survives a restart, use a consumer.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Codec, Topic } from "millrace"
 *
 * const Prices = Topic.make("prices", { key: Codec.string, value: Codec.string })
 *
 * // The latest price of each product.
 * export const load = Effect.fnUntraced(function*() {
 *   const prices = new Map<string, string>()
 *   yield* Topic.read(Prices, { from: "earliest", until: "end" }).pipe(
 *     Stream.runForEach(({ key, value }) => Effect.sync(() => prices.set(key, value)))
 *   )
 *   return prices
 * })
 *
 * export const since = (time: Date) => Topic.read(Prices, { from: { time }, partitions: [0] })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category reading
 */
export const read = <S extends AnySource>(
  source: S,
  options: ReadOptions
): Stream.Stream<Record.Of<S>, KafkaError | Poison, DecodingServices<S> | KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const problem = givenProblem(source, options)
    if (problem !== undefined) return yield* problem
    const { from, isolation = consumerDefaults.isolation, partitions, until } = options
    if (until !== undefined && until !== "end") {
      return yield* invalidSetting("until", `${JSON.stringify(until)} is not "end" or nothing`)
    }
    for (const partition of partitions ?? []) {
      if (!isCount(partition)) {
        return yield* invalidSetting("partitions", `${shown(partition)} is no partition; it is a whole number from 0`)
      }
    }
    const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
    const wanted = yield* partitionsOf(admin, source, partitions)
    const starts = yield* resolve(admin, wanted, from, isolation)
    const ends = until === undefined ? undefined : yield* resolve(admin, wanted, "latest", isolation)
    // Its records are decoded by the codecs of the source.
    return decoded(scan(starts, ends, { isolation }), source.codecs) as Stream.Stream<any, KafkaError | Poison>
  }))
