/** Intervals, geometry, hstore and what else has a form of its own. Pure. */
import * as Duration from "effect/Duration"
import { bytesOf, fromBase64 } from "./binary.ts"
import { BadCell, type Cell, type Convert, lost, type Site, unfit } from "./cell.ts"
import { doubleText } from "./numbers.ts"
import { checkedText } from "./texts.ts"

const inexact = "an interval in microseconds has lost its months and days; set interval.handling.mode to string"

const ofDuration = (site: Site, duration: Duration.Duration): Cell | BadCell => {
  if (!Duration.isFinite(duration)) return new BadCell(site.name, "an infinite Duration is no interval")
  return `${Duration.toNanosUnsafe(duration) / 1_000n} microseconds`
}

export const intervalCells = (site: Site): Convert => (value) => {
  if (typeof value === "string") return checkedText(site.name, value)
  if (typeof value === "bigint" || (typeof value === "number" && Number.isSafeInteger(value))) {
    return lost(site, inexact, `${value} microseconds`)
  }
  return Duration.isDuration(value) ? ofDuration(site, value) : unfit(site, value)
}

/** A coordinate: Debezium's JSON has texts for what is no number. */
const coordinate = (value: unknown): string | undefined => {
  if (typeof value === "number") return doubleText(value)
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? value : undefined
}

/** The well-known binary of PostGIS as it reads it, with the reference system in front where there is one. */
const ofBinary = (site: Site, wkb: unknown, srid: unknown): Cell | BadCell => {
  const bytes = typeof wkb === "string" ? fromBase64(wkb) : wkb instanceof Uint8Array ? Buffer.from(wkb) : undefined
  if (bytes === undefined) return unfit(site, wkb)
  const hex = bytes.toString("hex")
  return typeof srid === "number" && srid > 0 ? `SRID=${srid};${hex}` : hex
}

export const geometryCells = (site: Site): Convert => {
  const isPoint = site.type.type === "point"
  return (value) => {
    if (typeof value === "string") return checkedText(site.name, value)
    if (typeof value !== "object" || value === null) return unfit(site, value)
    const { srid, wkb, x, y } = value as { readonly [field: string]: unknown }
    if (!isPoint) return ofBinary(site, wkb, srid)
    const [first, second] = [coordinate(x), coordinate(y)]
    return first === undefined || second === undefined ? unfit(site, value) : `(${first},${second})`
  }
}

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`

const ofEntries = (site: Site, entries: ReadonlyArray<readonly [string, unknown]>): Cell | BadCell => {
  const pairs: Array<string> = []
  for (const [key, value] of entries) {
    if (value !== null && typeof value !== "string") {
      return new BadCell(site.name, "the values of an hstore are texts or null")
    }
    pairs.push(`${quoted(key)}=>${value === null ? "NULL" : quoted(value)}`)
  }
  const text = pairs.join(", ")
  return checkedText(site.name, text)
}

const parsed = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** An object or a `Map` of texts, the JSON of one, or the form that PostgreSQL prints. */
export const hstoreCells = (site: Site): Convert => (value) => {
  if (typeof value === "string") {
    const object = value.startsWith("{") ? parsed(value) : undefined
    return object === undefined ? checkedText(site.name, value) : ofEntries(site, Object.entries(object))
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return unfit(site, value)
  return ofEntries(site, value instanceof Map ? [...value] : Object.entries(value))
}

const notThere = "the text is no bytes; Debezium sends this type as bytes of its text form (include.unknown.datatypes)"

/** Types that Debezium does not know: the bytes of their text form. */
export const unknownCells = (site: Site): Convert => {
  const { modes: { binaries }, name } = site
  return (value) => {
    const bytes = typeof value === "string" ? bytesOf(value, binaries) : value
    if (bytes === undefined) return new BadCell(name, notThere)
    return bytes instanceof Uint8Array ? checkedText(name, Buffer.from(bytes).toString()) : unfit(site, value)
  }
}

/** Types of which nothing but their text form is known: a number or a boolean has one, too. */
export const anyTextCells = (site: Site): Convert => (value) => {
  if (typeof value === "string") return checkedText(site.name, value)
  // A vector of pgvector.
  if (Array.isArray(value) && value.every((one) => typeof one === "number")) return `[${value.join()}]`
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : unfit(site, value)
}
