/** Copies committed offsets in the retry topics of a consumer from other groups to its own, or back. */
import * as Effect from "effect/Effect"
import type { AdminClient, Position } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Adopted } from "../../RetryTopic.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition } from "../reading/scan.ts"
import { retryGroupOf } from "../retry/topology.ts"
import { type AnyConsumer, offsetsOf, sourcesOf } from "./places.ts"
import { tiersOf } from "./waiting.ts"

/** Which groups, and whether only to look. */
export interface Options {
  readonly groups: ReadonlyArray<string>
  readonly dryRun?: boolean | undefined
}

const running = Effect.fnUntraced(function*(admin: AdminClient, setting: string, groups: ReadonlyArray<string>) {
  for (const { groupId, members } of yield* admin.describeGroups(groups)) {
    if (members.length === 0) continue
    return yield* invalidSetting(
      setting,
      `group "${groupId}" has ${members.length} members: stop them first, or records are handled by both`
    )
  }
})

/** The committed positions of groups in some topics, of each partition the furthest. */
const furthest = Effect.fnUntraced(function*(
  admin: AdminClient,
  groups: ReadonlyArray<string>,
  topics: ReadonlySet<string>
) {
  const positions = new Map<string, Position>()
  for (const group of groups) {
    for (const position of yield* admin.groupOffsets(group)) {
      const known = positions.get(format(position))
      if (topics.has(position.topic) && (known?.offset ?? -1) < position.offset) {
        positions.set(format(position), position)
      }
    }
  }
  return positions
})

const adoptInto = Effect.fnUntraced(function*(
  admin: AdminClient,
  group: string,
  from: ReadonlyMap<string, Position>,
  begins: ReadonlyMap<string, number>,
  dryRun: boolean
): Effect.fn.Return<ReadonlyArray<Adopted>, KafkaError> {
  const own = byPartition(yield* admin.groupOffsets(group))
  const adopted = [...from.values()].flatMap(({ offset, partition, topic }): ReadonlyArray<Adopted> => {
    const key = format({ topic, partition })
    const before = own.get(key)
    const after = Math.max(offset, begins.get(key) ?? 0)
    // Never backwards: what was handled stays handled.
    return before !== undefined && before >= after ? [] : [{ group, topic, partition, before, after }]
  })
  if (!dryRun && adopted.length > 0) {
    yield* admin.alterGroupOffsets(
      group,
      adopted.map(({ after, partition, topic }) => ({ topic, partition, offset: after }))
    )
  }
  return adopted.sort((a, b) => a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition)
})

const lookUp = Effect.fnUntraced(function*(consumer: AnyConsumer) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const places = yield* sourcesOf(consumer, admin)
  const topics = places.flatMap((place) => tiersOf(place).map(({ name }) => name))
  const sizes = places[0]?.sizes ?? new Map<string, number>()
  const begins = byPartition(yield* offsetsOf(admin, sizes, topics, "earliest"))
  return { admin, begins, group: retryGroupOf(consumer.group, consumer.settings.retries), topics: new Set(topics) }
})

/** The retry group goes on where other groups ended. */
export const adopt = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  { dryRun = false, groups }: Options
): Effect.fn.Return<ReadonlyArray<Adopted>, KafkaError, KafkaEngine.Service> {
  const { admin, begins, group, topics } = yield* lookUp(consumer)
  yield* running(admin, "from", [...groups, group])
  return yield* adoptInto(admin, group, yield* furthest(admin, groups, topics), begins, dryRun)
})

/** Other groups go on where the retry group ended. */
export const handBack = Effect.fnUntraced(function*(
  consumer: AnyConsumer,
  { dryRun = false, groups }: Options
): Effect.fn.Return<ReadonlyArray<Adopted>, KafkaError, KafkaEngine.Service> {
  const { admin, begins, group, topics } = yield* lookUp(consumer)
  yield* running(admin, "to", [...groups, group])
  const from = yield* furthest(admin, [group], topics)
  return (yield* Effect.forEach(groups, (to) => adoptInto(admin, to, from, begins, dryRun))).flat()
})
