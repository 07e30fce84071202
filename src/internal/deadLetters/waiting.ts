/** The retry topics of a consumer, with how many records wait in each. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Summary } from "../../RetryTopic.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition, scan } from "../reading/scan.ts"
import { dueTime } from "../retry/dueTime.ts"
import * as Names from "../retry/names.ts"
import { retryGroupOf } from "../retry/topology.ts"
import { type AnyConsumer, offsetsOf, type Place, sourcesOf } from "./places.ts"

/** The retry topics of a source: those of its policy, then those that exist from an earlier policy. */
const tiersOf = ({ group, sizes, source, topics: { tiers } }: Place) => [
  ...tiers,
  ...[...sizes.keys()].flatMap((name) => {
    const parsed = Names.parse(group, name)
    return parsed?.topic === source && !tiers.some((tier) => tier.name === name)
      ? { name, index: parsed.tier, delay: undefined }
      : []
  }).sort((a, b) => a.index - b.index)
]

const leastOf = (numbers: ReadonlyArray<number>): number | undefined =>
  numbers.length === 0 ? undefined : numbers.reduce((least, number) => Math.min(least, number))

/** The retry topics, each with the number of records that the retry consumer has not committed. */
export const waiting = Effect.fnUntraced(function*(
  consumer: AnyConsumer
): Effect.fn.Return<ReadonlyArray<Summary>, KafkaError, KafkaEngine.Service> {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const places = yield* sourcesOf(consumer, admin)
  const sizes = places[0]?.sizes ?? new Map<string, number>()
  const all = places.map((place) => [place, tiersOf(place)] as const)
  const names = all.flatMap(([, tiers]) => tiers.map(({ name }) => name))
  const committed = byPartition(yield* admin.groupOffsets(retryGroupOf(consumer.group)))
  const ends = yield* offsetsOf(admin, sizes, names, "latest")
  const starts = (yield* offsetsOf(admin, sizes, names, "earliest"))
    .map((begin) => ({ ...begin, offset: Math.max(begin.offset, committed.get(format(begin)) ?? 0) }))
  const startOf = byPartition(starts)
  // The first of each partition is the first that is due there: nothing overtakes in a retry topic.
  const heads = yield* Stream.runCollect(scan(starts, ends, { perPartition: 1 }))
  const now = yield* Clock.currentTimeMillis
  return all.flatMap(([{ source, topics }, tiers]) =>
    tiers.map(({ delay, index, name }): Summary => {
      const own = heads.filter(({ topic }) => topic === name)
      const due = dueTime(delay, topics.tiers)
      const dues = own.map((head) => due(head, now))
      const written = own.map(({ timestamp }) => timestamp).filter((timestamp) => timestamp >= 0)
      return {
        topic: name,
        source,
        tier: index,
        delay,
        partitions: sizes.get(name),
        waiting: ends.reduce(
          (sum, end) => end.topic === name ? sum + Math.max(0, end.offset - startOf.get(format(end))!) : sum,
          0
        ),
        nextDue: leastOf(dues),
        oldest: leastOf(written)
      }
    })
  )
})
