/** Whatever a source with unique values and parents does, the target becomes the same, however its events are cut. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import { Migrations } from "millrace/sql"
import type { Op } from "../../../src/sql/apply/fold.ts"
import type { Target } from "../../../src/sql/apply/target.ts"
import { full } from "../../full.ts"
import { database } from "../../services/database.ts"
import { claim, nextOf, storeAll } from "./chunks.ts"
import { move, remove, rowsOf, target, write } from "./kit.ts"

const rules = "id int PRIMARY KEY, code text UNIQUE, rank int NOT NULL"
const statements = [
  `CREATE TABLE plain (${rules}, parent int REFERENCES plain, UNIQUE (rank))`,
  `CREATE TABLE late (${rules}, parent int REFERENCES late DEFERRABLE, UNIQUE (rank) DEFERRABLE)`,
  `CREATE TABLE single (${rules}, parent int, UNIQUE (rank))`,
  `CREATE TABLE covered (${rules}, parent int REFERENCES covered, EXCLUDE USING btree (rank WITH =))`
]

const migrated = Layer.effectDiscard(Migrations.run()).pipe(Layer.provideMerge(database(statements)))

interface Row {
  readonly id: number
  readonly code: string | null
  readonly rank: number
  readonly parent: number | null
}

const id = Schema.Literals([1, 2, 3, 4, 5])
const Step = Schema.Struct({
  do: Schema.Literals(["put", "put", "put", "delete", "swap", "move", "move"]),
  id,
  other: id,
  code: Schema.NullOr(Schema.Literals(["a", "b", "c", "d"])),
  rank: Schema.Literals([1, 2, 3, 4, 5, 6]),
  parent: Schema.NullOr(id)
})

/** Whether the source would take these rows. */
const isValid = (rows: ReadonlyArray<Row>): boolean => {
  const codes = rows.flatMap(({ code }) => code === null ? [] : [code])
  const ids = new Set(rows.map(({ id }) => id))
  return new Set(codes).size === codes.length
    && new Set(rows.map(({ rank }) => rank)).size === rows.length
    && rows.every(({ parent }) => parent === null || ids.has(parent))
}

type Event = Row | { readonly id: number; readonly gone: true } | { readonly id: number; readonly to: number }

/**
 * The transactions of a source whose constraints wait for their end, and its rows at last. `swapsRanks`: whether its
 * rows swap what can be taken away from none of them.
 */
const sourceOf = (steps: ReadonlyArray<typeof Step.Type>, swapsRanks: boolean) => {
  const rows = new Map<number, Row>()
  const transactions: Array<ReadonlyArray<Event>> = []
  const commit = (changes: ReadonlyArray<Event>): void => {
    const after = new Map(rows)
    for (const change of changes) {
      if ("code" in change) after.set(change.id, change)
      else after.delete(change.id)
    }
    if (!isValid([...after.values()])) return
    rows.clear()
    for (const [key, row] of after) rows.set(key, row)
    transactions.push(changes)
  }
  for (const { do: kind, other, ...row } of steps) {
    const [one, two] = [rows.get(row.id), rows.get(other)]
    if (kind === "put") commit([row])
    if (kind === "delete" && one !== undefined) commit([{ id: row.id, gone: true }])
    if (kind === "move" && one !== undefined && two === undefined && one.parent !== one.id) {
      commit([{ id: row.id, to: other }, { ...one, id: other }])
    }
    if (kind === "swap" && one !== undefined && two !== undefined && one !== two) {
      const [first, second] = swapsRanks ? [two.rank, one.rank] : [one.rank, two.rank]
      commit([{ ...one, code: two.code, rank: first }, { ...two, code: one.code, rank: second }])
    }
  }
  return { transactions, rows: [...rows.values()].sort((a, b) => a.id - b.id) }
}

const textOf = (value: string | number | null): string | null => value === null ? null : String(value)

const opOf = (table: Target, event: Event): Op =>
  "gone" in event
    ? remove(table, { id: String(event.id) })
    : "to" in event
    ? move(table, { id: String(event.id) }, { id: String(event.to) })
    : write(table, {
      id: String(event.id),
      code: event.code,
      rank: String(event.rank),
      parent: textOf(event.parent)
    })

layer(migrated, { excludeTestServices: true })("a target", (it) => {
  for (const name of ["plain", "late", "covered", "single"]) {
    it.effect.prop(
      `becomes like its source, however the events are cut into chunks (${name})`,
      [Schema.Array(Step).check(Schema.isMinLength(12), Schema.isMaxLength(60)), Schema.Literals([3, 7, 60])],
      ([steps, size]) =>
        Effect.gen(function*() {
          const { rows, transactions } = sourceOf(steps, name === "late")
          const sql = yield* SqlClient
          yield* sql.unsafe(`TRUNCATE ${name}`)
          const table = yield* target(`public.${name}`)
          const owned = yield* claim(`converging-${name}`)
          let next = 0
          for (let first = 0; first < transactions.length; first += size) {
            const ops = transactions.slice(first, first + size).flat().map((event) => opOf(table, event))
            assert.strictEqual(yield* storeAll(owned.claim, ops, next), ops.length)
            next += ops.length
          }
          if (next > 0) assert.strictEqual(yield* nextOf(owned.claim), next)
          assert.deepStrictEqual(yield* rowsOf(`(SELECT id, code, rank, parent FROM ${name})`), rows)
        }),
      { arbitrary: { runs: full ? 600 : 40 } }
    )
  }
})
