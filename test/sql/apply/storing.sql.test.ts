import { assert, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import { Migrations } from "millrace/sql"
import { CurrentRun } from "../../../src/internal/shared/currentRun.ts"
import { Claims } from "../../../src/sql/apply/claims.ts"
import { database } from "../../services/database.ts"
import { claim, nextOf, storeAll } from "./chunks.ts"
import { mark, move, remove, rowsOf, target, truncate, write } from "./kit.ts"

const statements = [
  "CREATE TABLE items (id int PRIMARY KEY, name varchar(5) NOT NULL, tags text[], n numeric(4,2), at timestamptz)",
  "CREATE TABLE versioned (id int PRIMARY KEY, name text, lsn bigint, gone timestamptz)",
  `CREATE TABLE alwayses (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2))`,
  "CREATE TABLE parts (id int PRIMARY KEY, item int REFERENCES items DEFERRABLE)"
]

const migrated = Layer.effectDiscard(Migrations.run()).pipe(Layer.provideMerge(database(statements)))

const item = (id: number, name: string) => ({ id: String(id), name, tags: null, n: null, at: null })

layer(migrated)("a chunk", (it) => {
  it.effect("is stored with the offset behind it, in bulk, whatever its cells are", () =>
    Effect.gen(function*() {
      const items = yield* target("public.items")
      const owned = yield* claim("bulk")
      assert.isUndefined(owned.start)
      const odd = {
        id: "1",
        name: `\\"{,`,
        tags: `{"a,b",NULL,"\\"c"}`,
        n: "1.25",
        at: "2026-01-02 03:04:05.678901+00"
      }
      const rows = [odd, { ...item(2, ""), tags: "{{a,b},{c,d}}" }, { ...item(3, "NULL"), tags: "{}" }]
      assert.strictEqual(yield* storeAll(owned.claim, rows.map((row) => write(items, row)), 10), 3)
      assert.strictEqual(yield* nextOf(owned.claim), 13)
      assert.deepStrictEqual(yield* rowsOf("items"), [
        { id: 1, n: 1.25, at: "2026-01-02T03:04:05.678901+00:00", name: `\\"{,`, tags: ["a,b", null, `"c`] },
        { id: 2, n: null, at: null, name: "", tags: [["a", "b"], ["c", "d"]] },
        { id: 3, n: null, at: null, name: "NULL", tags: [] }
      ])
      assert.strictEqual((yield* claim("bulk")).start, 13)
      yield* (yield* SqlClient)`DELETE FROM items`
    }))

  it.effect("writes keys that the database makes itself, and no generated column", () =>
    Effect.gen(function*() {
      const table = yield* target("public.alwayses")
      const owned = yield* claim("always")
      yield* storeAll(owned.claim, [write(table, { id: "5", a: "1" }), write(table, { id: "6", a: "2" })])
      yield* storeAll(owned.claim, [write(table, { id: "5", a: "3" })])
      assert.deepStrictEqual(yield* rowsOf("alwayses"), [{ a: 3, id: 5, twice: 6 }, { a: 2, id: 6, twice: 4 }])
    }))

  it.effect.prop(
    "is stored up to the first row that the database refuses, wherever that is, and its offset with it",
    [Schema.Array(Schema.Literals(["ok", "ok", "ok", "ok", "too long", "no name"]))],
    ([kinds]) =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        yield* sql`DELETE FROM items`
        const items = yield* target("public.items")
        const owned = yield* claim("refused")
        const ops = kinds.map((kind, i) => write(items, { ...item(i, kind), name: kind === "no name" ? null : kind }))
        const bad = kinds.findIndex((kind) => kind !== "ok")
        const expected = bad === -1 ? ops.length : `${bad}: ${kinds[bad] === "no name" ? "23502" : "22001"}`
        assert.strictEqual(yield* storeAll(owned.claim, ops, 100), expected)
        assert.strictEqual(yield* nextOf(owned.claim), 100 + (bad === -1 ? ops.length : bad))
        assert.strictEqual((yield* rowsOf("items")).length, bad === -1 ? ops.length : bad)
      }),
    { arbitrary: { runs: 30 } }
  )

  it.effect("is not stored by an owner that lost the partition, and its row waits for no one else", () =>
    Effect.gen(function*() {
      const items = yield* target("public.items")
      const before = yield* rowsOf("items")
      const old = yield* claim("fenced")
      yield* claim("fenced", 0, new Claims())
      const error = yield* Effect.flip(storeAll(old.claim, [write(items, item(50, "x"))]))
      assert.strictEqual(error._tag, "Lost")
      assert.deepStrictEqual(yield* rowsOf("items"), before)
    }))

  it.effect("is not stored by a run whose partition went to another run with the same handler", () =>
    Effect.gen(function*() {
      const items = yield* target("public.items")
      const claims = new Claims()
      const inRun = <A, E, R>(run: object, effect: Effect.Effect<A, E, R>) =>
        Effect.provideService(effect, CurrentRun, run)
      const one = {}
      const old = yield* inRun(one, claim("shared", 0, claims))
      yield* inRun({}, claim("shared", 0, claims))
      const still = yield* inRun(one, claims.of("group", old.claim))
      const error = yield* Effect.flip(storeAll(still!, [write(items, item(55, "x"))]))
      assert.strictEqual(error._tag, "Lost")
    }))

  it.effect("of an owner that is still at it is waited for by the claim of the next", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const items = yield* target("public.items")
      const old = yield* claim("waits")
      const inside = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const storing = yield* Effect.forkChild(sql.withTransaction(Effect.gen(function*() {
        yield* storeAll(old.claim, [write(items, item(60, "x"))], 7)
        yield* Deferred.succeed(inside, undefined)
        yield* Deferred.await(goOn)
      })))
      yield* Deferred.await(inside)
      const claiming = yield* Effect.forkChild(claim("waits", 0, new Claims()))
      // It waits for the lock of the row.
      yield* sql`SELECT 1 AS one FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
        .pipe(Effect.repeat({ until: (rows) => rows.length > 0 }))
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(storing)
      assert.strictEqual((yield* Fiber.join(claiming)).start, 8)
    }))

  it.effect("empties the table where it is truncated, before what comes behind", () =>
    Effect.gen(function*() {
      const items = yield* target("public.items")
      const owned = yield* claim("truncated")
      yield* storeAll(owned.claim, [
        write(items, item(70, "x")),
        truncate(items),
        write(items, item(71, "y")),
        remove(items, { id: "72" })
      ])
      assert.deepStrictEqual(yield* rowsOf("(SELECT id FROM items)"), [{ id: 71 }])
    }))

  it.effect("empties a table whose rows of the chunk still wait for what is checked at its end", () =>
    Effect.gen(function*() {
      const items = yield* target("public.items")
      const parts = yield* target("public.parts")
      const owned = yield* claim("emptied late")
      const ops = [
        write(items, item(80, "x")),
        write(parts, { id: "1", item: "80" }),
        move(parts, { id: "1" }, { id: "2" }),
        truncate(parts),
        write(parts, { id: "3", item: "80" })
      ]
      assert.strictEqual(yield* storeAll(owned.claim, ops), ops.length)
      assert.deepStrictEqual(yield* rowsOf("parts"), [{ id: 3, item: 80 }])
    }))
})

layer(migrated)("versions", (it) => {
  const guard = { column: "lsn", deleted: "millrace.deleted", isOfRows: false }

  it.effect("keep an older event from overwriting a row, from deleting it, and from bringing it back", () =>
    Effect.gen(function*() {
      const table = yield* target("public.versioned", { guard })
      const owned = yield* claim("versions")
      const at = (lsn: number, name: string, id = "1") => write(table, { id, name, lsn: String(lsn) }, lsn)
      const gone = (lsn: number, id = "1") => remove(table, { id, lsn: String(lsn) }, lsn)
      const named = Schema.decodeUnknownSync(Schema.Array(Schema.Struct({ name: Schema.String })))
      const names = Effect.map(rowsOf("versioned"), (rows) => named(rows).map(({ name }) => name))
      yield* storeAll(owned.claim, [at(10, "ten")])
      yield* storeAll(owned.claim, [at(9, "nine")])
      assert.deepStrictEqual(yield* names, ["ten"])
      yield* storeAll(owned.claim, [gone(9)])
      assert.deepStrictEqual(yield* names, ["ten"])
      yield* storeAll(owned.claim, [at(10, "ten again")])
      assert.deepStrictEqual(yield* names, ["ten again"])
      yield* storeAll(owned.claim, [gone(12)])
      assert.deepStrictEqual(yield* names, [])
      yield* storeAll(owned.claim, [at(11, "eleven"), at(13, "other", "2")])
      assert.deepStrictEqual(yield* names, ["other"])
      yield* storeAll(owned.claim, [at(13, "thirteen")])
      assert.deepStrictEqual(yield* names, ["thirteen", "other"])
      // What a later event does not say stays what the row has, and not what an older event says.
      const part = (lsn: number) => write(table, { id: "1", lsn: String(lsn) }, lsn)
      yield* storeAll(owned.claim, [at(12, "twelve"), part(14)])
      assert.deepStrictEqual(yield* names, ["thirteen", "other"])
      yield* storeAll(owned.claim, [part(15), at(16, "sixteen"), part(17)])
      assert.deepStrictEqual(yield* names, ["sixteen", "other"])
    }))

  it.effect("keep an older event from unmarking a row that is marked as deleted", () =>
    Effect.gen(function*() {
      const table = yield* target("public.versioned", { guard, softDelete: "gone" })
      const owned = yield* claim("marks")
      yield* (yield* SqlClient)`DELETE FROM versioned`
      const at = (lsn: number, id: string) => write(table, { id, name: "x", lsn: String(lsn), gone: null }, lsn)
      const marked = (lsn: number, id: string) =>
        mark(table, { id, lsn: String(lsn), gone: "2026-01-01 00:00:00+00" }, lsn)
      yield* storeAll(owned.claim, [at(1, "21"), at(1, "22")])
      yield* storeAll(owned.claim, [marked(3, "21"), marked(3, "29")])
      yield* storeAll(owned.claim, [at(2, "21"), at(2, "29")])
      assert.deepStrictEqual(yield* rowsOf("(SELECT id, lsn, gone IS NULL AS here FROM versioned)"), [
        { id: 21, lsn: 3, here: false },
        { id: 22, lsn: 1, here: true }
      ])
      // A row is marked as it is, and not as an older event of the same chunk says.
      const named = (lsn: number, id: string, name: string) =>
        write(table, { id, name, lsn: String(lsn), gone: null }, lsn)
      yield* storeAll(owned.claim, [named(5, "31", "new")])
      yield* storeAll(owned.claim, [named(4, "31", "old"), marked(6, "31"), named(4, "32", "only"), marked(6, "32")])
      assert.deepStrictEqual(
        yield* rowsOf("(SELECT id, lsn, name FROM versioned WHERE gone IS NOT NULL AND id > 30)"),
        [
          { id: 31, lsn: 6, name: "new" },
          { id: 32, lsn: 6, name: "only" }
        ]
      )
    }))
})
