/** Array literals: the cells of a column for `unnest`, and the cells of array columns. Pure. */
import type { ColumnType, Kind } from "../TableModel.ts"
import { BadCell, type Cell, type Convert, lost, type Site, unfit } from "./cell.ts"

const scalars = new Set(["inet", "cidr", "macaddr", "macaddr8", "point"])

/**
 * Whether `unnest` cannot take an array of the type apart, so that its cells travel as texts and are cast one by one:
 * arrays, which it flattens; composites, which it makes several columns of; boxes and the types of PostGIS, between
 * which an array has semicolons or colons.
 */
export const travelsAsText = ({ kind, type }: ColumnType): boolean =>
  kind === "array" || ((kind === "other" || kind === "geometry") && !scalars.has(type))

/** Kinds whose cells are nothing but digits, letters and signs, so that they need no quotes. */
const bare: ReadonlySet<Kind> = new Set<Kind>(["boolean", "integer", "bigint", "oid", "float", "numeric", "money"])

const special = /[\\"]/
const specials = /[\\"]/g
const control = /\p{Cc}/u

/** JSON escapes the same two characters, many times faster, and control characters in another way. */
const escaped = (cell: string): string =>
  control.test(cell) ? `"${cell.replace(specials, "\\$&")}"` : JSON.stringify(cell)

/** An element of an array literal. */
export const elementOf = (cell: Cell): string => {
  if (cell === null) return "NULL"
  return special.test(cell) ? escaped(cell) : `"${cell}"`
}

/**
 * The cells of a column as one array literal, which `unnest($1::text::<type>[])` takes apart again.
 *
 * **Details**: one text is built by appending, which costs a tenth of a `map` and a `join` in memory.
 */
export const literalOf = (cells: ReadonlyArray<Cell>, kind: Kind): string => {
  const needsNone = bare.has(kind)
  let text = "{"
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!
    if (i > 0) text += ","
    text += needsNone && cell !== null ? cell : elementOf(cell)
  }
  return `${text}}`
}

const nullsAlone = "an array of nulls alone is what Debezium makes of one with more dimensions; leave the column out"

/** A value of an array column as one literal; arrays within are further dimensions. */
export const arrayCells = (site: Site, element: Convert): Convert => {
  const { name } = site
  const kind = site.type.element?.kind ?? "other"
  const isFromDebezium = site.modes.source === "debezium"
  const literal = (values: ReadonlyArray<unknown>): string | BadCell => {
    const cells: Array<Cell> = []
    let isNested = false
    for (const value of values) {
      const cell = Array.isArray(value) ? literal(value) : value === null || value === undefined ? null : element(value)
      if (cell instanceof BadCell) return cell
      isNested ||= Array.isArray(value)
      cells.push(cell)
    }
    if (!isNested) return literalOf(cells, kind)
    return cells.includes(null) ? new BadCell(name, "an array has arrays and nulls side by side") : `{${cells.join()}}`
  }
  return (value) => {
    if (Array.isArray(value)) {
      const text = literal(value)
      const isSuspect = isFromDebezium && value.length > 0 && value.every((one) => one === null)
      return isSuspect && typeof text === "string" ? lost(site, nullsAlone, text) : text
    }
    // The form that PostgreSQL prints, which no connector sends.
    return typeof value === "string" && !isFromDebezium && value.startsWith("{") ? value : unfit(site, value)
  }
}
