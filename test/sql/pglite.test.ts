import { assert, describe, it } from "@effect/vitest"
import { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Health, OnFailure, Producer, Topic } from "millrace"
import { PgliteClient } from "millrace/pglite"
import { Change, Migrations, ModelSync, Outbox, OutboxRelay, Table } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"

const Users = Topic.make("users", { key: Change.debezium, value: Change.debezium })

/** A sync from the beginning, with a row that is refused and a swap of unique values. */
const synced = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* sql`DROP TABLE IF EXISTS users`
  yield* sql`CREATE TABLE users (id int PRIMARY KEY, name varchar(5) UNIQUE)`
  const rows = [[1, "a"], [2, "b"], [3, "too long"], [1, "b"], [2, "a"], [4, "d"]] as const
  yield* Producer.sendAll(Users, rows.map(([id, name]) => ({ key: { id }, value: { id, name }, partition: 0 })))
  yield* Consumer.run(Consumer.make("pglite", {
    offsetReset: "earliest",
    until: "end",
    onFailure: OnFailure.skip,
    handlers: [ModelSync.handler(ModelSync.make(Users, { table: "public.users", format: Change.plain }))]
  }))
  assert.deepStrictEqual(yield* sql`SELECT * FROM users ORDER BY id`, [
    { id: 1, name: "b" },
    { id: 2, name: "a" },
    { id: 4, name: "d" }
  ])
  yield* sql`DELETE FROM millrace.offsets`
}).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, Logger.layer([]))))

/** An outbox, whose relay has one connection for all it does. */
const relayed = Effect.gen(function*() {
  const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
  const relay = yield* Effect.forkChild(OutboxRelay.run())
  for (const key of ["a", "b", "c"]) yield* Outbox.send(Notes, { key, value: key })
  while (!(yield* Health.ready) || (yield* Outbox.status).waiting > 0) yield* Effect.sleep("5 millis")
  yield* Fiber.interrupt(relay)
  const { length } = yield* Stream.runCollect(Topic.read(Notes, { from: "earliest", until: "end" }))
  assert.strictEqual(length, 3)
}).pipe(Effect.provide(InMemoryKafka.layer), Effect.provideService(Health.ServiceRegistry, new Set()))

/** The driver gives a connection up that sends it too much, here within a transaction. */
const lost = Effect.gen(function*() {
  const sql = yield* SqlClient
  const tooMuch = Effect.andThen(
    sql`CREATE TABLE uncommitted ()`,
    sql.unsafe("SELECT repeat('x', 17000000)")
  )
  assert.strictEqual((yield* Effect.exit(sql.withTransaction(tooMuch)))._tag, "Failure")
  assert.deepStrictEqual(yield* sql`SELECT to_regclass('uncommitted')::text AS found`, [{ found: null }])
})

describe("PgliteClient", () => {
  it("names the folder that it cannot use, and refuses at once what is no PGlite", async () => {
    // What its file system throws where a folder cannot be used is no error.
    const fs = { init: () => Promise.reject({ name: "ErrnoError", errno: 54 }) } as never
    const started = Layer.launch(PgliteClient.layer({ dataDir: "/nowhere", fs }))
    const { message } = await Effect.runPromise(Effect.flip(started))
    assert.match(message, /^start PGlite in \/nowhere: the folder cannot be used \(error 54/)
    assert.throws(
      () => PgliteClient.layerFrom(PGlite.create as never),
      /is no PGlite; wait for what PGlite\.create returns/
    )
    assert.throws(() => PgliteClient.layer({ dataDir: 5 as never }), /dataDir: 5 is not a text/)
  })

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
      yield* synced
      yield* relayed
    })
    await Effect.runPromise(Effect.provide(program, PgliteClient.layerFrom(db)))
    await db.exec("BEGIN; CREATE TABLE begun ()")
    await Effect.runPromise(Effect.provide(program, PgliteClient.layerFrom(db)))
    assert.deepStrictEqual((await db.query("SELECT to_regclass('begun')::text AS begun")).rows, [{ begun: null }])
    await Effect.runPromise(Effect.provide(lost, PgliteClient.layerFrom(db)))
    await db.close()
  })
})
