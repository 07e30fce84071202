/** Versions of rows, at a real PostgreSQL. */
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { LoopGuard, Migrations, RowVersion } from "millrace/sql"
import { client, makeDatabase } from "../../services/database.ts"

class Sync extends Context.Service<Sync, SqlClient>()("test/Sync") {}

const prepared = Layer.effectDiscard(
  Effect.gen(function*() {
    const sql = yield* SqlClient
    yield* sql`CREATE TABLE items (id int PRIMARY KEY, name text)`
    const early = yield* Effect.flip(RowVersion.add("public.items", { site: 3 }))
    assert.strictEqual(early.reason._tag, "NotMigrated")
    yield* Migrations.run()
    yield* RowVersion.add("public.items", { site: 3 })
    yield* RowVersion.add("public.items", { site: 3 })
  })
).pipe(
  Layer.provideMerge(Layer.effect(Sync, SqlClient).pipe(Layer.provide(LoopGuard.marked))),
  Layer.provideMerge(Layer.unwrap(Effect.map(makeDatabase, (place) => client(place))))
)

const versionOf = (id: number) =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.map(
      sql`SELECT row_version::text FROM items WHERE id = ${id}`.values,
      ([row]) => row === undefined ? undefined : BigInt(String(row[0]))
    ))

const remembered = (key: string) =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.map(
      sql`SELECT version::text FROM millrace.deleted WHERE table_name = 'public.items' AND key = ${key}`.values,
      ([row]) => row === undefined ? undefined : BigInt(String(row[0]))
    ))

layer(prepared, { excludeTestServices: true })("the version of a row", (it) => {
  it.effect("is the time of the write and the site, and goes up with each, also past a clock that is ahead", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      const before = BigInt(Date.now() - 1_000)
      yield* own`INSERT INTO items (id, row_version) VALUES (1, 7)`
      const first = (yield* versionOf(1))!
      assert.strictEqual(first % 8n, 3n)
      assert.isTrue(first / 8n > before && first / 8n < before + 60_000n)
      // Ten writes within a millisecond are still one after the other.
      yield* own`DO $$ BEGIN FOR i IN 1..10 LOOP UPDATE items SET name = i::text WHERE id = 1; END LOOP; END $$`
      const tenth = (yield* versionOf(1))!
      assert.isTrue(tenth >= first + 80n)
      const ahead = (first / 8n + 86_400_000n) * 8n + 5n
      yield* sync`UPDATE items SET row_version = ${String(ahead)}::text::bigint WHERE id = 1`
      assert.strictEqual(yield* versionOf(1), ahead)
      yield* own`UPDATE items SET name = 'seen' WHERE id = 1`
      assert.strictEqual(yield* versionOf(1), (ahead / 8n + 1n) * 8n + 3n)
    }))

  it.effect("of a deleted row, or of a key that was left, is remembered, and what comes under it is later", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      const ahead = BigInt(Date.now() + 86_400_000) * 8n + 5n
      yield* sync`INSERT INTO items VALUES (2, 'far', ${String(ahead)}::text::bigint)`
      yield* own`DELETE FROM items WHERE id = 2`
      assert.strictEqual(yield* remembered("2"), ahead + 1n)
      yield* own`INSERT INTO items VALUES (2, 'again')`
      assert.isTrue((yield* versionOf(2))! > ahead + 1n)
      const again = (yield* versionOf(2))!
      yield* own`UPDATE items SET id = 20 WHERE id = 2`
      assert.strictEqual(yield* remembered("2"), again + 1n)
      assert.isTrue((yield* versionOf(20))! > again)
      // A key that was deleted with a later version than the row has that moves there.
      yield* own`INSERT INTO items VALUES (21)`
      yield* own`UPDATE items SET id = 2 WHERE id = 21`
      assert.isTrue((yield* versionOf(2))! > again + 1n)
      yield* sync`DELETE FROM items WHERE id = 2`
      assert.strictEqual(yield* remembered("2"), again + 1n)
    }))

  it.effect("is that of what all triggers leave of a write, whatever they are called", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      yield* own`CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF TG_OP = 'DELETE' THEN RETURN NULL; END IF;
        NEW.id := CASE NEW.name WHEN 'elsewhere' THEN 41 ELSE 42 END;
        RETURN NEW; END $$`
      yield* own`CREATE TRIGGER zzz BEFORE INSERT OR UPDATE OR DELETE ON items FOR EACH ROW EXECUTE FUNCTION late()`
      yield* own`INSERT INTO items VALUES (40, 'here')`
      yield* own`DELETE FROM items WHERE id = 42`
      assert.isUndefined(yield* remembered("42"), "it was not deleted")
      const here = (yield* versionOf(42))!
      yield* own`UPDATE items SET name = 'elsewhere' WHERE id = 42`
      assert.strictEqual(yield* remembered("42"), here + 1n)
      const elsewhere = (yield* versionOf(41))!
      yield* own`DROP TRIGGER zzz ON items`
      yield* own`DELETE FROM items WHERE id = 41`
      assert.strictEqual(yield* remembered("41"), elsewhere + 1n)
    }))

  it.effect("stays where a mark alone is turned, which is no write", () =>
    Effect.gen(function*() {
      const [own, sync] = [yield* SqlClient, yield* Sync]
      yield* own`CREATE TABLE marked (LIKE items INCLUDING ALL)`
      yield* own`CREATE TABLE befores (n int GENERATED ALWAYS AS IDENTITY, version bigint)`
      yield* RowVersion.add("public.marked", { site: 3 })
      yield* LoopGuard.addSkipColumn("public.marked")
      yield* own`CREATE FUNCTION before() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO befores (version) VALUES (OLD.row_version); RETURN NULL; END $$`
      yield* own`CREATE TRIGGER before AFTER UPDATE OR DELETE ON marked FOR EACH ROW EXECUTE FUNCTION before()`
      yield* sync`INSERT INTO marked (id, row_version) VALUES (1, 70), (2, 80)`
      yield* own`DELETE FROM marked WHERE id = 1`
      yield* own`UPDATE marked SET id = 3 WHERE id = 2`
      // Each of them was turned, and then deleted, or moved.
      assert.deepStrictEqual(
        yield* own`SELECT version::int FROM befores ORDER BY n`.values,
        [[70], [70], [80], [80]]
      )
      const after = yield* own`SELECT row_version > 80 FROM marked WHERE id = 3`.values
      assert.deepStrictEqual(after, [[true]])
    }))

  it.effect("needs no right of its writers to what is remembered", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      const role = `writer_${process.pid}`
      yield* own.unsafe(`CREATE ROLE ${role}`)
      yield* own.unsafe(`GRANT SELECT, INSERT, DELETE ON items TO ${role}`)
      yield* own.withTransaction(Effect.gen(function*() {
        yield* own.unsafe(`SET LOCAL ROLE ${role}`)
        yield* own`INSERT INTO items VALUES (30)`
        yield* own`DELETE FROM items WHERE id = 30`
      }))
      assert.isDefined(yield* remembered("30"))
      yield* own.unsafe(`DROP OWNED BY ${role}`)
      yield* own.unsafe(`DROP ROLE ${role}`)
    }))

  it.effect("is in the deletions of partitions, too", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE parted (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)`
      yield* sql`CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a') PARTITION BY LIST (region)`
      yield* sql`CREATE TABLE parted_a1 PARTITION OF parted_a FOR VALUES IN ('a')`
      yield* RowVersion.add("public.parted", { site: 3 })
      const identities = yield* sql`SELECT relname, relreplident FROM pg_class
        WHERE relname LIKE 'parted%' AND relkind IN ('r', 'p') ORDER BY relname`.values
      assert.deepStrictEqual(identities, [["parted", "f"], ["parted_a", "f"], ["parted_a1", "f"]])
    }))

  it.effect("is refused for tables that it cannot keep, and sites that are none", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE keyless (id int)`
      yield* sql`CREATE TABLE dated (at timestamptz PRIMARY KEY)`
      const keyless = yield* Effect.flip(RowVersion.add("public.keyless", { site: 0 }))
      assert.strictEqual(keyless.reason._tag, "MissingKey")
      const dated = yield* Effect.flip(RowVersion.add("public.dated", { site: 0 }))
      assert.include(dated.message, "column public.dated.at: it is timestamp with time zone")
      yield* sql`CREATE TABLE taken (id int PRIMARY KEY, row_version int NOT NULL, other bigint)`
      const small = yield* Effect.flip(RowVersion.add("public.taken", { site: 0 }))
      assert.include(small.message, "column public.taken.row_version: it is integer already")
      const nullable = yield* Effect.flip(RowVersion.add("public.taken", { site: 0, column: "other" }))
      assert.include(nullable.message, "column public.taken.other: it is bigint, nullable already")
      assert.throws(() => RowVersion.add("public.items", { site: 7 }), /site: 7 is not a whole number from 0 to 6/)
      assert.throws(() => RowVersion.add("public.items", {} as any), /site is missing/)
    }))
})
