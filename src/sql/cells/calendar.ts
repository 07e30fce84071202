/** Days, dates and times of day as PostgreSQL reads them, in the Gregorian calendar without a beginning. Pure. */

const pad = (value: number, digits: number): string => String(value).padStart(digits, "0")
const two = (value: number): string => value < 10 ? `0${value}` : String(value)

/** 400 years. */
const eraDays = 146_097
/** From the first of March of the year 0 to 1970. */
const shift = 719_468

/** A date from the days since 1970 in two parts: PostgreSQL writes BC behind the time. */
export const dateParts = (days: number): { readonly date: string; readonly isBc: boolean } => {
  const z = days + shift
  const era = Math.floor(z / eraDays)
  const day = z - era * eraDays
  const year = Math.floor((day - Math.floor(day / 1_460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365)
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100))
  const shifted = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  const astronomical = year + era * 400 + (month <= 2 ? 1 : 0)
  const isBc = astronomical <= 0
  const shown = isBc ? 1 - astronomical : astronomical
  return { date: `${pad(shown, 4)}-${two(month)}-${two(dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1)}`, isBc }
}

/** The first day that a `date` or a `timestamp` can hold, the 24th of November 4714 BC. */
export const firstDay = -2_440_588
/** The last day of a `date`, in the year 5,874,897. */
export const lastDate = 2_145_042_905
/** The last day of a `timestamp`, the last of the year 294,276. */
export const lastTimestampDay = 106_762_939

export const dateText = (days: number): string => {
  const { date, isBc } = dateParts(days)
  return isBc ? `${date} BC` : date
}

/** A unit of time that counts in integers. */
export interface Unit {
  readonly perSecond: number
  /** How many digits a fraction of a second has. */
  readonly digits: number
}

export const milliseconds: Unit = { perSecond: 1_000, digits: 3 }
export const microseconds: Unit = { perSecond: 1_000_000, digits: 6 }
export const nanoseconds: Unit = { perSecond: 1_000_000_000, digits: 9 }

/** The time of day; a whole day is 24:00, which PostgreSQL has. */
export const timeText = (ofDay: number, unit: Unit): string => {
  const seconds = Math.floor(ofDay / unit.perSecond)
  const fraction = ofDay - seconds * unit.perSecond
  const hours = Math.floor(seconds / 3_600)
  const minutes = Math.floor(seconds / 60) - hours * 60
  const whole = `${two(hours)}:${two(minutes)}:${two(seconds - hours * 3_600 - minutes * 60)}`
  return fraction === 0 ? whole : `${whole}.${pad(fraction, unit.digits)}`
}

/** A timestamp from its day and the time within it. */
export const timestampText = (days: number, ofDay: number, unit: Unit, zone = ""): string => {
  const { date, isBc } = dateParts(days)
  const text = `${date} ${timeText(ofDay, unit)}${zone}`
  return isBc ? `${text} BC` : text
}
