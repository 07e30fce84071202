/**
 * Where to read from, in the words of the command line: `beginning`, `end`, an offset, `-n`, or a time. Pure but for
 * the lookup.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { AdminClient, Position, TopicPartition } from "../engine/KafkaEngine.ts"
import type { KafkaError } from "../KafkaError.ts"
import { UsageError } from "./exit.ts"

/** A time in milliseconds; `zoned`: its text says in which zone. */
export interface Time {
  readonly _tag: "Time"
  readonly timestamp: number
  readonly zoned: boolean
}

/** A place in every partition of a topic. */
export type Place =
  | { readonly _tag: "Beginning" | "End" }
  | { readonly _tag: "Offset"; readonly offset: number }
  | { readonly _tag: "Back"; readonly records: number }
  | Time

const dateTime =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/i

const zoneMillis = (zone: string | undefined): number | undefined => {
  if (zone === undefined || zone.toUpperCase() === "Z") return 0
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))]
  if (hours > 14 || minutes > 59) return undefined
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes) * 60_000
}

/** A date, a date with a time, or milliseconds since 1970. Without a zone it is taken in UTC. */
export const timeIn = (text: string): Time | undefined => {
  // Milliseconds of the years 2001 to 2286.
  if (/^\d{13}$/.test(text)) return { _tag: "Time", timestamp: Number(text), zoned: true }
  const found = dateTime.exec(text)
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as [
    ...[number, number, number],
    ...[number, number, number]
  ]
  const zone = zoneMillis(found[8])
  const millis = Number((found[7] ?? "").padEnd(3, "0").slice(0, 3))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, millis)
  // `Date` takes the 30th of February for the 2nd of March.
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
    && date.getUTCHours() === hour && date.getUTCMinutes() === minute && date.getUTCSeconds() === second
  if (!isReal || zone === undefined) return undefined
  const timestamp = date.getTime() - zone
  return timestamp < 0 ? undefined : { _tag: "Time", timestamp, zoned: found[8] !== undefined }
}

/** Understands a place. */
export const parse = (text: string): Place | undefined => {
  if (text === "beginning" || text === "earliest") return { _tag: "Beginning" }
  if (text === "end" || text === "latest") return { _tag: "End" }
  const time = timeIn(text)
  if (time !== undefined) return time
  const number = Number(text)
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number)) return undefined
  return text.startsWith("-") ? { _tag: "Back", records: -number } : { _tag: "Offset", offset: number }
}

const refuse = (flag: string, text: string, what: string): UsageError =>
  new UsageError({
    problem: dateTime.test(text)
      ? `--${flag} ${text} is no date that there is`
      : `--${flag} ${text} is no ${what} such as 2026-01-31T12:00:00Z`
  })

/** Says in which zone a time is taken that does not name one. */
const checked = Effect.fnUntraced(function*<A extends Place>(flag: string, text: string, place: A) {
  if (place._tag === "Time" && !place.zoned) {
    yield* Console.error(
      `--${flag} ${text} is taken in UTC: ${new Date(place.timestamp).toISOString()}; write its zone, such as +02:00, `
        + "if another one is meant"
    )
  }
  return place
})

/** A flag's text as a place. */
export const fromFlag = (flag: string, text: string): Effect.Effect<Place, UsageError> => {
  const place = parse(text)
  return place === undefined
    ? Effect.fail(
      refuse(flag, text, "place; use beginning, end, an offset, -n (n records before the end), or a time")
    )
    : checked(flag, text, place)
}

/** A flag's text as a time, in milliseconds; any whole number is milliseconds. */
export const timeFromFlag = (flag: string, text: string): Effect.Effect<number, UsageError> => {
  const time: Time | undefined = /^\d{1,15}$/.test(text)
    ? { _tag: "Time", timestamp: Number(text), zoned: true }
    : timeIn(text)
  return time === undefined
    ? Effect.fail(refuse(flag, text, "time; write milliseconds since 1970, or a time"))
    : Effect.map(checked(flag, text, time), ({ timestamp }) => timestamp)
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

const offsetOf = (place: Exclude<Place, Time>, end: Position): number => {
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
