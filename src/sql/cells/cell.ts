/** A value as PostgreSQL reads it: a text, or null. Pure. */
import type { ColumnType } from "../TableModel.ts"
import type { Modes } from "./modes.ts"

/**
 * A value as the database reads it: its text form, or null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Cell = string | null

/**
 * Why a value is none for its column.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export class BadCell {
  /** The column. */
  readonly column: string
  /** What is wrong with the value. The value itself is not in it. */
  readonly problem: string
  /** Whether Debezium has lost what was there: `lossy: "accept"` takes it as it is. */
  readonly isLoss: boolean
  constructor(column: string, problem: string, isLoss = false) {
    this.column = column
    this.problem = problem
    this.isLoss = isLoss
  }
}

/** Converts the values of a column. Nothing else is needed of it, so that it is prepared once. */
export type Convert = (value: unknown) => Cell | BadCell

/** The column that a {@link Convert} is prepared for. The elements of an array have the array's name. */
export interface Site {
  readonly name: string
  readonly type: ColumnType
  readonly modes: Modes
}

/** The problem of a value of the wrong kind. */
export const unfit = (site: Site, value: unknown): BadCell => {
  const kind = Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`
  return new BadCell(site.name, `${kind} is no ${site.type.type}`)
}

/** What was lost on the way: refused with the advice, or what it is taken for. */
export const lost = (site: Site, problem: string, taken: Cell): Cell | BadCell =>
  site.modes.lossy === "accept" ? taken : new BadCell(site.name, `${problem}, or set lossy to "accept"`, true)
