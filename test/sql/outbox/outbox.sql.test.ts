/** What the outbox promises, at a real PostgreSQL: nothing is lost, nothing invented, and each key keeps its order. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, Headers, KafkaEngine, Producer, Topic } from "millrace"
import { Migrations, Outbox, OutboxRelay } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { database } from "../../services/database.ts"
import { emptied, until } from "./kit.ts"

const Notes = Topic.make("notes", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.string) })

const prepared = Layer.provideMerge(
  Layer.effectDiscard(Effect.gen(function*() {
    yield* Migrations.run()
    const sql = yield* SqlClient
    yield* sql`CREATE TABLE counters (key text PRIMARY KEY, history text[] NOT NULL DEFAULT '{}')`
    yield* sql`INSERT INTO counters (key) SELECT 'k' || n FROM generate_series(0, 4) AS n`
  })),
  database([], { maxConnections: 20 })
)

/** The database is shared, its outbox empty for each test. */
const cleared = Layer.effectDiscard(Effect.flatMap(SqlClient, (sql) => sql`TRUNCATE millrace.outbox`))

/** A Kafka of its own for each test. */
const kafkaWith = (options: Parameters<typeof InMemoryKafka.layerWith>[0] = {}) =>
  Effect.provide(Layer.provideMerge(
    Layer.effectDiscard(Topic.ensure([Notes], { partitions: 3, replication: 1 })),
    Layer.merge(InMemoryKafka.layerWith(options), cleared)
  ))

const kafka = kafkaWith()

const published = Effect.map(
  Stream.runCollect(Topic.read(Notes, { from: "earliest", until: "end" })),
  (records) => [...records].sort((a, b) => a.partition - b.partition || a.offset - b.offset)
)

const viaDebezium = Effect.provide(Outbox.layer({ via: "debezium" }))

/** An engine whose producer counts the bytes of values that are on their way. */
const counting = (engine: KafkaEngine.Service["Service"]) => {
  let [open, most] = [0, 0]
  const producer = Effect.map(engine.producer, (client) => {
    const produce: KafkaEngine.ProducerClient["produce"] = (message, done) => {
      const bytes = message.value?.length ?? 0
      const taken = client.produce(message, (error, delivery) => {
        open -= bytes
        done(error, delivery)
      })
      if (taken) most = Math.max(most, open += bytes)
      return taken
    }
    return Object.create(client, { produce: { value: produce } }) as typeof client
  })
  return { engine: { ...engine, producer }, most: () => most }
}

layer(prepared, { excludeTestServices: true })("the outbox", (it) => {
  it.effect("publishes what was committed, as it was written, and nothing that was rolled back", () =>
    kafka(Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Outbox.send(Notes, {
        key: "a",
        value: "\"1\\,NULL{}\u00e9",
        partition: 0,
        timestamp: 17,
        headers: { one: "1", two: new Uint8Array([0, 255]) }
      })
      yield* Outbox.sendAll(Notes, [{ key: null, value: "2" }, { key: "a", value: null }])
      yield* sql.withTransaction(Effect.andThen(Outbox.send(Notes, { key: "a", value: "no" }), Effect.fail("no"))).pipe(
        Effect.flip
      )
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* emptied
      const records = yield* published
      assert.sameDeepMembers(records.map(({ key, value }) => [key, value]), [
        ["a", "\"1\\,NULL{}\u00e9"],
        [null, "2"],
        ["a", null]
      ])
      const first = records.find(({ value }) => value?.startsWith("\"1") === true)!
      assert.deepInclude(first, { partition: 0, timestamp: 17 })
      assert.deepStrictEqual(Headers.getBytes(first.headers, "two")?.length, 2)
      assert.match(Headers.get(first.headers, "id") ?? "", /^\d+$/)
    })))

  it.effect("loses no row whose id is below those that were published before it was committed", () =>
    kafka(Effect.gen(function*() {
      const sql = yield* SqlClient
      const [drawn, go] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
      yield* Effect.forkScoped(OutboxRelay.run())
      const slow = yield* Effect.forkScoped(sql.withTransaction(Effect.gen(function*() {
        yield* Outbox.send(Notes, { key: "slow", value: "first" })
        yield* drawn.open
        yield* go.await
      })))
      yield* drawn.await
      // The other transaction has a transaction id and stays open: it holds up nobody.
      for (let i = 0; i < 3; i++) {
        yield* Outbox.send(Notes, { key: "quick", value: String(i) })
        yield* emptied
      }
      assert.deepStrictEqual((yield* published).map(({ value }) => value), ["0", "1", "2"])
      yield* go.open
      yield* Fiber.join(slow)
      yield* emptied
      assert.sameMembers((yield* published).map(({ value }) => value), ["0", "1", "2", "first"])
    })))

  it.effect("keeps the order of a key whose later transaction has the older transaction id", () =>
    kafka(Effect.gen(function*() {
      const sql = yield* SqlClient
      const [begun, go] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
      const note = (value: string) =>
        Effect.andThen(
          sql`UPDATE counters SET history = array_append(history, ${value}) WHERE key = 'k0'`,
          Outbox.send(Notes, { key: "k0", value })
        )
      yield* Effect.forkScoped(OutboxRelay.run())
      const second = yield* Effect.forkScoped(sql.withTransaction(Effect.gen(function*() {
        yield* sql`UPDATE counters SET history = '{}' WHERE key = 'k4'`
        yield* begun.open
        yield* go.await
        yield* note("second")
      })))
      yield* begun.await
      yield* sql.withTransaction(Effect.andThen(note("first"), go.open))
      yield* Fiber.join(second)
      yield* emptied
      assert.deepStrictEqual((yield* published).map(({ value }) => value), ["first", "second"])
    })))

  for (const rowFirst of [true, false]) {
    it.effect(
      `keeps each key in the order of its commits, of 8 writers, ${rowFirst ? "row" : "outbox"} first`,
      () =>
        kafka(Effect.gen(function*() {
          const sql = yield* SqlClient
          yield* sql`UPDATE counters SET history = '{}'`
          const write = (writer: number, i: number) => {
            const key = `k${(writer * 7 + i * 3) % 5}`
            const value = `${writer}:${i}`
            const row = sql`UPDATE counters SET history = array_append(history, ${value}) WHERE key = ${key}`
            const message = Outbox.send(Notes, { key, value })
            return sql.withTransaction(rowFirst ? Effect.andThen(row, message) : Effect.andThen(message, row))
          }
          const relays = yield* Effect.forEach([1, 2], () => Effect.forkScoped(OutboxRelay.run({ batchSize: 7 })))
          yield* Effect.forEach(
            Array.from({ length: 8 }, (_, writer) => writer),
            (writer) => Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) => write(writer, i)),
            { concurrency: "unbounded" }
          )
          yield* emptied
          yield* Fiber.interruptAll(relays)
          const rows = yield* sql<{ key: string; history: ReadonlyArray<string> }>`SELECT * FROM counters ORDER BY key`
          const records = yield* published
          for (const { history, key } of rows) {
            const values: ReadonlyArray<string | null> = records.filter((record) => record.key === key).map((
              { value }
            ) => value)
            assert.deepStrictEqual([...values], [...history], key)
          }
          assert.strictEqual(records.length, 400)
        })),
      30_000
    )
  }

  it.effect("is published again, in order, when the relay is gone before its rows are deleted", () =>
    kafka(Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Outbox.sendAll(Notes, Array.from({ length: 20 }, (_, i) => ({ key: "a", value: String(i) })))
      const first = yield* Effect.forkScoped(OutboxRelay.run({ batchSize: 5 }))
      yield* until(Effect.map(published, (records) => records.length > 0))
      yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`
      // Sessions of this pool were ended, too.
      yield* Effect.retry(emptied, { while: ({ isRetryable }) => isRetryable })
      yield* Fiber.interrupt(first)
      const values = (yield* published).map(({ value }) => Number(value))
      const lastOf = (value: number) => values.lastIndexOf(value)
      assert.deepStrictEqual([...new Set(values)].sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i))
      for (let i = 1; i < 20; i++) assert.isAbove(lastOf(i), lastOf(i - 1))
    })))

  it.effect("parks what Kafka refuses for good, and lets the rest of its shard go on", () =>
    Effect.gen(function*() {
      yield* Outbox.sendAll(Notes, [
        { key: "a", value: "1" },
        { key: "a", value: "2", partition: 99 },
        { key: "a", value: "3" }
      ])
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* emptied
      assert.deepStrictEqual((yield* published).map(({ value }) => value), ["1", "3"])
      const [parked, ...more] = yield* Outbox.parked()
      assert.strictEqual(more.length, 0)
      assert.match(parked!.problem, /partition 99/)
      assert.strictEqual((yield* Outbox.status).parked, 1)
      assert.strictEqual(yield* Outbox.retry([parked!.id]), 1)
      yield* until(Effect.map(Outbox.status, ({ parked }) => parked === 1))
      const [again] = yield* Outbox.parked()
      assert.notStrictEqual(again!.id, parked!.id)
      assert.strictEqual(yield* Outbox.drop([again!.id]), 1)
      assert.strictEqual((yield* Outbox.status).parked, 0)
    }).pipe(kafka))

  it.effect("publishes rows of other programs whose shard is none of ours, each key in order", () =>
    kafka(Effect.gen(function*() {
      const sql = yield* SqlClient
      const shards = [16, 99, 32_767, -1, -32_768]
      yield* sql`INSERT INTO millrace.outbox (shard, topic, key, value, timestamp)
        SELECT (${JSON.stringify(shards)}::jsonb ->> (i % 5))::int2, 'notes', ('k' || i % 5)::bytea, i::text::bytea, 1
        FROM generate_series(0, 299) AS i ORDER BY i + 0`
      yield* Outbox.sendAll(Notes, shards.map((_, i) => ({ key: `k${i}`, value: "own" })))
      for (let i = 0; i < 2; i++) yield* Effect.forkScoped(OutboxRelay.run({ batchSize: 7 }))
      yield* until(Effect.map(published, ({ length }) => length >= 305))
      // Written while the relays know that below the last id nothing is left.
      yield* sql`INSERT INTO millrace.outbox (shard, topic, key, value, timestamp)
        SELECT 99, 'notes', 'k1', n::text::bytea, 1 FROM generate_series(300, 309) AS n`
      yield* emptied
      const records = (yield* published).filter(({ value }) => value !== "own")
      assert.strictEqual(records.length, 310)
      for (let key = 0; key < 5; key++) {
        const values = records.flatMap((record) => record.key === `k${key}` ? [Number(record.value)] : [])
        assert.deepStrictEqual(values, [...values].sort((a, b) => a - b))
      }
      assert.deepStrictEqual(yield* Outbox.status, { waiting: 0, oldestMillis: 0, parked: 0 })
    })))

  it.effect("keeps the messages of a topic that is not there, and lets other topics go on", () =>
    Effect.gen(function*() {
      const Missing = Topic.make("missing", { key: Codec.string, value: Codec.string })
      const keys = Array.from({ length: 40 }, (_, i) => String(i))
      yield* Outbox.sendAll(Missing, keys.map((key) => ({ key, value: key })))
      yield* Outbox.sendAll(Notes, keys.map((key) => ({ key, value: key })))
      yield* Effect.forkScoped(OutboxRelay.run({ batchSize: 2 }))
      yield* until(Effect.map(published, (records) => records.length >= 40))
      yield* until(Effect.map(Outbox.status, ({ waiting }) => waiting === 40))
      yield* Topic.ensure([Missing], { partitions: 1, replication: 1 })
      yield* emptied
      const { length } = yield* Stream.runCollect(Topic.read(Missing, { from: "earliest", until: "end" }))
      assert.strictEqual(length, 40)
    }).pipe(kafkaWith({ autoCreateTopics: false })))

  it.effect("ends after the batch that is on its way, and leaves nothing to be published twice", () =>
    kafka(Effect.gen(function*() {
      yield* Outbox.sendAll(Notes, Array.from({ length: 4_500 }, (_, i) => ({ key: "a", value: String(i) })))
      const relay = yield* Effect.forkScoped(OutboxRelay.run({ batchSize: 100, concurrency: 1 }))
      yield* until(Effect.map(published, (records) => records.length > 0))
      yield* Fiber.interrupt(relay)
      const first = (yield* published).length
      assert.strictEqual(first % 100, 0)
      assert.strictEqual((yield* Outbox.status).waiting, 4_500 - first)
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* emptied
      assert.deepStrictEqual(
        (yield* published).map(({ value }) => Number(value)),
        Array.from({ length: 4_500 }, (_, i) => i)
      )
    })))

  it.effect("reads no more than the bytes of a batch, but a message that has more", () =>
    kafka(Effect.gen(function*() {
      const sizes = [10, 2_000, 10, 10, 900, 900, 10]
      yield* Outbox.sendAll(Notes, sizes.map((size, i) => ({ key: "a", value: String(i).repeat(size) })))
      const { engine, most } = counting(yield* KafkaEngine.Service)
      const relay = yield* Effect.forkScoped(
        Effect.provideService(OutboxRelay.run({ batchBytes: 1_000 }), KafkaEngine.Service, engine)
      )
      yield* emptied
      yield* Fiber.interrupt(relay)
      assert.deepStrictEqual((yield* published).map(({ value }) => value?.length), sizes)
      // The batches are of 10, of 2,000, of 10, 10 and 900, and of 900 and 10 bytes.
      assert.strictEqual(most(), 2_000)
    })))

  it.effect("takes what a producer would take, and says what a producer would say", () =>
    Effect.gen(function*() {
      yield* Producer.suppress(Outbox.send(Notes, { key: "a", value: "no" }), [Notes])
      const error = yield* Effect.flip(Outbox.send(Notes, { key: "a", value: 1 as never }))
      assert.match(error.message, /a record for topic "notes" cannot be sent: value/)
      const many = yield* Effect.flip(
        Outbox.sendAll(Notes, [{ key: "a", value: "1" }, { key: "a", value: 1 as never }])
      )
      assert.match(many.message, /index 1, value/)
      assert.strictEqual((yield* Outbox.status).waiting, 0)
    }).pipe(kafka))

  it.effect("leaves no rows behind where Debezium reads the log", () =>
    Effect.gen(function*() {
      yield* Outbox.send(Notes, { key: "a", value: "1" }).pipe(viaDebezium)
      assert.strictEqual((yield* Outbox.status).waiting, 0)
    }).pipe(kafka))

  it.effect("refuses what Debezium's outbox router would leave out, but for the span", () =>
    Effect.gen(function*() {
      const refused = (more: { readonly headers?: Readonly<Record<string, string>>; readonly timestamp?: number }) =>
        Effect.map(
          Effect.flip(
            viaDebezium(Outbox.sendAll(Notes, [{ key: "a", value: "1" }, { key: "a", value: "2", ...more }]))
          ),
          ({ message }) => message
        )
      assert.match(yield* refused({ headers: { who: "me" } }), /topic "notes" .*: its header "who" would get lost/)
      assert.match(yield* refused({ timestamp: 17 }), /its timestamp would get lost/)
      yield* viaDebezium(Outbox.send(Notes, { key: "a", value: "1" })).pipe(
        Effect.provideService(Producer.Tracing, "record"),
        Effect.withSpan("request")
      )
    }).pipe(kafka))

  it.effect("says that its table is missing, at the start of a relay and at a send", () =>
    Effect.gen(function*() {
      const relay = yield* Effect.flip(OutboxRelay.run())
      assert.match(relay.message, /there is no table other.outbox/)
      assert.match((yield* Effect.flip(Outbox.send(Notes, { key: "a", value: "1" }))).message, /Migrations.run/)
    }).pipe(Effect.provide(Outbox.layer({ schema: "other" })), kafka))
})
