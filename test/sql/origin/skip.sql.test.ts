/** The column that marks what a sync has written, at a real PostgreSQL. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { LoopGuard } from "millrace/sql"
import { client, makeDatabase, type Place } from "../../services/database.ts"

/** What events of the table would say of the mark, in their order: of the new row, or of the deleted one. */
const statements = [
  "CREATE SCHEMA \"Odd schema\"",
  "CREATE TABLE \"Odd schema\".items (id int PRIMARY KEY, name text, parent int REFERENCES \"Odd schema\".items "
  + "ON DELETE CASCADE)",
  "CREATE TABLE events (n int GENERATED ALWAYS AS IDENTITY, op text, id int, mark boolean)",
  `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN INSERT INTO events (op, id, mark) VALUES ('d', OLD.id, OLD.kafka_skip);
    ELSE INSERT INTO events (op, id, mark) VALUES (lower(left(TG_OP, 1)), NEW.id, NEW.kafka_skip); END IF;
    RETURN NULL; END $$`,
  "CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON \"Odd schema\".items FOR EACH ROW EXECUTE FUNCTION note()"
]

const table = "Odd schema.items"

/** The client of a sync, over the pool that the other writes use, too. */
class Sync extends Context.Service<Sync, SqlClient>()("test/Sync") {}

const prepared = Layer.effectDiscard(
  Effect.gen(function*() {
    const sql = yield* SqlClient
    for (const statement of statements) yield* sql.unsafe(statement)
    yield* LoopGuard.addSkipColumn(table)
    // A migration may be run again.
    yield* LoopGuard.addSkipColumn(table)
  })
).pipe(
  Layer.provideMerge(Layer.effect(Sync, SqlClient).pipe(Layer.provide(LoopGuard.marked))),
  Layer.provideMerge(Layer.unwrap(Effect.map(makeDatabase, (place) => client(place, { maxConnections: 1 }))))
)

const events = Effect.gen(function*() {
  const sql = yield* SqlClient
  const rows = yield* sql`SELECT op || id || CASE WHEN mark THEN ' skip' ELSE '' END FROM events ORDER BY n`.values
  yield* sql`TRUNCATE events`
  return rows.map(([event]) => String(event))
})

layer(prepared, { excludeTestServices: true })("the column kafka_skip", (it) => {
  it.effect("is true in what a sync writes, in and out of transactions, and false in what others write next", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* sync.withTransaction(Effect.gen(function*() {
        yield* sync`INSERT INTO "Odd schema".items VALUES (1, 'a')`
        yield* sync.withTransaction(sync`INSERT INTO "Odd schema".items VALUES (2, 'b')`)
      }))
      yield* sync`INSERT INTO "Odd schema".items VALUES (3, 'c')`
      assert.deepStrictEqual(yield* events, ["i1 skip", "i2 skip", "i3 skip"])
      yield* own`UPDATE "Odd schema".items SET name = 'own' WHERE id = 1`
      // Nobody has to say it, and nobody else may.
      yield* own`INSERT INTO "Odd schema".items (id, kafka_skip) VALUES (4, true)`
      assert.deepStrictEqual(yield* events, ["u1", "i4"])
      yield* sync`INSERT INTO "Odd schema".items (id, kafka_skip) VALUES (4, false)
        ON CONFLICT (id) DO UPDATE SET kafka_skip = excluded.kafka_skip`
      assert.deepStrictEqual(yield* events, ["u4 skip"])
    }))

  it.effect("is in the events of deletions, also of those by a filter on it, and of cascades", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* own`TRUNCATE "Odd schema".items`
      yield* sync`INSERT INTO "Odd schema".items VALUES (1), (2), (3)`
      yield* own`INSERT INTO "Odd schema".items VALUES (4), (5)`
      yield* sync`INSERT INTO "Odd schema".items VALUES (6, 'child', 2)`
      yield* events
      yield* own`DELETE FROM "Odd schema".items WHERE kafka_skip AND id < 3`
      assert.deepStrictEqual(yield* events, ["u1", "d1", "u2", "u6", "d6", "d2"])
      assert.deepStrictEqual(yield* own`SELECT id FROM "Odd schema".items ORDER BY id`, [{ id: 3 }, { id: 4 }, {
        id: 5
      }])
      yield* sync`DELETE FROM "Odd schema".items WHERE id = 3`
      yield* sync`DELETE FROM "Odd schema".items WHERE id = 4`
      assert.deepStrictEqual(yield* events, ["d3 skip", "u4 skip", "d4 skip"])
      // A row that has the right mark already is deleted by the statement itself, which counts it.
      assert.deepStrictEqual(yield* own`DELETE FROM "Odd schema".items RETURNING id`, [{ id: 5 }])
      assert.deepStrictEqual(yield* events, ["d5"])
    }))

  it.effect("ends with the transaction, whatever that did, and does not reach the pool", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* own`TRUNCATE "Odd schema".items`
      yield* events
      yield* Effect.flip(sync.withTransaction(sync`SELECT 1 / 0`))
      yield* Effect.flip(sync`SELECT 1 / 0`)
      yield* own`INSERT INTO "Odd schema".items VALUES (1)`
      const cut = yield* Effect.exit(sync.withTransaction(sync`SELECT pg_terminate_backend(pg_backend_pid())`))
      assert.isTrue(Exit.isFailure(cut))
      yield* own`INSERT INTO "Odd schema".items VALUES (2)`
      yield* sync`INSERT INTO "Odd schema".items VALUES (3)`
      assert.deepStrictEqual(yield* events, ["i1", "i2", "i3 skip"])
    }))

  it.effect("is marked in two databases by two clients of one program", () =>
    Effect.gen(function*() {
      const [one, two] = [yield* makeDatabase, yield* makeDatabase]
      const nameAt = (place: Place) =>
        Layer.effect(Sync, SqlClient).pipe(Layer.provide(LoopGuard.marked), Layer.provide(client(place)))
      const names: Array<string> = []
      const note = (place: Place) =>
        Layer.effectDiscard(Effect.flatMap(Sync, (sync) =>
          Effect.map(sync`SELECT current_database()`.values, (rows) =>
            names.push(String(rows[0]![0]))))).pipe(
            Layer.provide(nameAt(place))
          )
      yield* Layer.build(Layer.merge(note(one), note(two)))
      assert.sameMembers(names, [one.database, two.database])
    }))

  it.effect("is refused for tables that its replica identity would break, and under a name that is none", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE totals (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)`
      const error = yield* Effect.flip(LoopGuard.addSkipColumn("public.totals"))
      assert.include(error.message, "column public.totals.twice: it is generated")
      const missing = yield* Effect.flip(LoopGuard.addSkipColumn("public.nope"))
      assert.strictEqual(missing.reason._tag, "MissingTable")
      assert.throws(() => LoopGuard.skipColumn("public.t", { column: "a\"b" }), /column: "a\\"b" is not a name/)
      assert.throws(() => LoopGuard.skipColumn("public.t", { colum: "a" } as any), /did you mean "column"/)
      assert.include(LoopGuard.skipColumn("public.t", { column: "synced" })[0], "ADD COLUMN IF NOT EXISTS \"synced\"")
    }))
})
