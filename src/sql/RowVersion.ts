/**
 * A version for each row of a table that is written at several places: of two writes that did not know of each other,
 * the same one wins everywhere.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type Kind, type KindsOf, requireFields } from "../internal/shared/fields.ts"
import { freelySpelled, isSpelledFreely } from "./apply/keys.ts"
import { deletedThere, longestName, sites, versionStatements } from "./conflict/versionSql.ts"
import type * as Migrations from "./Migrations.ts"
import { placeKinds } from "./migrations/place.ts"
import { SyncError } from "./SyncError.ts"
import { MissingKey, type Reason, Unsupported } from "./SyncErrorReason.ts"
import * as Table from "./Table.ts"
import { requireTable, shownTable } from "./tables/names.ts"
import { shownOwnTable } from "./tables/ownTables.ts"
import { ownTableErrorOf, syncErrorOf } from "./tables/sqlErrors.ts"

/**
 * The options of {@link add}; `schema` and `prefix` as for `Migrations`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options extends Migrations.Options {
  /** A number of this database, 0 to 6: no other one that the table is synced with has the same. */
  readonly site: number
  /** The column (default `row_version`): at most 40 letters, digits and `_`, no digit first. */
  readonly column?: string | undefined
}

const kinds: KindsOf<Options> = {
  ...placeKinds,
  site: {
    words: `a whole number from 0 to ${sites - 2}`,
    is: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < sites - 1
  },
  column: {
    words: "a name of at most 40 letters, digits and _, no digit first",
    is: (value) => typeof value === "string" && /^[A-Za-z_]\w{0,39}$/.test(value)
  } satisfies Kind
}

/** Types whose text in SQL is the one that a sync has of them. */
const comparable: ReadonlySet<string> = new Set(["integer", "bigint", "text", "uuid"])

const problemOf = (table: Table.Table, column: string): Reason | undefined => {
  const shown = shownTable(table)
  if (table.primaryKey.length === 0) return new MissingKey({ table: shown, problem: "it has no primary key; add one" })
  if (new TextEncoder().encode(table.name).length > longestName) {
    const problem = `names of tables may have at most ${longestName} bytes here`
    return new Unsupported({ table: shown, column: "*", problem })
  }
  const generated = table.columns.find(({ isGenerated }) => isGenerated)
  if (generated !== undefined) {
    const problem = "it is generated, and the table needs REPLICA IDENTITY FULL, under which PostgreSQL refuses updates"
    return new Unsupported({ table: shown, column: generated.name, problem })
  }
  const odd = table.columns.find(({ kind, name }) => table.primaryKey.includes(name) && !comparable.has(kind))
  const free = table.columns.find((column) => table.primaryKey.includes(column.name) && isSpelledFreely(column))
  if (free !== undefined) return new Unsupported({ table: shown, column: free.name, problem: freelySpelled })
  if (odd !== undefined) {
    const problem = `it is ${odd.type}; columns of the key may be integer, bigint, text or uuid here`
    return new Unsupported({ table: shown, column: odd.name, problem })
  }
  const taken = table.columns.find(({ name }) => name === column)
  if (taken === undefined || (taken.kind === "bigint" && !taken.isNullable)) return undefined
  const type = taken.isNullable ? `${taken.type}, nullable` : taken.type
  const problem = `it is ${type} already, and versions are bigint NOT NULL; use another name for the version (column)`
  return new Unsupported({ table: shown, column, problem })
}

/**
 * Gives a table a column with the version of each row, and the trigger that sets it whenever somebody but a sync writes
 * the row (`LoopGuard.origin` and `LoopGuard.marked` are the clients of syncs). The syncs between the databases
 * take it as their guard: `version: { column: "row_version", from: { field: "row_version" } }`. Needs the tables of
 * `Migrations`, and gives the table `REPLICA IDENTITY FULL`, and all its partitions. May be run again: do so
 * after a partition was added.
 *
 * The rule is: the later write wins, by the clocks of the databases; one that has seen another is later, whatever the
 * clocks say; and a write wins against a deletion that has not seen it. So all databases end with the same rows, also
 * when a connector sends events twice.
 *
 * Fails with `MissingKey` or `Unsupported` for a table without a primary key of integers, bigints, texts (no `citext`,
 * no nondeterministic collation) or UUIDs, with generated columns, with a name of more than 46 bytes, or where a column
 * of that name is no `bigint NOT NULL`, and with `NotMigrated`.
 *
 * **When to use**: for tables that are synced in both directions. Without a version, two writes to one row at the same
 * time leave each database with the other one's.
 *
 * @example
 * ```ts
 * import { RowVersion } from "millrace/sql"
 *
 * export const migrateEast = RowVersion.add("public.users", { site: 0 })
 * export const migrateWest = RowVersion.add("public.users", { site: 1 })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const add = (name: string, options: Options): Effect.Effect<void, SyncError, SqlClient> => {
  requireTable("RowVersion.add", name)
  requireFields("RowVersion.add", "options", options, kinds)
  const { column = "row_version", prefix, schema, site } = options
  if (site === undefined) throw new Error("RowVersion.add: site is missing")
  const operation = `version rows of ${name}`
  const place = { schema, prefix }
  return Effect.gen(function*() {
    const sql = yield* SqlClient
    const table = yield* Table.read(name)
    const reason = problemOf(table, column)
    if (reason !== undefined) return yield* new SyncError({ operation, reason })
    yield* Effect.mapError(
      sql.unsafe(deletedThere(place)),
      (error) => ownTableErrorOf(operation, shownOwnTable(place, "deleted"), error)
    )
    const statements = versionStatements({ table, key: table.primaryKey, column, site, place })
    const run = Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
    yield* Effect.mapError(sql.withTransaction(run), (error) => syncErrorOf(operation, error))
  })
}
