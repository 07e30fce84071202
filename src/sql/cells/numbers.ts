/** Numbers as cells. Pure. */
import * as BigDecimal from "effect/BigDecimal"
import { asBuffer, fromBase64 } from "./binary.ts"
import { BadCell, type Cell, type Convert, type Site, unfit } from "./cell.ts"
import { decimalText, placePoint, unscaledText } from "./digits.ts"

const integer = /^[-+]?\d+$/
/** As the database writes it, so that equal keys are equal texts. */
const plainInteger = /^(?:0|-?[1-9]\d*)$/
const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/

const rounded = (name: string): BadCell =>
  new BadCell(
    name,
    "the number is above 2^53, and its last digits are lost; read the topic with Change.debezium or .json"
  )

export const integerCells = (site: Site): Convert => (value) => {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return String(value)
    return Number.isInteger(value) ? rounded(site.name) : new BadCell(site.name, "the number is no integer")
  }
  if (typeof value === "bigint") return String(value)
  if (typeof value === "string" && integer.test(value)) return plainInteger.test(value) ? value : String(BigInt(value))
  return unfit(site, value)
}

/** A double as PostgreSQL reads it. */
export const doubleText = (value: number): string => value === 0 && 1 / value < 0 ? "-0" : String(value)

const specials: { readonly [text: string]: string } = {
  NaN: "NaN",
  Infinity: "Infinity",
  "-Infinity": "-Infinity",
  NAN: "NaN",
  POSITIVE_INFINITY: "Infinity",
  NEGATIVE_INFINITY: "-Infinity"
}

const ofText = (text: string): string | undefined =>
  decimal.test(text) ? text : Object.hasOwn(specials, text) ? specials[text] : undefined

export const floatCells = (site: Site): Convert => (value) => {
  if (typeof value === "number") return doubleText(value)
  if (typeof value === "string") return ofText(value) ?? new BadCell(site.name, "the text is no number")
  if (typeof value === "bigint") return String(value)
  return BigDecimal.isBigDecimal(value) ? decimalText(value) : unfit(site, value)
}

/** The scale of a `numeric(p, s)`, of money, or `undefined` where the column has none. */
const scaleOf = ({ type: { kind, typmod } }: Site): number | undefined => {
  if (kind === "money") return 2
  // 11 bits below the precision. Debezium does not see their sign, and writes -2 as 2046, with as many zeros.
  return typmod < 4 ? undefined : typmod - 4 & 0x7ff
}

const bytesIn = (value: unknown): Buffer | undefined =>
  typeof value === "string" ? fromBase64(value) : value instanceof Uint8Array ? asBuffer(value) : undefined

/** `{ scale, value }`: what Debezium makes of a numeric without a precision. */
const variable = (site: Site, value: object): Cell | BadCell => {
  const { scale, value: unscaled } = value as { readonly scale?: unknown; readonly value?: unknown }
  const bytes = bytesIn(unscaled)
  if (typeof scale !== "number" || bytes === undefined) return unfit(site, value)
  return placePoint(unscaledText(bytes), scale)
}

const noScale = "Base64 digits need a scale, and the column has none; set decimal.handling.mode to string"

/** Numerics and money. */
export const numericCells = (site: Site): Convert => {
  const { modes: { decimals }, name } = site
  const scale = scaleOf(site)
  const ofBytes = (bytes: Buffer) =>
    scale === undefined ? new BadCell(name, noScale) : placePoint(unscaledText(bytes), scale)
  const precise = (text: string) => {
    const bytes = fromBase64(text)
    return bytes === undefined
      ? new BadCell(name, "the text is no Base64; decimals may not be \"precise\"")
      : ofBytes(bytes)
  }
  const plain = (text: string) =>
    ofText(text)
      ?? new BadCell(name, "the text is no number; if decimal.handling.mode is precise, set decimals to \"precise\"")
  const ofString = decimals === "precise" ? precise : plain
  return (value) => {
    if (typeof value === "string") return ofString(value)
    if (typeof value === "number") {
      if (Number.isInteger(value) && !Number.isSafeInteger(value) && decimals !== "double") return rounded(name)
      return doubleText(value)
    }
    if (typeof value === "bigint") return String(value)
    if (typeof value !== "object" || value === null) return unfit(site, value)
    if (BigDecimal.isBigDecimal(value)) return decimalText(value)
    return value instanceof Uint8Array ? ofBytes(asBuffer(value)) : variable(site, value)
  }
}
