/** Triggers of a table's own beside those of the column that marks rows, at a real PostgreSQL. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { LoopGuard, Migrations, RowVersion } from "millrace/sql"
import { shownError } from "../../../src/sql/tables/sqlErrors.ts"
import { client, makeDatabase } from "../../services/database.ts"

class Sync extends Context.Service<Sync, SqlClient>()("test/Sync") {}

const statements = [
  "CREATE TABLE events (n int GENERATED ALWAYS AS IDENTITY, event text)",
  `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO events (event) VALUES (CASE WHEN TG_OP = 'INSERT' THEN 'i' || NEW.id || NEW.region || NEW.kafka_skip
      WHEN TG_OP = 'DELETE' THEN 'd' || OLD.id || OLD.region || OLD.kafka_skip
      WHEN OLD.id = NEW.id THEN 'u' || NEW.id || NEW.region || NEW.kafka_skip
      ELSE 'd' || OLD.id || OLD.region || OLD.kafka_skip || ' c' || NEW.id || NEW.region || NEW.kafka_skip END);
    RETURN NULL; END $$`,
  // What a program wants of a row: another partition, another key, or nothing at all.
  `CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.wish = 'none' THEN RETURN NULL; END IF;
    IF NEW.wish ~ '^[0-9]+$' THEN NEW.id := NEW.wish::int; ELSIF NEW.wish <> '' THEN NEW.region := NEW.wish; END IF;
    RETURN NEW; END $$`,
  `CREATE FUNCTION hash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.wish <> OLD.wish THEN NEW.wish := '<' || NEW.wish || '>'; END IF; RETURN NEW; END $$`,
  "CREATE FUNCTION always_b() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.region := 'b'; RETURN NEW; END $$"
]

const prepared = Layer.effectDiscard(
  Effect.gen(function*() {
    const sql = yield* SqlClient
    yield* Migrations.run()
    for (const statement of statements) yield* sql.unsafe(statement)
  })
).pipe(
  Layer.provideMerge(Layer.effect(Sync, SqlClient).pipe(Layer.provide(LoopGuard.marked))),
  Layer.provideMerge(Layer.unwrap(Effect.map(makeDatabase, (place) => client(place, { maxConnections: 1 }))))
)

let tables = 0

interface Made {
  readonly trigger: string
  readonly calls: "follow" | "always_b" | "hash"
  readonly isVersioned?: boolean
  readonly isWhole?: boolean
}

/** A table of two partitions (or one that is whole), with a trigger of this name before updates. */
const make = Effect.fnUntraced(function*({ calls, isVersioned, isWhole, trigger }: Made) {
  const [own, sync] = [yield* SqlClient, yield* Sync]
  const table = `moved_${++tables}`
  const by = isWhole === true ? "" : "PARTITION BY LIST (region)"
  yield* own.unsafe(`CREATE TABLE ${table} (id int, region text, wish text DEFAULT '', PRIMARY KEY (id, region)) ${by}`)
  for (const region of isWhole === true ? [] : ["a", "b"]) {
    yield* own.unsafe(`CREATE TABLE ${table}_${region} PARTITION OF ${table} FOR VALUES IN ('${region}')`)
  }
  yield* own.unsafe(`CREATE TRIGGER "${trigger}" BEFORE UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${calls}()`)
  // A migration may be run again.
  for (let i = 0; i < 2; i++) {
    if (isVersioned === true) yield* RowVersion.add(`public.${table}`, { site: 1 })
    yield* LoopGuard.addSkipColumn(`public.${table}`)
  }
  yield* own.unsafe(`CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW
    EXECUTE FUNCTION note()`)
  return {
    table,
    own: (text: string) => own.unsafe(text.replace("$", table)),
    sync: (text: string) => sync.unsafe(text.replace("$", table)),
    rows: Effect.map(
      own.unsafe(`SELECT id || region || kafka_skip FROM ${table} ORDER BY id`).values,
      (rows) => rows.map(([row]) => String(row))
    )
  }
})

const events = Effect.gen(function*() {
  const sql = yield* SqlClient
  const rows = yield* sql`WITH gone AS (DELETE FROM events RETURNING *) SELECT event FROM gone ORDER BY n`.values
  return rows.map(([event]) => String(event))
})

/** They sort before the triggers of the mark, between the first two, and before those that are called last. */
const names = [" first", "!millrace_mark_kafka_skip_a", "aaa", "zzz"]
const laterNames = ["~zzz", "é"]

layer(prepared, { excludeTestServices: true })("triggers of a table's own, beside the column kafka_skip", (it) => {
  for (const isVersioned of [false, true]) {
    const versioned = isVersioned ? " and versions" : ""

    it.effect(`may take rows to other partitions, by whatever name${versioned}`, () =>
      Effect.gen(function*() {
        for (const trigger of names) {
          const { own, rows, sync } = yield* make({ trigger, calls: "follow", isVersioned })
          yield* sync("INSERT INTO $ VALUES (1, 'a'), (2, 'a')")
          yield* events
          yield* own("UPDATE $ SET wish = 'b' WHERE id = 1")
          assert.deepStrictEqual(yield* events, ["u1afalse", "d1afalse", "i1bfalse"], trigger)
          yield* sync("UPDATE $ SET wish = 'a' WHERE id = 1")
          assert.deepStrictEqual(yield* events, ["u1btrue", "d1btrue", "i1atrue"], trigger)
          yield* sync("UPDATE $ SET wish = 'b' WHERE id = 1")
          assert.deepStrictEqual(yield* events, ["d1atrue", "i1btrue"], trigger)
          yield* own("UPDATE $ SET region = 'b', wish = '3' WHERE id = 2")
          assert.deepStrictEqual(yield* events, ["u2afalse", "d2afalse", "i3bfalse"], trigger)
          assert.deepStrictEqual(yield* rows, ["1btrue", "3bfalse"], trigger)
          yield* own("DELETE FROM $")
          assert.deepStrictEqual(yield* events, ["u1bfalse", "d1bfalse", "d3bfalse"], trigger)
          assert.deepStrictEqual(yield* rows, [], trigger)
        }
      }))

    it.effect(`may change keys, by whatever name${versioned}`, () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        for (const trigger of names) {
          const { own, rows, sync, table } = yield* make({ trigger, calls: "follow", isVersioned, isWhole: true })
          yield* sync("INSERT INTO $ VALUES (1, 'a')")
          yield* events
          yield* own("UPDATE $ SET wish = '2'")
          assert.deepStrictEqual(yield* events, ["u1afalse", "d1afalse c2afalse"], trigger)
          yield* sync("UPDATE $ SET wish = '3'")
          assert.deepStrictEqual(yield* events, ["u2atrue", "d2atrue c3atrue"], trigger)
          assert.deepStrictEqual(yield* rows, ["3atrue"], trigger)
          if (!isVersioned) continue
          const left = yield* sql`SELECT key FROM millrace.deleted WHERE table_name = ${`public.${table}`}`.values
          assert.deepStrictEqual(left, [["1\x1fa"]], `${trigger}: programs alone have their deletions remembered`)
        }
      }))

    it.effect(`may change what an update that turns a mark does not keep${versioned}`, () =>
      Effect.gen(function*() {
        for (const trigger of ["aaa", "zzz"]) {
          const { own, rows, sync } = yield* make({ trigger, calls: "always_b", isVersioned })
          yield* sync("INSERT INTO $ VALUES (1, 'a'), (2, 'a')")
          yield* events
          yield* own("DELETE FROM $ WHERE id = 1")
          assert.deepStrictEqual(yield* events, ["u1afalse", "d1afalse"], trigger)
          yield* own("UPDATE $ SET wish = 'x' WHERE id = 2")
          assert.deepStrictEqual(yield* events, ["u2afalse", "d2afalse", "i2bfalse"], trigger)
          assert.deepStrictEqual(yield* rows, ["2bfalse"], trigger)
        }
      }))

    it.effect(`are named where they sort behind all others and would lose a row${versioned}`, () =>
      Effect.gen(function*() {
        for (const trigger of laterNames) {
          const { own, rows, sync, table } = yield* make({ trigger, calls: "follow", isVersioned })
          yield* sync("INSERT INTO $ VALUES (1, 'a'), (2, 'a')")
          yield* own("INSERT INTO $ VALUES (3, 'a')")
          yield* events
          const lost = shownError(yield* Effect.flip(own("UPDATE $ SET wish = 'b' WHERE id = 1")))
          assert.include(lost, `a row that leaves ${table}_a would be lost`)
          assert.match(lost, new RegExp(`rename "${trigger}" to a name that sorts before ~$`))
          yield* Effect.flip(sync("UPDATE $ SET wish = 'b' WHERE id = 3"))
          assert.deepStrictEqual(yield* rows, ["1atrue", "2atrue", "3afalse"], trigger)
          // What turns no mark, or moves no row, goes on.
          yield* own("UPDATE $ SET wish = 'b' WHERE id = 3")
          yield* own("UPDATE $ SET wish = 'none' WHERE id = 1")
          yield* own("DELETE FROM $ WHERE id = 1")
          assert.deepStrictEqual(yield* events, ["d3afalse", "i3bfalse", "u1afalse", "d1afalse"], trigger)
          yield* own(`ALTER TRIGGER "${trigger}" ON $ RENAME TO zzz`)
          yield* own("UPDATE $ SET wish = 'b' WHERE id = 2")
          assert.deepStrictEqual(yield* rows, ["2bfalse", "3bfalse"], trigger)
          yield* events
        }
      }))
  }

  it.effect("are called once for what a program does, where nothing but that changes the key", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      for (const isWhole of [false, true]) {
        const { own, sync, table } = yield* make({ trigger: "hash", calls: "hash", isWhole })
        yield* sql.unsafe(`CREATE TABLE archive_${table} (id int PRIMARY KEY)`)
        yield* sql.unsafe(`CREATE FUNCTION archive_${table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO archive_${table} VALUES (OLD.id); RETURN OLD; END $$`)
        yield* own(`CREATE TRIGGER archive BEFORE DELETE ON $ FOR EACH ROW EXECUTE FUNCTION archive_${table}()`)
        yield* sync("INSERT INTO $ (id, region) VALUES (1, 'a'), (2, 'a')")
        yield* own("DELETE FROM $ WHERE id = 1")
        assert.deepStrictEqual(yield* sql.unsafe(`SELECT id FROM archive_${table}`).values, [[1]])
        yield* own("UPDATE $ SET id = 3, wish = 'word' WHERE id = 2")
        assert.deepStrictEqual(yield* own("SELECT id, wish FROM $").values, [[3, "<word>"]])
      }
    }))

  it.effect("may leave out an update of a row that is deleted in the same transaction", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      for (const trigger of ["aaa", "zzz", "é"]) {
        const { own, rows, sync } = yield* make({ trigger, calls: "follow" })
        yield* sync("INSERT INTO $ VALUES (1, 'a')")
        yield* events
        yield* sql.withTransaction(Effect.andThen(
          own("UPDATE $ SET wish = 'none'"),
          own("DELETE FROM $")
        ))
        assert.deepStrictEqual(yield* rows, [], trigger)
        assert.deepStrictEqual(yield* events, ["u1afalse", "d1afalse"], trigger)
      }
    }))

  it.effect("may update rows of the same table while they take one to another partition", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const { own, rows, sync, table } = yield* make({ trigger: "é", calls: "follow" })
      yield* own("INSERT INTO $ VALUES (2, 'a')")
      yield* sync("INSERT INTO $ VALUES (1, 'a')")
      yield* sql.unsafe(`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.id = 1 THEN UPDATE ${table} SET wish = 'a' WHERE id = 2; END IF; RETURN NEW; END $$`)
      yield* own("CREATE TRIGGER \"è\" BEFORE UPDATE ON $ FOR EACH ROW EXECUTE FUNCTION touch()")
      const lost = shownError(yield* Effect.flip(own("UPDATE $ SET wish = 'b' WHERE id = 1")))
      assert.match(lost, /rename "è", "é" to a name/)
      assert.deepStrictEqual(yield* rows, ["1atrue", "2afalse"])
    }))

  it.effect("may delete rows of the same table while the mark of one is turned", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const { own, sync, table } = yield* make({ trigger: "zzz", calls: "always_b" })
      yield* sql.unsafe(`CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.id = 1 THEN DELETE FROM ${table} WHERE id = 2; END IF; RETURN NEW; END $$`)
      yield* own("CREATE TRIGGER aaa BEFORE UPDATE ON $ FOR EACH ROW EXECUTE FUNCTION clear()")
      yield* sync("INSERT INTO $ VALUES (1, 'a'), (2, 'a')")
      yield* events
      yield* own("DELETE FROM $ WHERE id = 1")
      assert.deepStrictEqual(yield* events, ["u2afalse", "d2afalse", "u1afalse", "d1afalse"])
    }))

  it.effect("lose no row of partitions that came with columns of their own, which the triggers do not know", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* own`CREATE TABLE deep (id int, region text, part int) PARTITION BY LIST (region)`
      yield* LoopGuard.addSkipColumn("public.deep")
      yield* own`CREATE TABLE deep_a PARTITION OF deep FOR VALUES IN ('a') PARTITION BY LIST (part)`
      for (const part of [1, 2]) {
        yield* own.unsafe(`CREATE TABLE deep_a${part} PARTITION OF deep_a FOR VALUES IN (${part})`)
      }
      yield* sync`INSERT INTO deep VALUES (1, 'a', 1)`
      const move = own`UPDATE deep SET part = 2`
      assert.match(shownError(yield* Effect.flip(move)), /deep_a1 would be lost.*; run LoopGuard.addSkipColumn again$/)
      yield* LoopGuard.addSkipColumn("public.deep")
      yield* move
      assert.deepStrictEqual(yield* own`SELECT part, kafka_skip FROM deep`.values, [[2, false]])
    }))
})
