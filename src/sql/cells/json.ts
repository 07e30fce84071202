/** JSON as cells, with the digits of its numbers. Pure. */
import * as BigDecimal from "effect/BigDecimal"
import { BadCell, type Cell, type Convert, type Site } from "./cell.ts"
import { decimalText } from "./digits.ts"
import { checkedText } from "./texts.ts"

/** `JSON.rawJSON` (ES2025), which writes digits as they are. */
const { rawJSON } = JSON as typeof JSON & { readonly rawJSON: (text: string) => unknown }

/** What JSON would leave out, or write as an empty object or null; `undefined` for everything else. */
const lostIn = (value: unknown): string | undefined => {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : String(value)
    case "function":
    case "symbol":
      return `a ${typeof value}`
    case "object":
      return value instanceof Map || value instanceof Set || value instanceof Promise ?
        `a ${value.constructor.name}`
        : undefined
    default:
      return undefined
  }
}

/** `this` is the object that has the property: `value` is what a `toJSON` has made of it. */
function exactNumbers(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const own: unknown = this[key]
  if (typeof own === "bigint") return rawJSON(String(own))
  const lost = lostIn(value)
  if (lost !== undefined) throw new NoJson(`${lost} has no JSON`)
  return typeof own === "object" && BigDecimal.isBigDecimal(own) ? rawJSON(decimalText(own)) : value
}

/** Throws where JSON would lose something. */
class NoJson extends Error {}

/** The JSON of a value, `undefined` where there is none; throws `NoJson`. */
export const exactJson = (value: unknown): string | undefined => JSON.stringify(value, exactNumbers)

const ofValue = (site: Site, value: unknown): Cell | BadCell => {
  try {
    const text = exactJson(value)
    return text === undefined ? new BadCell(site.name, "there is no JSON of this value") : text
  } catch (error) {
    if (error instanceof NoJson) return new BadCell(site.name, error.message)
    throw error
  }
}

/**
 * `json` and `jsonb`. Debezium sends the text of the JSON, so that "null" is the null of JSON; from a program, a text
 * is a JSON string. In both null is the null of SQL.
 */
export const jsonCells = (site: Site): Convert => {
  const { modes: { source }, name } = site
  return (value) => source === "debezium" && typeof value === "string" ? checkedText(name, value) : ofValue(site, value)
}
