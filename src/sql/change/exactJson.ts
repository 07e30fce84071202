/** JSON without losing digits: what a double cannot hold becomes a bigint or an Effect `BigDecimal`. Pure. */
import * as BigDecimal from "effect/BigDecimal"

/** How many digits (and the point among them) a number has at least that a double may not hold. */
const long = 16

interface Token {
  readonly start: number
  readonly end: number
}

const isDigit = (code: number): boolean => (code >= 48 && code <= 57) || code === 46

/**
 * Where the next long run of digits is that ends behind `from`, or `undefined`. Every sixteenth character is in one, so
 * that the others need no look.
 */
const nextRun = (json: string, from: number): Token | undefined => {
  for (let at = from + long - 1; at < json.length; at += long) {
    if (!isDigit(json.charCodeAt(at))) continue
    let start = at
    while (start > from && isDigit(json.charCodeAt(start - 1))) start--
    let end = at + 1
    while (end < json.length && isDigit(json.charCodeAt(end))) end++
    if (end - start >= long) return { start, end }
    at = end - 1
  }
  return undefined
}
const exponent = /[eE][-+]?\d+/y
/** What may stand before a number: what is part of another one is left to the parser. */
const before = /[[:,\s]/
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/

/** Where Debezium writes nanoseconds about the event itself: nobody needs their last digits. */
const ownNanos = /"ts_us": ?\d+, ?"ts_ns": ?$/

/** What becomes of them; a program has fields of these names for itself. */
export type Nanos = "rounded" | "kept"

/** A character that no text of JSON has as itself, so that it marks numbers in it. */
const mark = "\u0001"
const escapedMark = "\\u0001"

/** The digits without zeros around them, and the power of ten of the last one. */
const significant = (number: string): string => {
  const [mantissa = "", power = "0"] = number.toLowerCase().split("e")
  const [whole = "", fraction = ""] = mantissa.replace("-", "").split(".")
  const digits = `${whole}${fraction}`.replace(/^0+/, "")
  const trimmed = digits.replace(/0+$/, "")
  return trimmed === "" ? "0" : `${trimmed}e${Number(power) - fraction.length + digits.length - trimmed.length}`
}

/** Whether a double holds the number as it is written. */
const isExact = (token: string): boolean => {
  const value = Number(token)
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(value)
  return Number.isFinite(value) && significant(String(value)) === significant(token)
}

const exact = (token: string): bigint | BigDecimal.BigDecimal =>
  /^-?\d+$/.test(token) ? BigInt(token) : BigDecimal.fromStringUnsafe(token)

/** Whether a quote ends or begins a text: it does unless an odd number of backslashes is before it. */
const isEscaped = (json: string, quote: number): boolean => {
  let at = quote
  while (json.charCodeAt(at - 1) === 92) at--
  return (quote - at) % 2 === 1
}

/** The numbers that a double cannot hold. */
const longNumbers = (json: string, nanos: Nanos): ReadonlyArray<Token> => {
  const found: Array<Token> = []
  let seen = 0
  let isInText = false
  for (let run = nextRun(json, 0); run !== undefined; run = nextRun(json, run.end)) {
    const index = run.start
    for (let quote = json.indexOf("\"", seen); quote !== -1 && quote < index; quote = json.indexOf("\"", seen)) {
      if (!isInText || !isEscaped(json, quote)) isInText = !isInText
      seen = quote + 1
    }
    if (isInText) continue
    const start = json.charCodeAt(index - 1) === 45 ? index - 1 : index
    exponent.lastIndex = run.end
    const end = exponent.test(json) ? exponent.lastIndex : run.end
    const token = json.slice(start, end)
    if (start > 0 && !before.test(json[start - 1]!) || !number.test(token) || isExact(token)) continue
    if (nanos === "rounded" && ownNanos.test(json.slice(Math.max(0, start - 48), start))) continue
    found.push({ start, end })
  }
  return found
}

/** Turns what was marked into numbers, in place: the value was just parsed, and nobody else has it. */
const revive = (value: unknown): unknown => {
  if (typeof value === "string") return value.startsWith(mark) ? exact(value.slice(1)) : value
  if (typeof value !== "object" || value === null) return value
  const parts = value as { [key: string]: unknown }
  for (const key of Object.keys(parts)) {
    const part = parts[key]
    const revived = revive(part)
    // An own property, also where it is called __proto__: the parser has made it.
    if (revived !== part) Object.defineProperty(parts, key, { value: revived, writable: true, enumerable: true })
  }
  return value
}

/** Slow, and needs no mark: the parser says the text of each number. */
const byReviver = (json: string): unknown =>
  JSON.parse(json, (_key, value: unknown, context?: { readonly source?: string }) => {
    const token = typeof value === "number" ? context?.source : undefined
    return token === undefined || isExact(token) ? value : exact(token)
  })

/** Parses JSON, or throws a `SyntaxError`. Only texts that hold long numbers cost more than the parser does. */
export const parseExact = (json: string, nanos: Nanos = "rounded"): unknown => {
  const numbers = longNumbers(json, nanos)
  if (numbers.length === 0) return JSON.parse(json)
  if (json.includes(escapedMark)) return byReviver(json)
  let marked = ""
  let from = 0
  for (const { end, start } of numbers) {
    marked += `${json.slice(from, start)}"${escapedMark}${json.slice(start, end)}"`
    from = end
  }
  return revive(JSON.parse(marked + json.slice(from)))
}
