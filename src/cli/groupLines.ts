/** `millrace groups <group>`: what a group reads, who of it reads what, and how far behind it is. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { AdminClient, GroupDescription, Position } from "../engine/KafkaEngine.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import * as Topic from "../Topic.ts"
import { format, Order, type TopicPartition } from "../TopicPartition.ts"
import type { Config } from "./Config.ts"
import { WorkFailed } from "./exit.ts"
import { printTable } from "./table.ts"

/** A partition of a group. What is `null` is not there, or not known: of a topic that is gone there are no ends. */
export interface Line extends TopicPartition {
  readonly committed: number | null
  readonly begin: number | null
  readonly end: number | null
  readonly lag: number | null
  readonly member: string | null
  readonly client: string | null
  readonly host: string | null
}

const offsetsBy = (positions: ReadonlyArray<Position>): ReadonlyMap<string, number> =>
  new Map(positions.map((position) => [format(position), position.offset]))

/** How many records are before the group: from its commit, or from where it would begin without one. Pure. */
export const lagOf = (
  { begin, committed, end }: Pick<Line, "begin" | "committed" | "end">,
  offsetReset: string | undefined
): number | null => {
  if (begin === null || end === null) return null
  if (committed !== null && committed >= begin && committed <= end) return end - committed
  // Also where the log begins behind the commit, or ends before it: the position is then reset.
  return offsetReset === "latest" ? 0 : end - begin
}

/** The topics that a group has to do with: committed, assigned, or read by its consumers in the config. */
const topicsOf = Effect.fnUntraced(function*(
  admin: AdminClient,
  mentioned: ReadonlyArray<TopicPartition>,
  consumers: Config["consumers"]
) {
  const sources = consumers.flatMap(({ handlers }) => handlers).map(({ source }) => source)
  const topics = yield* admin.listTopics
  const names = new Set(mentioned.map(({ topic }) => topic))
  return topics.filter(({ name }) => names.has(name) || sources.some((source) => Topic.matches(source, name)))
})

const linesFor = Effect.fnUntraced(function*(
  admin: AdminClient,
  group: string,
  description: GroupDescription | undefined,
  config: Config
) {
  const committed = yield* admin.groupOffsets(group)
  const members = description?.members ?? []
  const assigned = members.flatMap(({ assignment }) => assignment)
  const consumers = config.consumers.filter((consumer) => consumer.group === group)
  const topics = yield* topicsOf(admin, [...committed, ...assigned], consumers)
  const existing = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }): TopicPartition => ({ topic: name, partition }))
  )
  const begins = offsetsBy(yield* admin.listOffsets(existing, "earliest", "read_committed"))
  const ends = offsetsBy(yield* admin.listOffsets(existing, "latest", "read_committed"))
  const commits = offsetsBy(committed)
  const owners = new Map(members.flatMap((member) => member.assignment.map((one) => [format(one), member] as const)))
  const all = new Map([...committed, ...existing].map(({ partition, topic }) => [`${topic}/${partition}`, {
    topic,
    partition
  }]))
  return [...all.values()].sort(Order).map((one): Line => {
    const id = format(one)
    const offsets = {
      committed: commits.get(id) ?? null,
      begin: begins.get(id) ?? null,
      end: ends.get(id) ?? null
    }
    const owner = owners.get(id)
    return {
      ...one,
      ...offsets,
      lag: lagOf(offsets, consumers[0]?.settings.offsetReset),
      member: owner?.memberId ?? null,
      client: owner?.clientId ?? null,
      host: owner?.host ?? null
    }
  })
})

/** Shows a group. One that is only in the config has no members and no commits yet. */
export const describeGroup = Effect.fnUntraced(function*(
  admin: AdminClient,
  group: string,
  { config, json }: { readonly config: Config; readonly json: boolean }
) {
  const names = (yield* admin.listGroups).map(({ groupId }) => groupId)
  const configured = config.consumers.map((consumer) => consumer.group)
  if (!names.includes(group) && !configured.includes(group)) {
    return yield* new WorkFailed({ problem: unknown("group", group, [...names, ...configured]) })
  }
  const [description] = yield* admin.describeGroups([group])
  const lines = yield* linesFor(admin, group, description, config)
  const state = description?.state ?? (names.includes(group) ? "unknown" : "not there yet")
  const members = description?.members ?? []
  if (json) {
    const shown = members.map(({ assignment, clientId, groupInstanceId, host, memberId }) => ({
      ...{ member: memberId, instance: groupInstanceId ?? null, client: clientId, host, assignment }
    }))
    return yield* Console.log(JSON.stringify({ group, state, members: shown, partitions: lines }))
  }
  yield* Console.log(`group ${group}: ${state}, ${members.length} members`)
  const rows = lines.map((line) => [
    ...[line.topic, line.partition, line.committed ?? "-", line.end ?? "gone", line.lag ?? "-"],
    ...[line.member ?? "-", line.client ?? "-", line.host ?? "-"]
  ])
  const header = ["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "CLIENT", "HOST"]
  yield* printTable(header, rows)
  for (const { assignment, clientId, host, memberId } of members) {
    if (assignment.length === 0) yield* Console.log(`member ${memberId} (${clientId}, ${host}) has no partitions`)
  }
})
