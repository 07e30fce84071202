import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Migrations, Table } from "millrace/sql"
import { database } from "../services/database.ts"

const names = (migrations: ReadonlyArray<Migrations.Migration>) => migrations.map(({ name }) => name)

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

  it.effect("refuse names that SQL would take for something else", () =>
    Effect.sync(() => {
      for (const options of [{ schema: "a.b" }, { schema: "" }, { prefix: "x y" }, { shema: "a" }]) {
        assert.throws(() => Migrations.all(options), /Migrations.all/)
      }
    }))
})
