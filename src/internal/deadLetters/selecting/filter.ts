/** Which dead letters a filter selects, and the group whose offsets say how far a redrive of them got. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import { Pending } from "../../../Codec.ts"
import type { DeadLetter, Filter, Where } from "../../../DeadLetter.ts"
import { invalidSetting, type KafkaError } from "../../../KafkaError.ts"
import { messageOf } from "../../shared/causes.ts"
import { longHash } from "../../shared/hash.ts"

/** How an error names a record. */
export const placeOf = ({ offset, partition, topic }: Pick<DeadLetter, "topic" | "partition" | "offset">): string =>
  `${topic}/${partition} at offset ${offset}`

/** The error for a function of the operator (`where`, `transform`) that failed at a record. */
export const failedAt = (setting: string, letter: DeadLetter, problem: unknown): KafkaError =>
  invalidSetting(setting, `${placeOf(letter)}: ${messageOf(problem)}`)

const keyText = (key: Uint8Array | null): string | null => key === null ? null : Buffer.from(key).toString("utf8")

/** A date that the calendar does not have is taken for another day by JavaScript. */
const isCalendarDate = (text: string): boolean => {
  const found = /^(\d{4}-\d{2}-\d{2})(?:$|T)/.exec(text)
  return found === null || new Date(found[1]!).toJSON()?.startsWith(found[1]!) === true
}

/** A time in milliseconds; `NaN` for what is none. */
export const millisOf = (time: DateTime.DateTime.Input): number => {
  if (typeof time === "number") return Number.isFinite(time) ? time : Number.NaN
  if (typeof time === "string" && !isCalendarDate(time)) return Number.NaN
  const made = DateTime.make(time)
  return made._tag === "Some" ? DateTime.toEpochMillis(made.value) : Number.NaN
}

/** What is wrong with the times of a filter. */
export const timesProblem = ({ since, until }: Filter): KafkaError | undefined => {
  for (const [name, time] of [["since", since], ["until", until]] as const) {
    if (time !== undefined && Number.isNaN(millisOf(time))) {
      return invalidSetting(
        name,
        `${String(time)} is no time; give milliseconds, a DateTime, or a text as 2026-01-31T12:00:00Z`
      )
    }
  }
  return undefined
}

/** Whether a filter selects a letter, leaving `where` out. Pure. */
export const matches = (filter: Filter, letter: DeadLetter): boolean =>
  (filter.topic === undefined || letter.source === filter.topic)
  && (filter.partition === undefined || letter.partition === filter.partition)
  && (filter.offset === undefined || letter.offset === filter.offset)
  && (filter.key === undefined || keyText(letter.key) === filter.key)
  && (filter.tag === undefined || letter.errorTag === filter.tag)
  && (filter.since === undefined || letter.timestamp >= millisOf(filter.since))
  && (filter.until === undefined || letter.timestamp < millisOf(filter.until))

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

/** What a function of the operator returns, also by an effect or a promise. What goes wrong in it is an error. */
export const settle = (call: () => unknown): Effect.Effect<unknown, unknown> =>
  Effect.suspend(() => {
    const value = call()
    if (value instanceof Pending) return value.effect
    if (Effect.isEffect(value)) return value as Effect.Effect<unknown, unknown>
    return isThenable(value) ? Effect.promise(() => Promise.resolve(value)) : Effect.succeed(value)
  }).pipe(Effect.catchDefect(Effect.fail))

const ask = (where: Where, letter: DeadLetter): Effect.Effect<boolean, KafkaError> =>
  settle(() => where.test(letter)).pipe(
    Effect.mapError((error) => failedAt("where", letter, error)),
    Effect.flatMap((answer) =>
      typeof answer === "boolean"
        ? Effect.succeed(answer)
        : Effect.fail(failedAt("where", letter, `returned ${typeof answer}, which is neither true nor false`))
    )
  )

/** Whether a filter selects a letter. */
export const isMeant = (filter: Filter, letter: DeadLetter): Effect.Effect<boolean, KafkaError> =>
  !matches(filter, letter)
    ? Effect.succeed(false)
    : filter.where === undefined
    ? Effect.succeed(true)
    : ask(filter.where, letter)

/**
 * The parts that leave records of a topic out. `topic` is one only where sources share a dead letter topic: offsets are
 * committed per topic, so a redrive of one source hides nothing of another elsewhere.
 */
const partsOf = (
  { key, offset, partition, since, tag, topic, until, where }: Filter,
  shared: boolean
): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries({
    ...{ key, offset, partition },
    since: since === undefined ? undefined : millisOf(since),
    tag,
    until: until === undefined ? undefined : millisOf(until),
    where: where?.name,
    topic: shared ? topic : undefined
  }).filter(([, value]) => value !== undefined)

/** Whether a filter leaves records of a dead letter topic out. Pure. */
export const isFiltering = (filter: Filter): boolean => partsOf(filter, false).length > 0

/**
 * The group of a redrive: `<group>.dlt.redrive`, and for a filter of its own one with the hash of the filter. A redrive
 * commits what the filter left out as well, or a second run would read all of it again; in the group of the unfiltered
 * redrive that would hide these records from it. `shared`: the topic of the filter shares its dead letter topic.
 */
export const redriveGroupOf = (group: string, filter: Filter, shared = false): string => {
  const parts = partsOf(filter, shared)
  return `${group}.dlt.redrive${parts.length === 0 ? "" : `.${longHash(JSON.stringify(parts))}`}`
}
