/** Several partitions, and several members of a group. */
import { assert, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, DeadLetters, OnFailure, Producer, Retry } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

const statements = [
  "CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE)",
  "CREATE TABLE counted (id int PRIMARY KEY, value int)",
  "CREATE TABLE writes (id int)",
  `CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO writes VALUES (NEW.id);
    RETURN NULL;
  END $$`,
  "CREATE TRIGGER noted AFTER INSERT OR UPDATE ON counted FOR EACH ROW EXECUTE FUNCTION noted()",
  "CREATE TABLE deleted_at_source (id int PRIMARY KEY, lsn bigint)"
]

const quick = Schedule.spaced("10 millis")

layer(world(statements), { excludeTestServices: true })("partitions and members", (it) => {
  it.effect("of two partitions that each wait for a value of the other, both go on", () =>
    Effect.gen(function*() {
      const Codes = connectTopic("codes")
      const sync = ModelSync.make(Codes, { table: "public.codes", format: Change.plain })
      const send = (id: number, code: string) =>
        Producer.send(Codes, { key: { id }, value: { id, code }, partition: id % 2 })
      yield* send(1, "a")
      yield* send(2, "b")
      yield* runToEnd(ModelSync.handler(sync), "codes")
      yield* send(1, "b")
      yield* send(2, "a")
      yield* send(3, "c")
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync, { retry: quick }), "codes"), [])
      assert.deepStrictEqual(yield* rowsOf("codes"), [
        { id: 1, code: "b" },
        { id: 2, code: "a" },
        { id: 3, code: "c" }
      ])
    }))

  it.effect("a value that nobody gives up fails its record after the wait, and the next ones at once", () =>
    Effect.gen(function*() {
      const Taken = connectTopic("taken")
      const sync = ModelSync.make(Taken, { table: "public.codes", format: Change.plain })
      const messages = Array.from({ length: 40 }, (_, i) => ({ id: 10 + i, code: i % 2 === 0 ? "a" : `code-${i}` }))
      yield* Producer.sendAll(Taken, messages.map((value) => ({ key: { id: value.id }, value, partition: 0 })))
      const [took, failures] = yield* Effect.timed(runToEnd(ModelSync.handler(sync, { conflictWait: "3 seconds" })))
      assert.isAbove(Duration.toSeconds(took), 3)
      // If each of them waited, it would be 60.
      assert.isBelow(Duration.toSeconds(took), 55)
      assert.strictEqual(failures.length, 20)
      for (const { error } of failures) {
        assert.strictEqual(error.reason._tag, "Refused")
        assert.include(error.message, "23505")
      }
      assert.strictEqual((yield* rowsOf("codes")).length, 23)
    }))

  it.effect("two members with one handler between them write each record once while partitions move", () =>
    Effect.gen(function*() {
      const Counted = connectTopic("counted")
      const sync = ModelSync.make(Counted, { table: "public.counted", format: Change.plain })
      const handler = ModelSync.handler(sync, { maxSize: 5, retry: quick })
      const member = Consumer.run(Consumer.make("counted", {
        offsetReset: "earliest",
        onFailure: OnFailure.stop,
        handlers: [handler]
      }))
      const send = (from: number) =>
        Producer.sendAll(
          Counted,
          Array.from({ length: 200 }, (_, i) => ({
            key: { id: from + i },
            value: { id: from + i, value: i },
            partition: i % 3
          }))
        )
      const stored = (count: number) =>
        Effect.repeat(rowsOf("counted"), { until: (rows) => rows.length === count, schedule: quick })
      yield* send(0)
      const first = yield* Effect.forkChild(member)
      const second = yield* Effect.forkChild(member)
      yield* stored(200)
      yield* send(200)
      yield* Fiber.interrupt(first)
      yield* stored(400)
      const third = yield* Effect.forkChild(member)
      yield* send(400)
      yield* stored(600)
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(third)
      const sql = yield* SqlClient
      const twice = yield* sql`SELECT id FROM writes GROUP BY id HAVING count(*) > 1`
      assert.deepStrictEqual(twice, [])
    }))

  it.effect("a refused record waits, is dead-lettered with the error of the database, and holds nobody up", () =>
    Effect.gen(function*() {
      const Lettered = connectTopic("lettered")
      const sync = ModelSync.make(Lettered, { table: "public.counted", format: Change.plain })
      const ids = [1_000, 1_001, 5_000_000_000, 1_002]
      yield* Producer.sendAll(Lettered, ids.map((id) => ({ key: { id }, value: { id, value: 1 }, partition: 0 })))
      const consumer = Consumer.make("lettered", {
        offsetReset: "earliest",
        until: "end",
        onFailure: Retry.blocking(Schedule.upTo(quick, { times: 2 })).pipe(OnFailure.andThen(OnFailure.deadLetter)),
        handlers: [ModelSync.handler(sync, { conflictWait: "10 millis" })]
      })
      yield* Consumer.run(consumer)
      assert.strictEqual((yield* rowsOf("(SELECT id FROM counted WHERE id >= 1000)")).length, 3)
      const letters = yield* DeadLetters.list(consumer)
      assert.strictEqual(letters.length, 1)
      assert.include(JSON.stringify(letters), "SyncError")
    }))

  it.effect("deleted keys are forgotten after their time", () =>
    Effect.gen(function*() {
      const Forgotten = connectTopic("forgotten")
      const sql = yield* SqlClient
      yield* sql`INSERT INTO millrace.deleted VALUES ('public.deleted_at_source', '1', 5, now() - interval '2 days'),
        ('public.deleted_at_source', '2', 5, now()), ('public.codes', '1', 5, now() - interval '2 days')`
      const sync = ModelSync.make(Forgotten, {
        table: "public.deleted_at_source",
        format: Change.plain,
        version: { column: "lsn", from: { field: "lsn" }, keepDeleted: "1 day" }
      })
      yield* Producer.send(Forgotten, { key: { id: 2 }, value: { id: 2, lsn: 4 }, partition: 0 })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* rowsOf("deleted_at_source"), [])
      const left = yield* sql`SELECT table_name, key FROM millrace.deleted ORDER BY 1, 2`
      assert.deepStrictEqual(left, [
        { table_name: "public.codes", key: "1" },
        { table_name: "public.deleted_at_source", key: "2" }
      ])
    }))
})
