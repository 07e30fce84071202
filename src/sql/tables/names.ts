/** Names of tables and columns in SQL. Pure. */
import { shown } from "../../internal/shared/fields.ts"

/** An identifier, quoted. */
export const quoted = (name: string): string => `"${name.replaceAll("\"", "\"\"")}"`

/** `schema.table`, each part quoted. */
export const quotedTable = (table: { readonly schema: string; readonly name: string }): string =>
  `${quoted(table.schema)}.${quoted(table.name)}`

/** How errors show a table. */
export const shownTable = (table: { readonly schema: string; readonly name: string }): string =>
  `${table.schema}.${table.name}`

/** The parts of `schema.table`, or of `table` alone. The case is kept. */
export const partsOf = (name: string): { readonly schema: string | undefined; readonly name: string } => {
  const dot = name.indexOf(".")
  return dot === -1 ? { schema: undefined, name } : { schema: name.slice(0, dot), name: name.slice(dot + 1) }
}

/** A text in SQL. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * What the names of triggers begin with that are to be called before those of others, or behind them: PostgreSQL sorts
 * them by bytes, and these are the first character of ASCII that can be seen, and the last.
 */
export const firstTriggers = "!millrace_"
export const lastTriggers = "~millrace_"

/** The trigger that gives the rows of a table their versions (`RowVersion`). */
export const versionTrigger = `${lastTriggers}version`

/** Its function, which has the table's name. Triggers of earlier versions have it, too. */
export const versionFunctionName = (table: string): string => `millrace_version_${table}`

/** Throws for what is no name of a table. */
export const requireTable = (where: string, given: unknown): void => {
  if (typeof given === "string" && given !== "") return
  throw new Error(`${where}: table: ${shown(given)} is no name of a table; write "schema.table"`)
}
