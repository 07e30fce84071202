/** Names of tables and columns in SQL. Pure. */

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

/** The trigger that gives the rows of a table their versions (`RowVersion`), and its function. */
export const versionTrigger = (name: string): string => `millrace_version_${name}`
