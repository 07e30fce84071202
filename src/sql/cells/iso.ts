/** Dates and times as ISO texts: what PostgreSQL does not read is written as it does. Pure. */

// A year has more digits, or a sign, where it is not one of the first 9999 AD.
const timestamp = /^([+-]?\d{4,})-(\d\d-\d\d)(?:[T ](.*))?$/
const date = /^([+-]?\d{4,})-(\d\d-\d\d)(Z|[+-]\d\d:?\d\d)?$/
const time = /^\d\d:\d\d/

const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Four digits, not 0000, and a hyphen: the year is as PostgreSQL reads it. */
const isPlain = (text: string): boolean =>
  text.charCodeAt(4) === 45 && isDigit(text.charCodeAt(0)) && isDigit(text.charCodeAt(3)) && !text.startsWith("0000")

/** Java counts a year 0; PostgreSQL has 1 BC there. */
const era = (year: string): { readonly shown: string; readonly suffix: string } => {
  const value = Number(year)
  return value > 0
    ? { shown: year.startsWith("+") ? year.slice(1) : year, suffix: "" }
    : { shown: String(1 - value).padStart(4, "0"), suffix: " BC" }
}

/** Infinity as PostgreSQL has it, and as Debezium writes it with `isostring`: dates in snapshots, dates, timestamps. */
const infinities: { readonly [text: string]: string } = {
  infinity: "infinity",
  "-infinity": "-infinity",
  "+292278994-08-16Z": "infinity",
  "+292269055-12-02Z": "-infinity",
  "-5877611-06-21Z": "infinity",
  "-5877611-06-22Z": "-infinity",
  "+294247-01-10T04:00:25.2Z": "infinity",
  "-290308-12-21T19:59:27.6Z": "-infinity"
}
const infinityOf = (text: string): string | undefined => Object.hasOwn(infinities, text) ? infinities[text] : undefined

/** Only what can be nothing but a text of a time passes: PostgreSQL reads "now" and "today", too. */
const isSafe = (text: string): boolean => !text.includes("\0") && text.length < 64

/** A `date`, or `undefined`. */
export const isoDateText = (text: string): string | undefined => {
  const infinity = infinityOf(text)
  if (infinity !== undefined) return infinity
  const found = date.exec(text)
  if (found === null) return text.endsWith(" BC") && isPlain(text) && isSafe(text) ? text : undefined
  if (isPlain(text)) return text
  const { shown, suffix } = era(found[1]!)
  return `${shown}-${found[2]}${suffix}`
}

/** A `timestamp` or `timestamptz`, or `undefined`. */
export const isoTimestampText = (text: string): string | undefined => {
  if (isPlain(text)) return isSafe(text) ? text : undefined
  const infinity = infinityOf(text)
  if (infinity !== undefined) return infinity
  const found = timestamp.exec(text)
  if (found === null || !isSafe(text)) return undefined
  const { shown, suffix } = era(found[1]!)
  return `${shown}-${found[2]}${found[3] === undefined ? "" : ` ${found[3]}`}${suffix}`
}

/** Whether the text is a time of a day, perhaps with a zone. */
export const isTimeText = (text: string): boolean => time.test(text) && isSafe(text)
