/** Where a read without a group begins and ends. */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type { AdminClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { type AnySource, matches } from "../../Source.ts"
import { format } from "../../TopicPartition.ts"
import * as Times from "../shared/times.ts"
import { byPartition } from "./scan.ts"

/** A place in every partition. */
export type Place =
  | "earliest"
  | "latest"
  | { readonly offset: number }
  | { readonly last: number }
  | { readonly time: DateTime.DateTime.Input }

type Isolation = "read_committed" | "read_uncommitted"

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** What is wrong with a place, or `undefined`. */
const problemOf = (place: Place): string | undefined => {
  if (place === "earliest" || place === "latest") return undefined
  const shown = JSON.stringify(place)
  if (typeof place !== "object" || place === null) return `${shown} is no place; use "earliest" or "latest"`
  if (Object.keys(place).length > 1) return `${shown}: say one of offset, last and time, and nothing else`
  if ("offset" in place) return isCount(place.offset) ? undefined : `${shown}: an offset is a whole number from 0`
  if ("last" in place) return isCount(place.last) ? undefined : `${shown}: a number of records is a whole number from 0`
  if ("time" in place && Times.toMillis(place.time) !== undefined) return undefined
  return `${shown} has no time in it; write e.g. { time: "2026-01-31T12:00:00Z" }`
}

/** The partitions of a source that are wanted: all, or those with these numbers. */
export const partitionsOf = Effect.fnUntraced(function*(
  admin: AdminClient,
  { match }: Pick<AnySource, "match">,
  wanted: ReadonlyArray<number> | undefined
): Effect.fn.Return<ReadonlyArray<TopicPartition>, KafkaError> {
  const described = yield* match._tag === "Name" ? admin.describeTopics([match.name]) : admin.listTopics
  const found = described.filter(({ name }) => matches({ match }, name))
  if (match._tag === "Name" && found.length === 0) {
    return yield* Errors.make("read", new Errors.UnknownTopic({ topic: match.name }))
  }
  const all = found.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))
  for (const partition of wanted ?? []) {
    if (match._tag === "Name" && !all.some((one) => one.partition === partition)) {
      return yield* Errors.make("read", new Errors.UnknownTopic({ topic: match.name, partition }))
    }
  }
  return wanted === undefined ? all : all.filter(({ partition }) => wanted.includes(partition))
})

const offsetAt = (place: Exclude<Place, string>, end: Position): number =>
  "last" in place ? end.offset - place.last : "offset" in place ? place.offset : end.offset

/** The positions of a place. An offset outside of the log becomes the nearest end of it. */
export const resolve = Effect.fnUntraced(function*(
  admin: AdminClient,
  partitions: ReadonlyArray<TopicPartition>,
  place: Place,
  isolation: Isolation
): Effect.fn.Return<ReadonlyArray<Position>, KafkaError> {
  const problem = problemOf(place)
  if (problem !== undefined) return yield* Errors.invalidSetting("from", problem)
  if (partitions.length === 0) return []
  if (place === "earliest" || place === "latest") return yield* admin.listOffsets(partitions, place, isolation)
  // Checked above.
  if ("time" in place) {
    return yield* admin.listOffsets(partitions, { timestamp: Times.toMillis(place.time)! }, isolation)
  }
  const first = byPartition(yield* admin.listOffsets(partitions, "earliest", isolation))
  const last = yield* admin.listOffsets(partitions, "latest", isolation)
  return last.map((end) => {
    const { partition, topic } = end
    const offset = Math.max(first.get(format(end)) ?? 0, Math.min(end.offset, offsetAt(place, end)))
    return { topic, partition, offset }
  })
})
