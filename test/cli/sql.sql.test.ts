import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Topic } from "millrace"
import { Outbox } from "millrace/sql"
import { Operator } from "../../src/cli/confirm.ts"
import { database } from "./fixtures/sql.config.ts"
import { sqlCommand } from "./sqlCommand.ts"

const sql = sqlCommand("sql")

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

const parked = Effect.gen(function*() {
  const client = yield* SqlClient
  yield* Outbox.sendAll(Notes, [{ key: "a", value: "1" }, { key: "b", value: "2" }, { key: "c", value: "3" }])
  yield* client`UPDATE millrace.shop_outbox SET parked_at = now(), problem = 'too large' WHERE key <> 'a'`
  return (yield* Outbox.parked()).map(({ id }) => id)
}).pipe(Effect.provide([database, Outbox.layer({ prefix: "shop_" })]))

const noOne = Effect.provideService(Operator, { isThere: () => false, ask: () => Effect.undefined })

/** One database, so one story: each step stands on the ones before. */
describe("the database by the command", () => {
  it.effect("says what is missing before the tables are made", () =>
    Effect.gen(function*() {
      const { code, err } = yield* sql("outbox")
      assert.strictEqual(code, 1)
      assert.include(err, "there is no table millrace.shop_outbox")
    }))

  it.effect("is migrated, once, as planned", () =>
    Effect.gen(function*() {
      const { code, out } = yield* sql("migrate", "--plan")
      assert.strictEqual(code, 0)
      assert.include(out, "-- 1 offsets\nCREATE TABLE \"millrace\".\"shop_offsets\" (")
      assert.match(out, /-- \d migrations would be run; nothing was done$/)
      const again = yield* sql("migrate", "--plan", "--json")
      const planned: ReadonlyArray<{ readonly id: number; readonly name: string }> = JSON.parse(again.out).migrations
      const ran = yield* sql("migrate")
      assert.deepStrictEqual(ran.out.split("\n"), [
        ...planned.map(({ id, name }) => `${id} ${name}: done`),
        `${planned.length} migrations run`
      ])
      assert.strictEqual((yield* sql("migrate")).out, "nothing to do: all tables are there")
    }))

  it.effect("shows the outbox, and what Kafka refused of it", () =>
    Effect.gen(function*() {
      const [first] = yield* parked
      const { code, out } = yield* sql("outbox")
      assert.strictEqual(code, 0)
      assert.match(out, /^WAITING +OLDEST +PARKED\n +1 +\d+\.\d s +2$/)
      const list = yield* sql("outbox", "ls")
      assert.deepStrictEqual(
        list.out.split("\n").map((line) => line.trim().split(/ {2,}/)).map(([id, topic, key]) => [
          id,
          topic,
          key
        ]).slice(0, 2),
        [["ID", "TOPIC", "KEY"], [first, "notes", "b"]]
      )
      assert.strictEqual(JSON.parse((yield* sql("outbox", "ls", "--json")).out)[0].problem, "too large")
    }))

  it.effect("retries what is named, and drops after it was agreed to", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* sql("outbox", "retry")).code, 2)
      assert.include((yield* sql("outbox", "retry", "x1")).err, "\"x1\" is no id of a message")
      const missing = yield* sql("outbox", "retry", "999999")
      assert.deepStrictEqual([missing.code, missing.out], [1, "0 will be published again"])
      const [first] = JSON.parse((yield* sql("outbox", "ls", "--json")).out)
      assert.strictEqual((yield* sql("outbox", "retry", first.id)).out, "1 will be published again")
      const refused = yield* noOne(sql("outbox", "drop", "--all"))
      assert.include(refused.err, "add --yes to do it")
      assert.strictEqual((yield* sql("outbox", "drop", "--all", "--yes")).out, "1 dropped")
      assert.strictEqual((yield* sql("outbox", "drop", "--all", "--yes")).out, "0 dropped")
      assert.match((yield* sql("outbox")).out, / 0$/)
    }))
})
