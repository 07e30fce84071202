/** The retry topics of a consumer, with how many records wait in each. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Position, RawRecord } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Summary } from "../../RetryTopic.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition, scan } from "../reading/scan.ts"
import { dueTime } from "../retry/dueTime.ts"
import * as Names from "../retry/names.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"
import { retryGroupOf } from "../retry/topology.ts"
import { type AnyConsumer, offsetsOf, type Place, sourcesOf } from "./places.ts"

interface Listed {
  readonly name: string
  readonly index: number | undefined
  readonly delay: number | undefined
  /** When its records are due, also for a topic of an earlier policy whose name tells its delay. */
  readonly waits: number | undefined
}

/** The retry topics of a source: those of its policy, then those that exist from an earlier policy. */
export const tiersOf = ({ group, sizes, source, topics: { tiers }, topology }: Place): ReadonlyArray<Listed> => {
  const left = [...sizes.keys()].flatMap((name): ReadonlyArray<Listed> => {
    const place = tiers.some((tier) => tier.name === name) ? undefined : topology.placeOf(name)
    if (place?.source !== source) return []
    const parsed = topology.naming.parse?.(group, name) ?? Names.parse(group, name)
    return [{ name, index: parsed?.tier, delay: undefined, waits: place.delay }]
  })
  const order = ({ index, waits }: Listed): number => index ?? waits ?? 0
  return [
    ...tiers.map(({ delay, index, name }) => ({ name, index, delay, waits: delay })),
    ...left.sort((a, b) => order(a) - order(b))
  ]
}

/** Up to this many waiting records are read to be counted; of more, offsets are. */
const mostRead = 10_000

const least = (values: ReadonlyArray<number>): number | undefined =>
  values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b))

/**
 * Each record once, where it got to: the retry consumer commits a moment after it sent a copy on, and until then both
 * are before it. What another group sent to a topic of the same name is passed over there, and here.
 */
const latestCopies = (group: string, records: ReadonlyArray<RawRecord>): ReadonlyArray<RawRecord> => {
  const latest = new Map<string, number>()
  const own = records.flatMap((raw) => {
    const { attempts, group: owner, origin, replays } = RetryHeaders.read(raw)
    if (owner !== undefined && owner !== group && Names.parse(owner, raw.topic) !== undefined) return []
    const key = origin === undefined
      ? `in ${format(raw)} ${raw.offset}`
      : `${format(origin)} ${origin.offset} ${replays}`
    latest.set(key, Math.max(attempts, latest.get(key) ?? 0))
    return [{ attempts, key, raw }]
  })
  return own.flatMap(({ attempts, key, raw }) => attempts === latest.get(key) ? [raw] : [])
}

/** What is between the committed offsets and the ends. `heads`: of each partition the first that is due. */
const look = Effect.fnUntraced(function*(
  group: string,
  starts: ReadonlyArray<Position>,
  ends: ReadonlyArray<Position>
): Effect.fn.Return<
  { readonly heads: ReadonlyArray<RawRecord>; readonly count: (topic: string) => number },
  KafkaError,
  KafkaEngine.Service
> {
  const startOf = byPartition(starts)
  const between = (topic?: string) =>
    ends.reduce(
      (sum, end) =>
        topic === undefined || end.topic === topic ? sum + Math.max(0, end.offset - startOf.get(format(end))!) : sum,
      0
    )
  if (between() <= mostRead) {
    const records = latestCopies(group, yield* Stream.runCollect(scan(starts, ends)))
    return { heads: records, count: (name) => records.filter(({ topic }) => topic === name).length }
  }
  // The first of each partition is the first that is due there: nothing overtakes in a retry topic.
  return { heads: yield* Stream.runCollect(scan(starts, ends, { perPartition: 1 })), count: between }
})

/** The retry topics, each with the number of records that wait in it. */
export const waiting = Effect.fnUntraced(function*(
  consumer: AnyConsumer
): Effect.fn.Return<ReadonlyArray<Summary>, KafkaError, KafkaEngine.Service> {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const places = yield* sourcesOf(consumer, admin)
  const sizes = places[0]?.sizes ?? new Map<string, number>()
  const all = places.map((place) => [place, tiersOf(place)] as const)
  const names = all.flatMap(([, tiers]) => tiers.map(({ name }) => name))
  const committed = byPartition(yield* admin.groupOffsets(retryGroupOf(consumer.group, consumer.settings.retries)))
  const ends = yield* offsetsOf(admin, sizes, names, "latest")
  const starts = (yield* offsetsOf(admin, sizes, names, "earliest"))
    .map((begin) => ({ ...begin, offset: Math.max(begin.offset, committed.get(format(begin)) ?? 0) }))
  const { count, heads } = yield* look(consumer.group, starts, ends)
  const now = yield* Clock.currentTimeMillis
  return all.flatMap(([{ source, topics }, tiers]) =>
    tiers.map(({ delay, index, name, waits }): Summary => {
      const own = heads.filter(({ topic }) => topic === name)
      const due = dueTime(waits, topics.tiers)
      return {
        topic: name,
        source,
        tier: index,
        delay,
        partitions: sizes.get(name),
        waiting: count(name),
        nextDue: least(own.map((head) => due(head, now))),
        oldest: least(own.map(({ timestamp }) => timestamp).filter((timestamp) => timestamp >= 0))
      }
    })
  )
})
