/** What `waitFor` says. Pure. */
import type * as Duration from "effect/Duration"
import { type Kind, type Kinds, problemOf, text, texts } from "../../internal/shared/fields.ts"
import { duration } from "../../internal/shared/handedIn/settingKinds.ts"

/**
 * The parents of a table's rows.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Parent {
  /** The columns of the table that refer to the parent, not the fields. */
  readonly columns: ReadonlyArray<string>
  /** The table of the parents, `schema.table`. */
  readonly table: string
  /** The columns there, in the same order (default: its primary key). They have to be a key. */
  readonly references?: ReadonlyArray<string> | undefined
}

/**
 * What rows wait for, and how long.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface WaitForSettings {
  /** The parents, or `"constraints"`: those of the table's foreign keys. */
  readonly parents: "constraints" | ReadonlyArray<Parent>
  /**
   * How long a row waits until it counts as expired (default 1 hour): it is logged, shown by `Waiting.list`, and looked
   * for no more until its parent comes by a sync, a later record of its key does, or `Waiting.retry` says so.
   */
  readonly timeout?: Duration.Input | undefined
}

const isNamed = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parentKinds: Kinds = { columns: texts, table: text, references: texts }

const parents: Kind = {
  words: "\"constraints\" or an array of { columns, table }",
  is: (value) => value === "constraints" || Array.isArray(value)
}

/** `"constraints"` or an object. */
export const waitFor: Kind = {
  words: "\"constraints\" or { parents, timeout }",
  is: (value) => value === "constraints" || isNamed(value),
  fields: { parents, timeout: duration }
}

/** What is wrong with settings of this kind. */
export const waitForProblem = (given: "constraints" | WaitForSettings | undefined): string | undefined => {
  if (given === undefined || given === "constraints") return undefined
  if (given.parents === undefined) return "waitFor: parents is missing; write \"constraints\" or name them"
  if (given.parents === "constraints") return undefined
  if (given.parents.length === 0) return "waitFor: parents is empty; name the tables that rows wait for"
  for (const parent of given.parents) {
    const found = problemOf("parents", parent, parentKinds)
    if (found !== undefined) return `waitFor: parents: ${found.field}: ${found.problem}`
    const { columns, references, table } = parent
    if (table === undefined || table === "") return "waitFor: parents: table is missing; write \"schema.table\""
    if (columns === undefined || columns.length === 0) return `waitFor: parents: ${table}: columns is missing`
    if (references !== undefined && references.length !== columns.length) {
      return `waitFor: parents: ${table}: ${columns.length} columns cannot refer to ${references.length}`
    }
  }
  return undefined
}
