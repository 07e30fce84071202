/** Times from outside, and the time that never goes back. */
import type * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"

const dated = /^\s*(\d{4})-(\d{2})-(\d{2})/

/** Whether a date exists: JavaScript reads the 30th of February as the 2nd of March. */
const isNoDay = (text: string): boolean => {
  const [, year, month, day] = dated.exec(text)?.map(Number) ?? []
  if (year === undefined) return false
  return day! > new Date(Date.UTC(year, month!, 0)).getUTCDate()
}

/** A time in milliseconds since the epoch, or `undefined` if it is none. A text without a zone is in UTC. */
export const toMillis = (input: DateTime.DateTime.Input): number | undefined => {
  if (typeof input === "string" && isNoDay(input)) return undefined
  const time = DateTime.make(input)
  return Option.isSome(time) ? DateTime.toEpochMillis(time.value) : undefined
}

/**
 * A time that never goes back, in whole milliseconds: for what takes or waits for a while, because the time of day may
 * be set back, and then it would take as much longer.
 */
export const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
