/**
 * Where to read from, in the words of the command line: `beginning`, `end`, an offset, `-n`, or a time. Pure but for
 * the lookup.
 */
import * as Effect from "effect/Effect"
import type { AdminClient, Position, TopicPartition } from "../engine/KafkaEngine.ts"
import type { KafkaError } from "../KafkaError.ts"
import { UsageError } from "./exit.ts"

/** A place in every partition of a topic. */
export type Place =
  | { readonly _tag: "Beginning" | "End" }
  | { readonly _tag: "Offset"; readonly offset: number }
  | { readonly _tag: "Back"; readonly records: number }
  | { readonly _tag: "Time"; readonly timestamp: number }

/** Understands a place, or says what would be one. */
export const parse = (text: string): Place | undefined => {
  if (text === "beginning" || text === "earliest") return { _tag: "Beginning" }
  if (text === "end" || text === "latest") return { _tag: "End" }
  if (/^\d+$/.test(text)) return { _tag: "Offset", offset: Number(text) }
  if (/^-\d+$/.test(text)) return { _tag: "Back", records: -Number(text) }
  const timestamp = Date.parse(text)
  return /^\d{4}-\d{2}-\d{2}/.test(text) && !Number.isNaN(timestamp) ? { _tag: "Time", timestamp } : undefined
}

/** A flag's text as a place. */
export const fromFlag = (flag: string, text: string): Effect.Effect<Place, UsageError> => {
  const place = parse(text)
  return place === undefined
    ? Effect.fail(
      new UsageError({
        problem:
          `--${flag} ${text} is no place; use beginning, end, an offset, -n (n records before the end), or a time `
          + "such as 2026-01-31T12:00:00Z"
      })
    )
    : Effect.succeed(place)
}

/** The positions of a place. Offsets outside of the log become its nearest end. */
export const resolve = Effect.fnUntraced(function*(
  admin: AdminClient,
  partitions: ReadonlyArray<TopicPartition>,
  place: Place
): Effect.fn.Return<ReadonlyArray<Position>, KafkaError> {
  if (place._tag === "Time") return yield* admin.listOffsets(partitions, { timestamp: place.timestamp })
  const first = yield* admin.listOffsets(partitions, "earliest")
  if (place._tag === "Beginning") return first
  const last = yield* admin.listOffsets(partitions, "latest")
  return last.map((end) => {
    const start = first.find(({ partition, topic }) => topic === end.topic && partition === end.partition)?.offset ?? 0
    return {
      topic: end.topic,
      partition: end.partition,
      offset: Math.max(start, Math.min(end.offset, offsetOf(place, end)))
    }
  })
})

const offsetOf = (place: Exclude<Place, { readonly _tag: "Time" }>, end: Position): number => {
  switch (place._tag) {
    case "Beginning":
      return 0
    case "End":
      return end.offset
    case "Back":
      return end.offset - place.records
    case "Offset":
      return place.offset
  }
}
