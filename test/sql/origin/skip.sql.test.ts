/** The column that marks what a sync has written, at a real PostgreSQL. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { LoopGuard, Migrations, RowVersion } from "millrace/sql"
import { client, makeDatabase, type Place } from "../../services/database.ts"

/** What events of the table would say of the mark, in their order: of the new row, or of the deleted one. */
const statements = [
  "CREATE SCHEMA \"Odd schema\"",
  "CREATE TABLE \"Odd schema\".items (id int PRIMARY KEY, name text, parent int REFERENCES \"Odd schema\".items "
  + "ON DELETE CASCADE)",
  "CREATE TABLE events (n int GENERATED ALWAYS AS IDENTITY, op text, id int, mark boolean)",
  `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN INSERT INTO events (op, id, mark) VALUES ('d', OLD.id, OLD.kafka_skip);
    ELSIF TG_OP = 'UPDATE' AND OLD.id <> NEW.id THEN
      INSERT INTO events (op, id, mark) VALUES ('d', OLD.id, OLD.kafka_skip), ('c', NEW.id, NEW.kafka_skip);
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
      // The trigger itself has deleted the others: the statement has nothing to return.
      yield* own`INSERT INTO "Odd schema".items VALUES (7)`
      yield* sync`INSERT INTO "Odd schema".items VALUES (8)`
      assert.deepStrictEqual(yield* own`DELETE FROM "Odd schema".items RETURNING id`, [{ id: 7 }])
      assert.deepStrictEqual(yield* own`SELECT id FROM "Odd schema".items`, [])
    }))

  it.effect("is in both events of a change of the key, of which the first has the row as it was", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* own`TRUNCATE "Odd schema".items`
      yield* sync`INSERT INTO "Odd schema".items VALUES (1, 'a', NULL), (2, 'b', 1), (3, 'c', NULL)`
      yield* own`INSERT INTO "Odd schema".items VALUES (4, 'd'), (5, 'e')`
      yield* events
      yield* own`UPDATE "Odd schema".items SET id = id + 20, name = name || '!' WHERE id IN (3, 4)`
      assert.sameMembers(yield* events, ["u3", "d3", "c23", "d4", "c24"])
      yield* sync`UPDATE "Odd schema".items SET id = 25, name = NULL WHERE id = 5`
      yield* sync`UPDATE "Odd schema".items SET id = 12 WHERE id = 2`
      assert.deepStrictEqual(yield* events, ["u5 skip", "d5 skip", "c25 skip", "d2 skip", "c12 skip"])
      // Neither the key nor the mark is another one.
      yield* sync`UPDATE "Odd schema".items SET id = id, name = 'f' WHERE id = 25`
      yield* own`UPDATE "Odd schema".items SET id = id, name = 'g' WHERE id = 25`
      assert.deepStrictEqual(yield* events, ["u25 skip", "u25"])
      assert.deepStrictEqual(
        yield* own`SELECT id || ' ' || name || coalesce(' of ' || parent, '') FROM "Odd schema".items ORDER BY id`
          .values,
        [["1 a"], ["12 b of 1"], ["23 c!"], ["24 d!"], ["25 g"]]
      )
      // It is refused like any other, and leaves the row as it was.
      yield* Effect.flip(own`UPDATE "Odd schema".items SET id = 23 WHERE id = 12`)
      assert.deepStrictEqual(yield* events, [])
      yield* own`UPDATE "Odd schema".items SET id = 2 WHERE id = 12`
      assert.deepStrictEqual(yield* events, ["u12", "d12", "c2"])
    }))

  it.effect("is in events of other keys than the primary one, of partitions, and of columns that are never set", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      const noting = (name: string) =>
        own.unsafe(`CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ${name}
          FOR EACH ROW EXECUTE FUNCTION note()`)
      const moved = (name: string) =>
        Effect.gen(function*() {
          yield* sync.unsafe(`INSERT INTO ${name} (id) VALUES (1)`)
          yield* events
          yield* own.unsafe(`UPDATE ${name} SET id = 200 WHERE id = 1`)
          const seen = yield* events
          assert.deepStrictEqual(yield* own.unsafe(`SELECT id, kafka_skip FROM ${name}`), [
            { id: 200, kafka_skip: false }
          ])
          return seen
        })
      yield* own`CREATE TABLE uniques (id int UNIQUE NOT NULL, n int GENERATED ALWAYS AS IDENTITY,
        "od""d" text DEFAULT '%s')`
      yield* own`CREATE TABLE keyed (id int, n int PRIMARY KEY DEFAULT 1)`
      yield* own`CREATE TABLE keyless (id int)`
      yield* own`CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)`
      yield* own`CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (100)`
      yield* own`CREATE TABLE high PARTITION OF parts FOR VALUES FROM (100) TO (1000)`
      for (const name of ["uniques", "keyed", "keyless", "parts"]) {
        yield* LoopGuard.addSkipColumn(`public.${name}`)
        yield* noting(name)
      }
      assert.deepStrictEqual(yield* moved("uniques"), ["u1", "d1", "c200"])
      // Records without keys have one event for it.
      assert.notInclude(yield* moved("keyless"), "u1")
      // One partition loses the row, and another one gets it.
      assert.deepStrictEqual(yield* moved("parts"), ["u1", "d1", "i200"])
      assert.deepStrictEqual(yield* moved("keyed"), ["d1 skip", "c200"])
      yield* own`DELETE FROM keyed`
      yield* LoopGuard.addSkipColumn("public.keyed", { key: ["id"] })
      assert.deepStrictEqual(yield* moved("keyed"), ["u1", "d1", "c200"])
    }))

  it.effect("stays with rows that go from one partition to another, whatever the key and the partitions are", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      const tables = [
        { name: "by_key", is: "(id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)" },
        { name: "by_unique", is: "(id int, region text, UNIQUE (id, region)) PARTITION BY LIST (region)" },
        { name: "by_index", is: "(id int, region text) PARTITION BY LIST (region)" },
        { name: "by_option", is: "(id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)" },
        { name: "by_expression", is: "(id int, region text) PARTITION BY LIST (lower(region))" },
        { name: "by_level", is: "(id int, part int, region text) PARTITION BY LIST (part)" }
      ]
      for (const { is, name } of tables) {
        yield* own.unsafe(`CREATE TABLE ${name} ${is}`)
        if (name === "by_level") {
          yield* own`CREATE TABLE by_level_all PARTITION OF by_level DEFAULT PARTITION BY LIST (region)`
        }
        const parent = name === "by_level" ? "by_level_all" : name
        for (const region of ["a", "b"]) {
          yield* own.unsafe(`CREATE TABLE ${name}_${region} PARTITION OF ${parent} FOR VALUES IN ('${region}')`)
        }
        if (name === "by_index") yield* own.unsafe(`CREATE INDEX ON ${name} (id, region)`)
        yield* LoopGuard.addSkipColumn(`public.${name}`, name === "by_option" ? { key: ["id"] } : {})
        const kept = yield* own`SELECT relid::regclass::text FROM pg_partition_tree(${name}) JOIN pg_class c
          ON c.oid = relid WHERE relreplident <> 'f'`.values
        assert.deepStrictEqual(kept, [], `${name}: partitions have the identity of the table`)
        yield* own.unsafe(`CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON ${name}
          FOR EACH ROW EXECUTE FUNCTION note()`)
        const rows = own.unsafe(`SELECT id || region FROM ${name} ORDER BY id`).values
        yield* sync.unsafe(`INSERT INTO ${name} (id, region) VALUES (1, 'a'), (2, 'a')`)
        yield* events
        yield* own.unsafe(`UPDATE ${name} SET region = 'b' WHERE id = 1`)
        assert.deepStrictEqual(yield* events, ["u1", "d1", "i1"], name)
        assert.deepStrictEqual(yield* rows, [["1b"], ["2a"]], name)
        yield* sync.unsafe(`UPDATE ${name} SET region = 'a' WHERE id = 1`)
        assert.deepStrictEqual(yield* events, ["u1 skip", "d1 skip", "i1 skip"], name)
        yield* sync.unsafe(`UPDATE ${name} SET region = 'b'`)
        assert.sameMembers(yield* events, ["d1 skip", "i1 skip", "d2 skip", "i2 skip"], name)
        assert.deepStrictEqual(yield* rows, [["1b"], ["2b"]], name)
      }
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

  it.effect("is added to the table that the search path finds, where no schema is named", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* Migrations.run()
      yield* own`CREATE SCHEMA first`
      for (const table of ["first.users", "public.users", "first.people", "public.people", "public.alone"]) {
        yield* own.unsafe(`CREATE TABLE ${table} (id int PRIMARY KEY)`)
      }
      yield* own.withTransaction(Effect.gen(function*() {
        yield* own`SET LOCAL search_path = first, public`
        yield* LoopGuard.addSkipColumn("users")
        yield* RowVersion.add("users", { site: 1 })
        yield* LoopGuard.addSkipColumn("alone")
        for (const statement of LoopGuard.skipColumn("people")) yield* own.unsafe(statement)
      }))
      const found = yield* own`SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
        WHERE tgname LIKE '%millrace_mark%' AND tgrelid::regclass::text ~ 'users|people|alone' ORDER BY 1`.values
      assert.deepStrictEqual(found, [["alone"], ["first.people"], ["first.users"]])
      for (const table of ["first.users", "first.people"]) {
        yield* sync.unsafe(`INSERT INTO ${table} VALUES (1)`)
        yield* own.unsafe(`UPDATE ${table} SET id = 2`)
        assert.deepStrictEqual(yield* own.unsafe(`SELECT id, kafka_skip FROM ${table}`).values, [[2, false]])
      }
      const [versioned] = yield* own`SELECT row_version > 0 FROM first.users`.values
      assert.deepStrictEqual(versioned, [true])
      const left = yield* own`SELECT table_name, key FROM millrace.deleted`.values
      assert.deepStrictEqual(left, [["first.users", "1"]])
    }))

  it.effect("is refused for tables that its replica identity would break, and under a name that is none", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE totals (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)`
      const error = yield* Effect.flip(LoopGuard.addSkipColumn("public.totals"))
      assert.include(error.message, "column public.totals.twice: it is generated")
      yield* sql`CREATE TABLE taken (id int PRIMARY KEY, kafka_skip text)`
      const taken = yield* Effect.flip(LoopGuard.addSkipColumn("public.taken"))
      assert.strictEqual(taken.reason._tag, "Unsupported")
      assert.include(taken.message, "column public.taken.kafka_skip: it is text already")
      const missing = yield* Effect.flip(LoopGuard.addSkipColumn("public.nope"))
      assert.strictEqual(missing.reason._tag, "MissingTable")
      assert.throws(() => LoopGuard.skipColumn("public.t", { column: "a\"b" }), /column: "a\\"b" is not a name/)
      assert.throws(() => LoopGuard.skipColumn("public.t", { colum: "a" } as any), /did you mean "column"/)
      assert.throws(
        () => LoopGuard.skipColumn("public.t", { key: [] }),
        /key: an array is not a list of at least one column/
      )
      assert.include(LoopGuard.skipColumn("public.t", { column: "synced" })[0], "ADD COLUMN IF NOT EXISTS \"synced\"")
    }))
})
