import { assert, describe, it } from "@effect/vitest"
import { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { PgliteClient } from "millrace/pglite"
import { Migrations, Table } from "millrace/sql"

describe("PgliteClient", () => {
  it("runs what runs on a server, and gives a later client a clean session", async () => {
    const db = await PGlite.create()
    const program = Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Migrations.run()
      assert.deepStrictEqual((yield* Table.read("millrace.offsets")).primaryKey, ["group_id", "topic", "partition"])
      assert.deepStrictEqual(yield* sql`SELECT ${"x".repeat(100_000)}::text AS big`, [{ big: "x".repeat(100_000) }])
      const failed = yield* Effect.flip(sql.withTransaction(Effect.andThen(
        sql`INSERT INTO millrace.offsets (group_id, topic, partition) VALUES ('g', 't', 0)`,
        sql`INSERT INTO millrace.offsets (group_id, topic, partition) VALUES ('g', 't', 0)`
      )))
      assert.strictEqual(failed.reason._tag, "UniqueViolation")
      assert.deepStrictEqual(yield* sql`SELECT * FROM millrace.offsets`, [])
    })
    await Effect.runPromise(Effect.provide(program, PgliteClient.layerFrom(db)))
    await db.exec("BEGIN")
    await Effect.runPromise(Effect.provide(program, PgliteClient.layerFrom(db)))
    await db.close()
  })
})
