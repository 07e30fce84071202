import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import { Change, ModelSync, Outbox, type Waiting } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
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

const Books = Topic.make("books", { key: Change.debezium, value: Change.debezium })

/** Three books without their authors. */
const waitingRows = Effect.gen(function*() {
  const client = yield* SqlClient
  yield* client`CREATE TABLE authors (id int PRIMARY KEY)`
  yield* client`CREATE TABLE books (id int PRIMARY KEY, author int REFERENCES authors)`
  for (const id of [1, 2, 3]) yield* Producer.send(Books, { key: { id }, value: { id, author: id }, partition: 0 })
  const settings = { table: "public.books", format: Change.plain, waitFor: "constraints" as const }
  const handler = ModelSync.handler(ModelSync.make(Books, settings), { prefix: "shop_" })
  yield* Consumer.run(Consumer.make("books", {
    offsetReset: "earliest",
    until: "end",
    onFailure: OnFailure.stop,
    handlers: [handler]
  }))
}).pipe(Effect.provide([database, InMemoryKafka.layer]))

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
      assert.match(
        out,
        /^CREATE SCHEMA IF NOT EXISTS "millrace";\n-- 1 offsets\nCREATE TABLE "millrace"."shop_offsets" \(/
      )
      assert.match(out, /-- \d migrations would be run, and noted in millrace\.shop_migrations; nothing was done$/)
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
      const twice = yield* sql("outbox", "retry", first.id, `0${first.id}`)
      assert.deepStrictEqual([twice.code, twice.out], [0, "1 will be published again"])
      const refused = yield* noOne(sql("outbox", "drop", "--all"))
      assert.strictEqual(refused.code, 1)
      assert.include(refused.err, "add --yes to do it")
      assert.strictEqual((yield* sql("outbox", "drop", "--all", "--yes")).out, "1 dropped")
      assert.strictEqual((yield* sql("outbox", "drop", "--all", "--yes")).out, "0 dropped")
      assert.match((yield* sql("outbox")).out, / 0$/)
    }))

  it.effect("shows rows that wait for their parents, lets them come, and drops them", () =>
    Effect.gen(function*() {
      yield* waitingRows
      const { code, out } = yield* sql("waiting")
      assert.strictEqual(code, 0)
      assert.match(out, /^WAITING +OLDEST +EXPIRED +REFUSED\n +3 +\d+\.\d s +0 +0$/)
      const list = yield* sql("waiting", "ls")
      const [header, first] = list.out.split("\n").map((line) => line.trim().split(/ {2,}/))
      assert.deepStrictEqual(header, ["ID", "TABLE", "KEY", "STATE", "WAITS FOR", "SINCE", "RECORD", "PROBLEM"])
      assert.deepStrictEqual(
        [first![1], first![2], first![3], first![4], first![6]],
        ["public.books", "1", "waiting", "public.authors(id) = [\"1\"]", "books/0@0"]
      )
      const rows = JSON.parse((yield* sql("waiting", "ls", "--json", "--max", "2")).out)
      assert.deepStrictEqual(rows.map(({ cells }: Waiting.Row) => cells), [
        { id: "1", author: "1" },
        { id: "2", author: "2" }
      ])
      yield* Effect.provide(Effect.flatMap(SqlClient, (client) => client`INSERT INTO authors VALUES (2)`), database)
      assert.strictEqual((yield* sql("waiting", "retry", rows[0].id)).out, "0 released, 1 of 1 are left")
      assert.deepStrictEqual(JSON.parse((yield* sql("waiting", "retry", "--all", "--json")).out), {
        found: 3,
        released: 1,
        left: 2
      })
      assert.strictEqual((yield* sql("waiting", "retry")).code, 2)
      assert.include((yield* sql("waiting", "drop", "x", "--yes")).err, "\"x\" is no id of a row")
      const gone = yield* sql("waiting", "drop", rows[0].id, rows[1].id, "--yes")
      assert.strictEqual(gone.out, "1 dropped")
      assert.include(gone.err, "1 of them do not wait (any more)")
      const refused = yield* noOne(sql("waiting", "drop", "--all"))
      assert.strictEqual(refused.code, 1)
      assert.include(refused.err, "add --yes to do it")
      assert.strictEqual((yield* sql("waiting", "drop", "--all", "--yes")).out, "1 dropped")
      assert.match((yield* sql("waiting")).out, / 0 +0\.0 s +0 +0$/)
    }))

  it.effect("says of a change that fails what may be done of it", () =>
    Effect.gen(function*() {
      const statement = (text: string) =>
        Effect.provide(Effect.flatMap(SqlClient, (client) => client.unsafe(text)), database)
      yield* statement("ALTER TABLE millrace.shop_waiting RENAME TO shop_waiting_away")
      const retried = yield* sql("waiting", "retry", "--all", "--json")
      assert.deepStrictEqual([retried.code, retried.out], [1, ""])
      assert.include(retried.err, "some rows may be released, and stay so")
      const dropped = yield* sql("waiting", "drop", "1", "--yes", "--json")
      assert.deepStrictEqual([dropped.code, dropped.out], [1, ""])
      assert.include(dropped.err, "the rows may be dropped")
      yield* statement("ALTER TABLE millrace.shop_waiting_away RENAME TO shop_waiting")
    }))
})
