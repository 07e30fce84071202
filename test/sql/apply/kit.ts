/** Operations written by hand, for tests of how they are applied. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Table } from "millrace/sql"
import type { Op, Row, Version } from "../../../src/sql/apply/fold.ts"
import { type Choices, makeTarget, type Target } from "../../../src/sql/apply/target.ts"
import { column, indexOf } from "../columns.ts"

/** A row by the names of its columns. */
export type Named = { readonly [column: string]: string | null }

const rowOf = ({ columns }: Target, named: Named): Row => columns.map(({ name }) => named[name])

const op = (kind: Op["kind"], target: Target, named: Named, version?: Version): Op => ({
  kind,
  target,
  key: target.key.map((column) => named[target.columns[column]!.name]).join("\0"),
  row: rowOf(target, named),
  version,
  instead: undefined,
  offset: 0
})

export const write = (target: Target, named: Named, version?: Version): Op => op("Write", target, named, version)
export const remove = (target: Target, named: Named, version?: Version): Op => op("Remove", target, named, version)
export const mark = (target: Target, named: Named, version?: Version): Op => op("Mark", target, named, version)
/** A row gets another key. */
export const move = (target: Target, from: Named, to: Named, version?: Version): Op => ({
  ...op("Move", target, from, version),
  to: rowOf(target, to)
})
export const truncate = (target: Target): Op => op("Truncate", target, {})

/** The same operations at the offsets from `first` on. */
export const numbered = (ops: ReadonlyArray<Op>, first = 0): ReadonlyArray<Op> =>
  ops.map((one, i) => ({ ...one, offset: first + i }))

/** A table with the columns `id`, `a` and `b`, of which nothing is known to a database. */
export const imagined = (uniques: ReadonlyArray<string> = []): Target =>
  makeTarget({
    schema: "public",
    name: "items",
    columns: ["id", "a", "b"].map((name) => ({ ...column(name, ["text", "text"]), isNullable: name !== "id" })),
    primaryKey: ["id"],
    uniques: [["id"], ...uniques.map((name) => [name])].map((columns, i) => indexOf(`index_${i}`, columns, i === 0)),
    foreignKeys: [],
    referencedBy: []
  }, { key: ["id"], softDelete: undefined, guard: undefined })

/** A table of the database. */
export const target = (name: string, choices: Partial<Choices> = {}) =>
  Effect.map(
    Table.read(name),
    (table) => makeTarget(table, { key: table.primaryKey, softDelete: undefined, guard: undefined, ...choices })
  )

/** The rows of a table as JSON, in the order of their ids. */
export const rowsOf = (table: string) =>
  Effect.flatMap(
    SqlClient,
    (sql) =>
      Effect.map(sql.unsafe(`SELECT to_jsonb(t)::text FROM ${table} t ORDER BY t.id`).values, (rows) =>
        rows.map(([text]): unknown => JSON.parse(String(text))))
  )
