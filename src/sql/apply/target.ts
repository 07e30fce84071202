/** A table as rows are written into it: worked out once from the catalog and the settings. Pure. */
import type { Column, Table, UniqueIndex } from "../TableModel.ts"
import { quotedTable, shownTable } from "../tables/names.ts"
import { isLoose, type KeyPart, keyPartsOf } from "./keys.ts"

/** What keeps older events from undoing newer ones. */
export interface Guard {
  /** The column that keeps the version of a row. */
  readonly column: number
  /** The table that remembers deleted keys with their versions, quoted. */
  readonly deleted: string
  /** Whether versions come from rows, so that several sources may write one. */
  readonly isOfRows: boolean
}

/** A table to write into. Columns are numbers: places in `columns`. */
export interface Target {
  /** `schema.table`, as errors show it. */
  readonly name: string
  /** The same, quoted. */
  readonly sql: string
  readonly table: Table
  /** Those that can be written: without generated ones. */
  readonly columns: ReadonlyArray<Column>
  readonly key: ReadonlyArray<number>
  readonly keyParts: ReadonlyArray<KeyPart>
  /** Whether keys with different texts may be those of one row. */
  readonly isLoose: boolean
  /** Whether `ON CONFLICT` can find rows by the key; a deferrable key needs `MERGE`. */
  readonly hasArbiter: boolean
  /** What may refuse a row because of another row, at once, besides the key. */
  readonly secondary: ReadonlyArray<UniqueIndex>
  /** Whether a constraint is checked later, or can be. */
  readonly isDeferrable: boolean
  /** Where deleted rows are marked; `undefined` if they are deleted. */
  readonly softDelete: number | undefined
  readonly guard: Guard | undefined
  /** The statements that were made so far. */
  readonly texts: Map<string, string>
}

const sameNames = (one: ReadonlyArray<string>, other: ReadonlyArray<string>): boolean =>
  one.length === other.length && one.every((name) => other.includes(name))

/** The indexes that make these columns a key. */
const keysOf = (table: Table, key: ReadonlyArray<string>): ReadonlyArray<UniqueIndex> =>
  table.uniques.filter(({ columns, isExclusion, isExpression, isPartial }) =>
    !isExclusion && !isExpression && !isPartial && sameNames(columns, key)
  )

/** Whether rows can be found by these columns: a unique index has exactly them. */
export const isKey = (table: Table, key: ReadonlyArray<string>): boolean => keysOf(table, key).length > 0

export interface Choices {
  /** The columns of the key, by name. */
  readonly key: ReadonlyArray<string>
  readonly softDelete: string | undefined
  readonly guard: (Omit<Guard, "column"> & { readonly column: string }) | undefined
}

/** All names have to be columns of the table, and the key a key of it. */
export const makeTarget = (table: Table, { guard, key, softDelete }: Choices): Target => {
  const keys = keysOf(table, key)
  const columns = table.columns.filter(({ isGenerated }) => !isGenerated)
  const place = (name: string): number => columns.findIndex((column) => column.name === name)
  const places = key.map(place)
  const keyParts = keyPartsOf(columns, places)
  const isLate = (one: { readonly isDeferrable: boolean }) => one.isDeferrable
  return {
    name: shownTable(table),
    sql: quotedTable(table),
    table,
    columns,
    key: places,
    keyParts,
    isLoose: isLoose(keyParts),
    hasArbiter: keys.some(({ isDeferrable }) => !isDeferrable),
    secondary: table.uniques.filter((index) => !keys.includes(index) && !index.isDeferrable),
    isDeferrable: table.uniques.some(isLate) || table.foreignKeys.some(isLate) || table.referencedBy.some(isLate),
    softDelete: softDelete === undefined ? undefined : place(softDelete),
    guard: guard === undefined ? undefined : { ...guard, column: place(guard.column) },
    texts: new Map()
  }
}

/** Parents first. Tables that refer to each other in a circle come in the order in which they were given. */
export const parentsFirst = (targets: Iterable<Target>): ReadonlyArray<Target> => {
  const open = [...targets]
  const ordered: Array<Target> = []
  const isParent = (child: Target, parent: Target) =>
    child.table.foreignKeys.some(({ references }) =>
      references.schema === parent.table.schema && references.table === parent.table.name
    )
  while (open.length > 0) {
    const free = open.findIndex((one) => !open.some((other) => other !== one && isParent(one, other)))
    ordered.push(...open.splice(Math.max(free, 0), 1))
  }
  return ordered
}
