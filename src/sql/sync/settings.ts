/** The settings of a sync, and whether they make sense. Pure. */
import type * as Duration from "effect/Duration"
import { func, type Kind, type Kinds, oneOf, problemOf, shown, text, texts } from "../../internal/shared/fields.ts"
import { duration } from "../../internal/shared/handedIn/settingKinds.ts"
import type { Format } from "../change/model.ts"
import { waitFor, waitForProblem, type WaitForSettings } from "../waiting/settings.ts"

/**
 * Where the version of a row comes from, and where it is kept.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface VersionSettings {
  /** A column of the table: `bigint` or `numeric`, or a timestamp for times. */
  readonly column: string
  /**
   * The place in the source's WAL, the time of the source in milliseconds, or a field of the row that is a whole number
   * or a time. A record without it is refused.
   */
  readonly from: "lsn" | "timestamp" | { readonly field: string }
  /** How long deleted keys are remembered, so that an older event cannot bring them back (default 7 days). */
  readonly keepDeleted?: Duration.Input | undefined
}

/**
 * How records become rows of one table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TableSettings {
  /** `schema.table`, in its exact case. */
  readonly table: string
  /**
   * The fields that identify a row, or the fields with the columns they are in (default: the primary key). The table
   * needs a primary key or a unique index of exactly these columns.
   */
  readonly key?: ReadonlyArray<string> | { readonly [field: string]: string } | undefined
  /** The fields that are stored, or that are not (default: all are). Those of the key always are. */
  readonly fields?:
    | { readonly include: ReadonlyArray<string> }
    | { readonly exclude: ReadonlyArray<string> }
    | undefined
  /** The columns of fields that are named otherwise. */
  readonly rename?: { readonly [field: string]: string } | undefined
  /**
   * What a deletion does (default `"delete"`). `softDelete` names a column that marks deleted rows: a timestamp, which
   * is null in rows that are there, or a boolean.
   */
  readonly deletes?: "delete" | "ignore" | { readonly softDelete: string } | undefined
  /** What a truncated source table does (default `"refuse"`). Only envelopes of Debezium tell of it. */
  readonly truncates?: "refuse" | "apply" | "ignore" | undefined
  /** What a field without a column does (default `"refuse"`: the record fails). */
  readonly unknownFields?: "refuse" | "ignore" | undefined
  /** Keeps older events from undoing newer ones (default: the order of the topic is trusted). */
  readonly version?: VersionSettings | undefined
  /**
   * Rows whose parents have not come wait for them, and later records of their keys behind them (default: such a row is
   * refused by the database). `"constraints"` reads the parents from the table's foreign keys.
   */
  readonly waitFor?: "constraints" | WaitForSettings | undefined
}

/** Whether it is an object by name, not an array. */
const isNamed = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const filled: Kind = { words: "a text that is not empty", is: (value) => text.is(value) && value !== "" }

const columnsByField: Kind = {
  words: "an object of fields and their columns",
  is: (value) => isNamed(value) && Object.values(value).every(filled.is)
}

const key: Kind = {
  words: `an array of fields, or ${columnsByField.words}`,
  is: (value) => (texts.is(value) || columnsByField.is(value)) && Object.keys(value as object).length > 0
}

const deletes: Kind = {
  words: "\"delete\", \"ignore\" or { softDelete: column }",
  is: (value) => value === "delete" || value === "ignore" || isNamed(value)
}

const from: Kind = { words: "\"lsn\", \"timestamp\" or { field }", is: (value) => text.is(value) || isNamed(value) }

const versionKinds: Kinds = { column: filled, from, keepDeleted: duration }

const tableKinds: Kinds = {
  table: text,
  key,
  fields: { words: "{ include } or { exclude }", is: isNamed, fields: { include: texts, exclude: texts } },
  rename: columnsByField,
  deletes,
  truncates: oneOf("refuse", "apply", "ignore"),
  unknownFields: oneOf("refuse", "ignore"),
  version: { words: "an object of column, from", is: isNamed, fields: versionKinds },
  waitFor
}

const tables: Kind = { words: "an object of tables by name", is: isNamed }
const format: Kind = {
  words: "a format; use e.g. Change.envelope()",
  is: (value) => {
    const { modes, read } = Object(value) as Partial<Format>
    return isNamed(modes) && func.is(read)
  }
}

const settingsKinds: Kinds = { ...tableKinds, format, row: func, tables }

/** Two fields cannot be stored in one column: one of them would be lost. */
const twiceProblem = ({ fields, key, rename = {} }: TableSettings): string | undefined => {
  const excluded = fields !== undefined && "exclude" in fields ? fields.exclude : []
  const ofKey = key === undefined || Array.isArray(key)
    ? []
    : Object.entries(key as { readonly [field: string]: string })
  const fieldOf = new Map(ofKey.map(([field, column]) => [column, field]))
  for (const [field, column] of Object.entries(rename)) {
    if (excluded.includes(field)) continue
    const other = fieldOf.get(column)
    if (other !== undefined && other !== field) {
      return `rename: the fields "${other}" and "${field}" cannot both be stored in column "${column}"`
    }
    fieldOf.set(column, field)
  }
  return undefined
}

/** What is wrong with settings whose fields are of their kinds. */
const choiceProblem = (settings: TableSettings): string | undefined => {
  const { deletes, fields, table, version, waitFor } = settings
  if (table === undefined || table === "") return "table: is missing; write \"schema.table\""
  if (fields !== undefined && Object.keys(fields).length !== 1) return "fields: give include or exclude, not both"
  if (isNamed(deletes)) {
    const found = problemOf("deletes", deletes, { softDelete: filled })
    if (found !== undefined) return `deletes: ${found.field}: ${found.problem}`
    if (deletes.softDelete === undefined) return "deletes: softDelete is missing"
    if (deletes.softDelete === version?.column) {
      return `deletes: column "${deletes.softDelete}" cannot mark deleted rows and keep versions`
    }
  }
  const twice = twiceProblem(settings)
  if (twice !== undefined) return twice
  const waits = waitForProblem(waitFor)
  if (waits !== undefined || version === undefined) return waits
  if (version.column === undefined) return "version: column is missing"
  const source = version.from
  if (source === "lsn" || source === "timestamp") return undefined
  if (!isNamed(source)) return `version: from: ${shown(source)} is not ${from.words}`
  const found = problemOf("from", source, { field: filled })
  if (found !== undefined) return `version: from: ${found.field}: ${found.problem}`
  return source.field === undefined ? "version: from: field is missing" : undefined
}

const tableProblem = (given: unknown, kinds: Kinds): string | undefined => {
  const found = problemOf("settings", given, kinds)
  return found === undefined ? choiceProblem(given as TableSettings) : `${found.field}: ${found.problem}`
}

/** The settings of a table that a record names: those of the sync, and what is said for the table. */
export const settingsOf = (main: TableSettings, own: string | Partial<TableSettings>): TableSettings =>
  typeof own === "string" ? { ...main, table: own } : { ...main, ...own }

/** Throws for settings that are misspelt, of a wrong kind, or contradict each other. `where` is what was called. */
export const requireSettings = (
  where: string,
  settings: TableSettings & {
    readonly format: Format
    readonly tables?: { readonly [name: string]: string | Partial<TableSettings> } | undefined
  }
): void => {
  const fail = (problem: string): never => {
    throw new Error(`${where}: ${problem}`)
  }
  const problem = tableProblem(settings, settingsKinds)
  if (problem !== undefined) fail(problem)
  if (settings.format === undefined) fail("format: is missing; use e.g. Change.envelope()")
  for (const [name, own] of Object.entries(settings.tables ?? {})) {
    const problem = typeof own === "string" || isNamed(own)
      ? tableProblem(typeof own === "string" ? { table: own } : { table: settings.table, ...own }, tableKinds)
      : `${shown(own)} is not "schema.table" or an object of settings`
    // What it says for itself may contradict what it takes from the sync.
    const found = problem ?? choiceProblem(settingsOf(settings, own))
    if (found !== undefined) fail(`tables: ${name}: ${found}`)
  }
}
