/** Times from outside. */
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
