/** A value of the source and the one of the target that is made from it, as texts that are equal. Pure. */
import { travelsAsText } from "../cells/arrays.ts"
import type { Column, Kind } from "../TableModel.ts"

/** The SQL of a column's value, for each side. */
export interface Texts {
  readonly source: (column: string) => string
  readonly target: (column: string) => string
}

type Expression = (column: string) => string

const plain: Expression = (column) => `${column}::text`
const trimmed: Expression = (column) => `rtrim(${column}::text)`
const document: Expression = (column) => `${column}::jsonb::text`
const universal: Expression = (column) => `(${column} AT TIME ZONE 'UTC')::text`

const both = (expression: Expression): Texts => ({ source: expression, target: expression })

const whole: ReadonlyArray<Kind> = ["integer", "bigint", "oid"]
const decimal: ReadonlyArray<Kind> = ["numeric", "money"]

/** The digits behind the point of a `numeric(p, s)`. */
const scaleOf = ({ kind, typmod }: Column): number | undefined => {
  if (kind === "money") return 2
  if (kind !== "numeric" || typmod < 4) return undefined
  const bits = (typmod - 4) & 0x7ff
  return bits >= 1_024 ? bits - 2_048 : bits
}

/** As a numeric. A float has the digits of its text, which are those that Debezium sends. */
const digits = ({ kind }: Column): Expression =>
  kind === "float" ? (column) => `${column}::text::numeric` : (column) => `${column}::numeric`

const numbers = (source: Column, target: Column): Texts => {
  if (whole.includes(source.kind) && whole.includes(target.kind)) return both(plain)
  if (target.kind === "float") {
    // A real has less digits than a double, on whichever side it is.
    const isReal = [source, target].some(({ type }) => type === "real")
    return both(isReal ? (column) => `${column}::real::text` : (column) => `${column}::double precision::text`)
  }
  const scale = scaleOf(target)
  const rounded = (text: string) => scale === undefined ? text : `round(${text}, ${scale})`
  return {
    source: (column) => `trim_scale(${rounded(digits(source)(column))})::text`,
    target: (column) => `trim_scale(${digits(target)(column)})::text`
  }
}

const moments: ReadonlyArray<Kind> = ["date", "timestamp", "timestamptz"]
const withPrecision: ReadonlyArray<Kind> = ["time", "timetz", "timestamp", "timestamptz"]

const times = (source: Column, target: Column): Texts => {
  const text = target.kind === "timetz" ? universal : plain
  const isCut = withPrecision.includes(target.kind) && target.typmod >= 0
    && (source.typmod < 0 || source.typmod > target.typmod || source.kind !== target.kind)
  const type = isCut ? `${target.kind}(${target.typmod})` : target.type
  const isCast = isCut || source.kind !== target.kind
  return { source: isCast ? (column) => text(`${column}::${type}`) : text, target: text }
}

const isNumber = (kind: Kind): boolean => whole.includes(kind) || decimal.includes(kind) || kind === "float"

/** How both values are written, so that they are equal where the target has what the source says. */
export const textsOf = (source: Column, target: Column): Texts => {
  const kinds = [source.kind, target.kind]
  if (kinds.every(isNumber)) return numbers(source, target)
  if (kinds.every((kind) => moments.includes(kind))) return times(source, target)
  if (source.kind === target.kind && withPrecision.includes(target.kind)) return times(source, target)
  if (kinds.every((kind) => kind === "json")) return both(document)
  if (kinds.includes("char") && kinds.every((kind) => kind === "char" || kind === "text")) return both(trimmed)
  return both(plain)
}

/** Kinds whose values have one order in all databases. Texts have it in the collation "C" alone. */
const ordered: ReadonlyArray<ReadonlyArray<Kind>> = [
  ["integer", "bigint"],
  ["numeric"],
  ["uuid"],
  ["date"],
  ["timestamp"],
  ["timestamptz"],
  ["bytes"]
]

const isSameOrder = (source: Column, target: Column): boolean =>
  ordered.some((kinds) => kinds.includes(source.kind) && kinds.includes(target.kind))

/** Kinds whose texts are read in another way than they are written, or not compared, or refused at the other side. */
const unread: ReadonlyArray<Kind> = ["timetz", "money", "json", "geometry", "enum"]

/** Whether every text of the column is read as the value that it was written from. */
const isRead = (column: Column): boolean =>
  !unread.includes(column.kind) && column.type !== "xml" && !travelsAsText(column)

/** Whether the target has less digits than the source. */
const isRounded = (source: Column, target: Column): boolean => {
  if (withPrecision.includes(target.kind)) {
    return target.typmod >= 0 && (source.typmod < 0 || source.typmod > target.typmod)
  }
  const [from, to] = [scaleOf(source), scaleOf(target)]
  return target.kind === "numeric" && to !== undefined && (from === undefined || from > to)
}

/** How the rows of a key are found, for each side. */
export interface Finding {
  /** Whether both sides order it as it is, so that their indexes can be used. */
  readonly isOrdered: boolean
  /** Whether a side finds a row by the value that the text is read as; otherwise its own text is compared. */
  readonly byValue: { readonly source: boolean; readonly target: boolean }
}

export const findingOf = (source: Column, target: Column): Finding => {
  const isSame = isSameOrder(source, target)
  const isAlike = (isSame || source.kind === target.kind) && isRead(source) && isRead(target)
    && (source.kind !== "float" || source.type === target.type)
  // A text that is rounded is read as another value than the source has.
  const byValue = { source: isAlike && !isRounded(source, target), target: isAlike }
  return { isOrdered: isSame && byValue.source, byValue }
}
