import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { SqlClient } from "effect/sql/SqlClient"
import * as String from "effect/String"
import { Migrations, Table } from "millrace/sql"
import { database } from "../services/database.ts"

const names = (migrations: ReadonlyArray<Migrations.Migration>) => migrations.map(({ name }) => name)

const transforms = { transformQueryNames: String.camelToSnake, transformResultNames: String.snakeToCamel }

layer(database())("Migrations", (it) => {
  it.effect("plan what run then does, once, also when two run at once", () =>
    Effect.gen(function*() {
      const all = names(Migrations.all())
      assert.deepStrictEqual(names(yield* Migrations.plan()), all)
      const ran = yield* Effect.all([Migrations.run(), Migrations.run()], { concurrency: 2 })
      assert.deepStrictEqual(ran.flatMap(names), all)
      assert.deepStrictEqual(yield* Migrations.plan(), [])
      assert.deepStrictEqual(yield* Migrations.run(), [])
      assert.deepStrictEqual((yield* Table.read("millrace.offsets")).primaryKey, ["group_id", "topic", "partition"])
    }))

  it.effect("keep two sets of tables apart by schema and prefix", () =>
    Effect.gen(function*() {
      yield* Migrations.run({ schema: "other", prefix: "shop_" })
      yield* Migrations.run({ schema: "other" })
      assert.strictEqual((yield* Table.read("other.shop_offsets")).columns.length, 6)
      assert.strictEqual((yield* Table.read("other.offsets")).columns.length, 6)
    }))

  it.effect("need no right to create schemas where the schema exists", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql.unsafe("CREATE SCHEMA given")
      yield* sql.unsafe("CREATE ROLE plain")
      yield* sql.unsafe("GRANT ALL ON SCHEMA given TO plain")
      yield* sql.withTransaction(
        Effect.andThen(sql.unsafe("SET LOCAL ROLE plain"), Migrations.run({ schema: "given" }))
      )
      assert.deepStrictEqual(yield* Migrations.plan({ schema: "given" }), [])
    }))

  it.effect("need no right, and wait for nobody, where all is there", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql.unsafe("CREATE ROLE reading")
      yield* sql.unsafe("GRANT USAGE ON SCHEMA millrace TO reading")
      yield* sql.unsafe("GRANT SELECT ON millrace.migrations TO reading")
      const [isRead, mayEnd] = [yield* Latch.make(), yield* Latch.make()]
      // As a dump does.
      const dump = sql.unsafe("SELECT FROM millrace.migrations").pipe(
        Effect.andThen(isRead.open),
        Effect.andThen(mayEnd.await)
      )
      yield* Effect.forkChild(sql.withTransaction(dump))
      yield* isRead.await
      const ran = Effect.gen(function*() {
        yield* sql.unsafe("SET LOCAL lock_timeout = 1")
        yield* sql.unsafe("SET LOCAL ROLE reading")
        return yield* Migrations.run()
      })
      assert.deepStrictEqual(yield* sql.withTransaction(ran), [])
      yield* mayEnd.open
    }))

  it.effect("leave a table of somebody else's alone, and say so", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const foreign = [
        "CREATE TABLE theirs.migrations (id int, migration text, batch int)",
        "CREATE VIEW theirs.migrations AS SELECT 1 AS migration_id, 'offsets' AS name",
        "CREATE TABLE theirs.migrations AS SELECT 20 AS migration_id, 'users' AS name",
        "CREATE TABLE theirs.migrations AS SELECT 1 AS migration_id, 'users' AS name"
      ]
      for (const statement of foreign) {
        yield* sql.unsafe("DROP SCHEMA IF EXISTS theirs CASCADE")
        yield* sql.unsafe("CREATE SCHEMA theirs")
        yield* sql.unsafe(statement)
        for (const work of [Migrations.run, Migrations.plan]) {
          const { message } = yield* Effect.flip(work({ schema: "theirs" }))
          assert.match(message, /theirs\.migrations is not a table of Millrace's; choose another schema, or a prefix/)
        }
      }
    }))

  it.effect("are those of their place, whatever names the client transforms", () =>
    Effect.gen(function*() {
      const place = { schema: "Mine", prefix: "shopA_" }
      assert.strictEqual((yield* Migrations.run(place)).length, Migrations.all().length)
      assert.deepStrictEqual(yield* Migrations.plan(place), [])
    }).pipe(Effect.provide(database([], transforms))))

  it.effect("refuse names that SQL would take for something else", () =>
    Effect.sync(() => {
      for (const options of [{ schema: "a.b" }, { schema: "" }, { prefix: "x y" }, { shema: "a" }]) {
        assert.throws(() => Migrations.all(options), /Migrations.all/)
      }
    }))
})
