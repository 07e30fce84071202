/** Exactly once: whatever is cut, wherever, each record is written once. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, OnFailure } from "millrace"
import { Change, Migrations, ModelSync } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { numbersOf } from "../../internal/loop/random.ts"
import { crashing, type CrashPoint } from "../../services/crashingStream.ts"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { checksum, expected, produceTo, statements } from "./checksum.ts"
import { connectTopic } from "./kit.ts"

const Written = connectTopic("written")
const sync = ModelSync.make(Written, { table: "public.written", format: Change.plain })

/** Runs one member to the end of the topic, over connections that crash. */
const member = (place: Place, points: ReadonlyArray<CrashPoint>) => {
  const connections = crashing(place, points)
  const pool = { username: "postgres", database: place.database, ssl: false, maxConnections: 2 }
  const sql = PgClient.layer({ ...pool, stream: connections.stream })
  const handler = ModelSync.handler(sync, { maxSize: 7, retry: Schedule.spaced("1 millis") })
  const consumer = Consumer.make("crashing", {
    offsetReset: "earliest",
    until: "end",
    onFailure: OnFailure.stop,
    handlers: [handler]
  })
  return { connections, run: Effect.provide(Consumer.run(consumer), sql) }
}

const produced = produceTo(Written)

/** Each crash point gets a cluster, and empty tables. */
const fresh = Effect.gen(function*() {
  const sql = yield* SqlClient
  yield* sql`TRUNCATE written, millrace.offsets`
  yield* sql`UPDATE checksum SET count = 0, sum = 0, running = 0`
})

let place: Place

const world = Layer.effectDiscard(Effect.gen(function*() {
  const sql = yield* SqlClient
  for (const statement of statements) yield* sql.unsafe(statement)
  yield* Migrations.run()
})).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(makeDatabase, (made) => client(place = made)))),
  Layer.merge(Logger.layer([]))
)

layer(world, { excludeTestServices: true })("each record is written once, in its order", (it) => {
  it.effect("where nothing happens, and without a transaction a second time", () =>
    Effect.gen(function*() {
      yield* fresh
      yield* produced
      yield* member(place, []).run
      yield* member(place, []).run
      assert.deepStrictEqual(yield* checksum, expected)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  for (let seed = 1; seed <= 30; seed++) {
    const random = numbersOf(seed)
    // A member sends some 60 messages; the later points are reached because crashes add to them.
    const points = Array.from({ length: 1 + seed % 3 }, (_, i): CrashPoint => ({
      at: 1 + i * 30 + Math.floor(random() * 30),
      when: random() < 0.4 ? "before" : "after"
    }))
    const shown = points.map(({ at, when }) => `${when} message ${at}`).join(", ")
    it.effect(`where the connection is cut ${shown}`, () =>
      Effect.gen(function*() {
        yield* fresh
        yield* produced
        const { connections, run } = member(place, points)
        yield* run
        assert.isAbove(connections.reached(), 0)
        assert.deepStrictEqual(yield* checksum, expected)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }

  for (let seed = 31; seed <= 45; seed++) {
    const at = 5 + Math.floor(numbersOf(seed)() * 38)
    it.effect(`where a member hangs at message ${at}, loses its partitions, and is cut off later`, () =>
      Effect.gen(function*() {
        yield* fresh
        yield* produced
        const old = member(place, [{ at, when: "hold" }])
        const running = yield* Effect.forkChild(old.run)
        yield* Effect.repeat(Effect.sync(() => old.connections.reached()), {
          until: (reached) => reached > 0,
          schedule: Schedule.spaced("2 millis")
        })
        // It leaves as far as it can, and the other one claims what it had.
        const leaving = yield* Effect.forkChild(Fiber.interrupt(running))
        const next = yield* Effect.forkChild(member(place, []).run)
        yield* Effect.sleep("20 millis")
        old.connections.cut()
        yield* Fiber.join(next)
        yield* Fiber.join(leaving)
        assert.deepStrictEqual(yield* checksum, expected)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }
})
