import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { Migrations } from "millrace/sql"
import type { Op } from "../../../src/sql/apply/fold.ts"
import type { Lost } from "../../../src/sql/apply/storing.ts"
import type { Target } from "../../../src/sql/apply/target.ts"
import { database } from "../../services/database.ts"
import { claim, nextOf, storeAll } from "./chunks.ts"
import { type Named, remove, rowsOf, target, write } from "./kit.ts"

const statements = [
  "CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE, v int, own text DEFAULT 'ours')",
  "CREATE TABLE kept (id int PRIMARY KEY, code text NOT NULL UNIQUE, v int)",
  "CREATE TABLE late (id int PRIMARY KEY, code text NOT NULL UNIQUE DEFERRABLE, v int)",
  "CREATE TABLE late_key (id int PRIMARY KEY DEFERRABLE, v int)",
  "CREATE TABLE spans (id int PRIMARY KEY, area int4range, EXCLUDE USING gist (area WITH &&))",
  "CREATE TABLE parents (id int PRIMARY KEY, name text NOT NULL, parent int REFERENCES parents)",
  "CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE)",
  "CREATE UNIQUE INDEX kept_lower ON kept (lower(code))"
]

const migrated = Layer.effectDiscard(Migrations.run()).pipe(Layer.provideMerge(database(statements)))

let topics = 0

/** Stores chunks one after the other in a partition of their own; each has to be stored whole. */
const stored = (...chunks: ReadonlyArray<ReadonlyArray<Op>>) =>
  Effect.gen(function*() {
    const owned = yield* claim(`topic-${++topics}`)
    let first = 0
    for (const ops of chunks) {
      assert.strictEqual(yield* storeAll(owned.claim, ops, first), ops.length)
      first += ops.length
    }
    assert.strictEqual(yield* nextOf(owned.claim), first)
  })

const given = (table: Target, ...rows: ReadonlyArray<Named>) => rows.map((row) => write(table, row))

layer(migrated)("within a chunk", (it) => {
  it.effect("two rows swap a unique value, nullable or not, whatever checks it", () =>
    Effect.gen(function*() {
      for (const name of ["codes", "late"]) {
        const table = yield* target(`public.${name}`)
        yield* stored(
          given(table, { id: "1", code: "a", v: "1" }, { id: "2", code: "b", v: "1" }),
          given(table, { id: "1", code: "b", v: "2" }, { id: "3", code: "c", v: "2" }, { id: "2", code: "a", v: "2" })
        )
        const rows = yield* rowsOf(`(SELECT id, code, v FROM ${name})`)
        assert.deepStrictEqual(rows, [
          { id: 1, v: 2, code: "b" },
          { id: 2, v: 2, code: "a" },
          { id: 3, v: 2, code: "c" }
        ])
      }
    }))

  it.effect("a swap that the source made by way of a third value is made again", () =>
    Effect.gen(function*() {
      const table = yield* target("public.kept")
      yield* stored(
        given(table, { id: "1", code: "a", v: "1" }, { id: "2", code: "b", v: "1" }),
        given(
          table,
          { id: "1", code: "aside", v: "2" },
          { id: "2", code: "a", v: "2" },
          { id: "1", code: "b", v: "3" }
        )
      )
      assert.deepStrictEqual(yield* rowsOf("kept"), [{ id: 1, v: 3, code: "b" }, { id: 2, v: 2, code: "a" }])
      yield* (yield* SqlClient)`DELETE FROM kept`
    }))

  it.effect("a value moves from one key to another, the taker first, and along a chain of keys", () =>
    Effect.gen(function*() {
      const table = yield* target("public.kept")
      const rows = Array.from({ length: 100 }, (_, i) => ({ id: String(i), code: `code-${i}`, v: "1" }))
      const shifted = rows.map((row, i) => ({ ...row, code: `code-${i + 1}`, v: "2" }))
      yield* stored(given(table, ...rows), given(table, ...shifted))
      const [first, second] = yield* rowsOf("kept")
      assert.deepStrictEqual([first, second], [{ id: 0, v: 2, code: "code-1" }, { id: 1, v: 2, code: "code-2" }])
      yield* (yield* SqlClient)`DELETE FROM kept`
    }))

  it.effect("a row is deleted and comes back, and others take the values of deleted ones", () =>
    Effect.gen(function*() {
      const table = yield* target("public.codes")
      yield* (yield* SqlClient)`DELETE FROM codes`
      yield* stored(given(table, { id: "1", code: "a", v: "1", own: "theirs" }, { id: "2", code: "b", v: "1" }))
      yield* stored([
        remove(table, { id: "1" }),
        write(table, { id: "1", code: "a", v: "2" }),
        write(table, { id: "3", code: "b", v: "2" }),
        remove(table, { id: "2" })
      ])
      assert.deepStrictEqual(yield* rowsOf("codes"), [
        { id: 1, v: 2, own: "ours", code: "a" },
        { id: 3, v: 2, own: "ours", code: "b" }
      ])
    }))

  it.effect("parents and children come and go together, in one table and in two", () =>
    Effect.gen(function*() {
      const parents = yield* target("public.parents")
      const children = yield* target("public.children")
      yield* stored([
        write(parents, { id: "2", name: "two", parent: "1" }),
        write(children, { id: "1", parent: "2" }),
        write(parents, { id: "1", name: "one", parent: null })
      ])
      assert.strictEqual((yield* rowsOf("children")).length, 1)
      yield* stored([
        write(parents, { id: "3", name: "three", parent: null }),
        write(children, { id: "1", parent: "3" }),
        remove(parents, { id: "2" }),
        remove(parents, { id: "1" })
      ])
      assert.deepStrictEqual(yield* rowsOf("children"), [{ id: 1, parent: 3 }])
      assert.deepStrictEqual(yield* rowsOf("parents"), [{ id: 3, name: "three", parent: null }])
    }))

  it.effect("a row says nothing about a column that must have a value, and keeps what is there", () =>
    Effect.gen(function*() {
      const parents = yield* target("public.parents")
      yield* stored([
        write(parents, { id: "7", name: "seven", parent: null }),
        write(parents, { id: "8", name: "eight", parent: null })
      ], [write(parents, { id: "7", parent: "8" })])
      assert.deepInclude(yield* rowsOf("parents"), { id: 7, name: "seven", parent: 8 })
      const owned = yield* claim(`topic-${++topics}`)
      const missing = [write(parents, { id: "8", parent: null }), write(parents, { id: "9", parent: null })]
      assert.strictEqual(yield* storeAll(owned.claim, missing), "1: 23502")
    }))

  it.effect("two rows swap what an exclusion constraint keeps apart", () =>
    Effect.gen(function*() {
      const table = yield* target("public.spans")
      yield* stored(
        given(table, { id: "1", area: "[1,5)" }, { id: "2", area: "[5,9)" }),
        given(table, { id: "1", area: "[5,9)" }, { id: "2", area: "[1,5)" })
      )
      assert.deepStrictEqual(yield* rowsOf("spans"), [{ id: 1, area: "[5,9)" }, { id: 2, area: "[1,5)" }])
    }))

  it.effect("rows are found by a deferrable primary key", () =>
    Effect.gen(function*() {
      const table = yield* target("public.late_key")
      yield* stored(
        given(table, { id: "1", v: "1" }, { id: "2", v: "1" }),
        [write(table, { id: "1", v: "2" }), remove(table, { id: "2" }), write(table, { id: "3", v: "2" })]
      )
      assert.deepStrictEqual(yield* rowsOf("late_key"), [{ v: 2, id: 1 }, { v: 2, id: 3 }])
    }))
})

layer(migrated)("across partitions", (it) => {
  it.effect("a row whose value is still held elsewhere waits behind a stored prefix, and both partitions go on", () =>
    Effect.gen(function*() {
      const table = yield* target("public.codes")
      yield* stored(given(table, { id: "1", code: "a", v: "1" }, { id: "2", code: "b", v: "1" }))
      const one = yield* claim("both", 0)
      const two = yield* claim("both", 1)
      // Each takes what the other still holds.
      const taking = [write(table, { id: "3", code: "c", v: "2" }), write(table, { id: "1", code: "b", v: "2" })]
      const other = [write(table, { id: "4", code: "d", v: "2" }), write(table, { id: "2", code: "a", v: "2" })]
      // Each may wait for the other's transaction: then the database ends one of them.
      const again = <A>(storing: Effect.Effect<A, SqlError | Lost, SqlClient>) =>
        Effect.retry(storing, { while: (error) => error._tag === "SqlError" && error.isRetryable })
      const first = yield* Effect.all([again(storeAll(one.claim, taking)), again(storeAll(two.claim, other))], {
        concurrency: 2
      })
      assert.deepStrictEqual(first, ["1: 23505", "1: 23505"])
      assert.deepStrictEqual([yield* nextOf(one.claim), yield* nextOf(two.claim)], [1, 1])
      // Who waits leaves its own value to others.
      assert.strictEqual(yield* storeAll(one.claim, taking.slice(1), 1, true), "0: 23505")
      assert.strictEqual(yield* storeAll(two.claim, other.slice(1), 1, true), 1)
      assert.strictEqual(yield* storeAll(one.claim, taking.slice(1), 1, true), 1)
      assert.deepStrictEqual(yield* rowsOf("(SELECT id, code FROM codes)"), [
        { id: 1, code: "b" },
        { id: 2, code: "a" },
        { id: 3, code: "c" },
        { id: 4, code: "d" }
      ])
    }))
})
