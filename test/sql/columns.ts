/** Columns as `Table.read` describes them, for tests without a database. */
import type { Table } from "millrace/sql"

export type Short = readonly [kind: Table.Kind, type: string, typmod?: number, element?: Table.ColumnType]

export const column = (name: string, [kind, type, typmod = -1, element]: Short): Table.Column => ({
  name,
  kind,
  type,
  typmod,
  isNullable: true,
  hasDefault: false,
  isGenerated: false,
  isIdentityAlways: false,
  ...(element && { element })
})

export const columnsOf = (columns: { readonly [name: string]: Short }): ReadonlyArray<Table.Column> =>
  Object.entries(columns).map(([name, short]) => column(name, short))

/** A unique index of these columns. */
export const indexOf = (name: string, columns: ReadonlyArray<string>, isPrimary: boolean): Table.UniqueIndex => ({
  name,
  columns,
  isPrimary,
  isDeferrable: false,
  isPartial: false,
  isExpression: false,
  nullsNotDistinct: false,
  isExclusion: false
})
