/**
 * Tables as the catalog of the database describes them: columns, keys, indexes and foreign keys.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { SyncError } from "./SyncError.ts"
import { MissingTable, Unsupported } from "./SyncErrorReason.ts"
import type { Table } from "./TableModel.ts"
import { describeTable } from "./tables/catalogSql.ts"
import { type CatalogTable, tableOf } from "./tables/described.ts"
import { partsOf, requireTable } from "./tables/names.ts"
import { syncErrorOf } from "./tables/sqlErrors.ts"

export type * from "./TableModel.ts"

/**
 * Reads a table from the catalog of the database. `name` is `schema.table`, or `table` alone, which the search path
 * finds; its case counts. A table that is not there is a `MissingTable`, a view or a foreign table an `Unsupported`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Table } from "millrace/sql"
 *
 * export const nullable = Effect.map(
 *   Table.read("public.users"),
 *   ({ columns }) => columns.filter(({ isNullable }) => isNullable).map(({ name }) => name)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const read = (name: string): Effect.Effect<Table, SyncError, SqlClient> => {
  requireTable("Table.read", name)
  return described(name)
}

const described = Effect.fnUntraced(function*(name: string): Effect.fn.Return<Table, SyncError, SqlClient> {
  const sql = yield* SqlClient
  const parts = partsOf(name)
  const operation = `read table ${name}`
  const rows = yield* Effect.mapError(
    sql.unsafe(describeTable, [parts.schema ?? null, parts.name]).values,
    (error) => syncErrorOf(operation, error)
  )
  const text = rows[0]?.[0]
  if (text === undefined) {
    return yield* new SyncError({ operation, reason: new MissingTable({ table: name }) })
  }
  const catalog = JSON.parse(String(text)) as CatalogTable
  if (catalog.relkind !== "r" && catalog.relkind !== "p") {
    const problem = "it is a view or a foreign table, and rows are synced into tables only"
    return yield* new SyncError({ operation, reason: new Unsupported({ table: name, column: "*", problem }) })
  }
  return tableOf(catalog)
})
