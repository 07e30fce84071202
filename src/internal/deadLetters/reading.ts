/** Dead letters to look at: a stream of them, and counts. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Count, DeadLetter, Filter, Summary, TagCount } from "../../DeadLetter.ts"
import type { AdminClient, Position, RawRecord } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition, scan } from "../reading/scan.ts"
import * as Letters from "./letters.ts"
import { restored } from "./originals.ts"
import { type AnyConsumer, offsetsOf, type Pile, pilesOf, startsFrom } from "./places.ts"
import { isMeant, millisOf, redriveGroupOf } from "./selecting/filter.ts"
import { filterProblem, listProblem } from "./selecting/options.ts"

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

const sizesOf = (piles: ReadonlyArray<Pile>) => piles[0]?.places[0].sizes ?? new Map<string, number>()

/** The first offsets that a filter can select. */
const startsOf = Effect.fnUntraced(function*(
  admin: AdminClient,
  begins: ReadonlyArray<Position>,
  { offset, partition, since }: Filter
) {
  const wanted = begins.filter((begin) => partition === undefined || begin.partition === partition)
  if (offset !== undefined) return wanted.map((begin) => ({ ...begin, offset: Math.max(begin.offset, offset) }))
  if (since === undefined || wanted.length === 0) return wanted
  const written = byPartition(yield* admin.listOffsets(wanted, { timestamp: millisOf(since) }))
  return wanted.map((begin) => ({ ...begin, offset: Math.max(begin.offset, written.get(format(begin)) ?? 0) }))
})

/** The dead letters between these positions that a filter selects. */
export const selected = (
  piles: ReadonlyArray<Pile>,
  starts: ReadonlyArray<Position>,
  ends: ReadonlyArray<Position>,
  filter: Filter
): Stream.Stream<DeadLetter, KafkaError, KafkaEngine.Service> =>
  Stream.unwrap(Effect.map(Effect.context<KafkaEngine.Service>(), (context) => {
    const readers = new Map(
      piles.map((pile) => [pile.topic, Letters.readerOf(pile, context as Context.Context<never>)])
    )
    return scan(starts, ends).pipe(
      Stream.mapEffect(restored),
      Stream.map((one) => readers.get(one.raw.topic)!(one)),
      Stream.filterEffect((letter) => isMeant(filter, letter))
    )
  }))

/** Dead letters, from the first to the ends that the topics have now. */
export const records = (
  consumer: AnyConsumer,
  filter: Filter
): Stream.Stream<DeadLetter, KafkaError, KafkaEngine.Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const problem = filterProblem(filter)
    if (problem !== undefined) return yield* problem
    const admin = yield* adminOf
    const piles = yield* pilesOf(consumer, admin, filter)
    const topics = piles.map(({ topic }) => topic)
    const begins = yield* offsetsOf(admin, sizesOf(piles), topics, "earliest")
    const ends = yield* offsetsOf(admin, sizesOf(piles), topics, "latest")
    const left = filter.waiting === true ? yield* startsFrom(admin, consumer, filter, begins) : begins
    const starts = yield* startsOf(admin, left, filter)
    const { offset } = filter
    return selected(
      piles,
      starts,
      offset === undefined ? ends : ends.map((end) => ({ ...end, offset: Math.min(end.offset, offset + 1) })),
      filter
    )
  }))

const byCount = (a: TagCount, b: TagCount): number =>
  b.count - a.count || String(a.tag).localeCompare(String(b.tag), "en")

/** How often each tag occurs, most frequent first. Pure. */
export const histogram = (tags: Iterable<string | undefined>): ReadonlyArray<TagCount> => {
  const counts = new Map<string | undefined, number>()
  for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  return [...counts].map(([tag, count]) => ({ tag, count })).sort(byCount)
}

const hourMillis = 3_600_000

/** Counts by source topic, tag and hour. */
export const stats = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  filter: Filter
): Effect.fn.Return<ReadonlyArray<Count>, KafkaError, KafkaEngine.Service> {
  const counts = new Map<string, Count>()
  yield* Stream.runForEach(records(consumer, filter), ({ errorTag, source, timestamp }) =>
    Effect.sync(() => {
      const hour = Math.floor(timestamp / hourMillis) * hourMillis
      const key = JSON.stringify([source, errorTag, hour])
      const count = (counts.get(key)?.count ?? 0) + 1
      counts.set(key, { source, tag: errorTag, hour, count })
    }))
  return [...counts.values()].sort((a, b) => a.hour - b.hour || a.source.localeCompare(b.source, "en") || byCount(a, b))
})

const depthBetween = (begins: ReadonlyArray<Position>, ends: ReadonlyArray<Position>, topic: string): number => {
  const beginOf = byPartition(begins)
  return ends.reduce(
    (sum, end) => end.topic === topic ? sum + Math.max(0, end.offset - (beginOf.get(format(end)) ?? 0)) : sum,
    0
  )
}

const times = (records: ReadonlyArray<RawRecord>): ReadonlyArray<number> =>
  records.map(({ timestamp }) => timestamp).filter((timestamp) => timestamp >= 0)

const least = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b))

const most = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b))

/** The dead letter topics of a consumer. At most `scan`, or `otherwise`, records of each are read for their tags. */
export const list = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  options: { readonly scan?: number | undefined },
  otherwise: number
): Effect.fn.Return<ReadonlyArray<Summary>, KafkaError, KafkaEngine.Service> {
  const problem = listProblem(options)
  if (problem !== undefined) return yield* problem
  const limit = options.scan ?? otherwise
  const admin = yield* adminOf
  const context = yield* Effect.context<never>()
  const piles = yield* pilesOf(consumer, admin)
  const sizes = sizesOf(piles)
  const topics = piles.flatMap(({ parked, topic }) => [topic, parked])
  const begins = yield* offsetsOf(admin, sizes, topics, "earliest")
  const ends = yield* offsetsOf(admin, sizes, topics, "latest")
  const committed = byPartition(yield* admin.groupOffsets(redriveGroupOf(consumer.group, {})))
  const passed = begins.map((begin) => ({
    ...begin,
    offset: Math.max(begin.offset, committed.get(format(begin)) ?? 0)
  }))
  return yield* Effect.forEach(
    piles,
    Effect.fnUntraced(
      function*(pile): Effect.fn.Return<Summary, KafkaError, KafkaEngine.Service> {
        const { parked, places, topic } = pile
        const partitions = sizes.get(topic)
        const own = begins.filter((begin) => begin.topic === topic)
        const ownEnds = byPartition(ends)
        const share = Math.ceil(limit / Math.max(1, own.length))
        const late = own.map((begin) => ({
          ...begin,
          offset: Math.max(begin.offset, ownEnds.get(format(begin))! - share)
        }))
        const first = yield* Stream.runCollect(scan(own, ends, { perPartition: 1 }))
        const newest = yield* Stream.runCollect(scan(late, ends))
        const read = Letters.readerOf(pile, context)
        return {
          topic,
          source: places.map(({ source }) => source).join(", "),
          partitions,
          depth: depthBetween(begins, ends, topic),
          waiting: depthBetween(passed, ends, topic),
          oldest: least(times(first)),
          newest: most(times(newest)),
          tags: histogram(newest.map((raw) => read({ raw, gone: undefined }).errorTag)),
          scanned: newest.length,
          parked,
          parkedDepth: depthBetween(begins, ends, parked)
        }
      }
    )
  )
})
