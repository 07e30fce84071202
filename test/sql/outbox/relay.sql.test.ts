/** A relay of the outbox among brokers, servers and programs that do not do what they should. */
import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, type KafkaEngine, Producer, Topic } from "millrace"
import { Migrations, Outbox, OutboxRelay } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client } from "../../services/database.ts"
import { emptied, logged, ownDatabase, producing, under, until } from "./kit.ts"

const Notes = Topic.make("notes", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.bytes) })
const Others = Topic.make("others", { key: Codec.string, value: Codec.string })

const { place, prepared } = ownDatabase()

const kafka = Effect.provide(Layer.provideMerge(
  Layer.effectDiscard(Topic.ensure([Notes, Others], { partitions: 2, replication: 1 })),
  Layer.merge(
    InMemoryKafka.layerWith({}),
    Layer.effectDiscard(Effect.flatMap(SqlClient, (sql) => sql`TRUNCATE millrace.outbox`))
  )
))

const countOf = (topic: typeof Notes | typeof Others) =>
  Effect.map(Stream.runCollect(Topic.read(topic, { from: "earliest", until: "end" })), ({ length }) => length)

const lagOf = (outbox: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.find(({ attributes, id }) => id === "millrace_outbox_lag_ms" && attributes?.outbox === outbox)
    return found?.type === "Gauge" ? Number(found.state.value) : undefined
  })

const keys = Array.from({ length: 60 }, (_, i) => `key ${i}`)
const toOthers = Outbox.sendAll(Others, keys.map((key) => ({ key, value: key })))
const bytes = (text: string) => new TextEncoder().encode(text)

layer(prepared, { excludeTestServices: true })("a relay", (it) => {
  it.effect("publishes all shards while one is always full", () =>
    Effect.gen(function*() {
      yield* Effect.forkScoped(Effect.forever(
        Outbox.sendAll(Notes, Array.from({ length: 50 }, () => ({ key: "hot", value: bytes("x") })))
      ))
      yield* until(Effect.map(Outbox.status, ({ waiting }) => waiting > 500))
      yield* Effect.forkScoped(OutboxRelay.run({ batchSize: 2 }))
      yield* until(Effect.map(countOf(Notes), (count) => count > 20))
      yield* toOthers
      yield* until(Effect.map(countOf(Others), (count) => count === keys.length))
      assert.isAbove((yield* Outbox.status).waiting, 0)
    }).pipe(kafka), 180_000)

  it.effect(
    "says that a broker does not answer, shows the lag, and lets other topics go on",
    () =>
      Effect.gen(function*() {
        const { layer, lines } = logged()
        const engine = yield* producing((inner) => (message, done) => message.topic === "notes" || inner(message, done))
        yield* Effect.forkScoped(OutboxRelay.run({ concurrency: 1 }).pipe(under(engine), Effect.provide(layer)))
        yield* Outbox.send(Notes, { key: "a", value: bytes("x") })
        yield* until(Effect.map(lagOf("millrace.outbox"), (lag) => lag !== undefined && lag > 2_000))
        yield* toOthers
        // But those of the same shard.
        yield* until(Effect.map(countOf(Others), (count) => count > keys.length / 2))
        assert.isTrue(lines.some((line) => /1 messages .* on their way to the broker for 10 s, for "notes"/.test(line)))
      }).pipe(kafka),
    60_000
  )

  it.effect("ends some seconds after a broker that does not answer, all shards at once", () =>
    Effect.gen(function*() {
      let count = 0
      const engine = yield* producing(() => () => ++count > 0)
      const relay = yield* Effect.forkScoped(OutboxRelay.run({ concurrency: 16 }).pipe(under(engine)))
      yield* toOthers
      yield* until(Effect.sync(() => count === keys.length))
      yield* Effect.timeout(Fiber.interrupt(relay), "60 seconds")
    }).pipe(kafka), 180_000)

  it.effect("parks rows that are no messages, and publishes the others", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`INSERT INTO millrace.outbox (shard, topic, value, headers, timestamp)
        SELECT n, 'notes', 'x', '{"a":"b"}', 1 FROM generate_series(0, 15) AS n`
      yield* sql`INSERT INTO millrace.outbox (shard, topic, value, timestamp) VALUES (0, 'a/b', 'x', 1)`
      yield* toOthers
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* emptied
      assert.strictEqual(yield* countOf(Others), keys.length)
      const parked = yield* Outbox.parked()
      assert.strictEqual(parked.length, 17)
      assert.match(parked[0]!.problem, /headers are no array/)
    }).pipe(kafka))

  it.effect("publishes or parks what is larger than what the driver reads at once", () =>
    Effect.gen(function*() {
      const value = Buffer.alloc(20 * 1_024 * 1_024)
      value.forEach((_, i) => value[i] = (i * 31) % 251)
      yield* toOthers
      yield* Outbox.send(Notes, { key: "a", value, headers: { h: bytes("é") } })
      yield* Outbox.send(Notes, { key: "a", value: bytes("small") })
      let sent: KafkaEngine.RawMessage | undefined
      const engine = yield* producing((inner) => (message, done) => {
        if ((message.value?.length ?? 0) > 1_000_000) sent = message
        return inner(message, done)
      })
      yield* Effect.forkScoped(under(engine)(OutboxRelay.run()))
      yield* emptied
      assert.strictEqual(yield* countOf(Others), keys.length)
      assert.isTrue(value.equals(sent!.value!))
      assert.deepStrictEqual(sent!.headers?.map(([name, cell]) => [name, Buffer.from(cell!).toString()])[0], ["h", "é"])
      const parked = yield* Outbox.parked()
      if (parked.length > 0) assert.isTrue(value.equals(parked[0]!.value!))
    }).pipe(kafka), 180_000)

  it.effect("writes more bytes at once than a text may have", () =>
    Effect.gen(function*() {
      const value = Buffer.alloc(3 * 1_024 * 1_024)
      yield* Outbox.sendAll(Notes, Array.from({ length: 100 }, (_, i) => ({ key: String(i), value })))
      assert.strictEqual((yield* Outbox.status).waiting, 100)
    }).pipe(kafka), 180_000)

  it.effect(
    "takes the locks of all keys first, so that two large sends do not end in a deadlock",
    () =>
      Effect.gen(function*() {
        const messages = (names: ReadonlyArray<string>) =>
          names.flatMap((key) => Array.from({ length: 2_000 }, () => ({ key, value: bytes("x") })))
        const one = Outbox.sendAll(Notes, messages(["a", "b", "c"]))
        const other = Outbox.sendAll(Notes, messages(["c", "b", "a"]))
        yield* Effect.forEach([one, other, one, other], (send) => send, { concurrency: "unbounded" })
      }).pipe(kafka),
    60_000
  )

  it.effect("does not publish what it may not delete", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql.unsafe("CREATE ROLE looker LOGIN")
      yield* Effect.addFinalizer(() =>
        Effect.orDie(
          sql.unsafe("DROP OWNED BY looker; ").pipe(
            Effect.andThen(sql.unsafe("DROP ROLE looker"))
          )
        )
      )
      yield* sql.unsafe("GRANT USAGE ON SCHEMA millrace TO looker")
      yield* sql.unsafe("GRANT SELECT ON ALL TABLES IN SCHEMA millrace TO looker")
      yield* sql.unsafe("GRANT SELECT ON ALL SEQUENCES IN SCHEMA millrace TO looker")
      const looker = client(place(), { username: "looker" })
      const error = yield* Effect.flip(Effect.provide(OutboxRelay.run(), looker))
      assert.include(error.message, "GRANT SELECT, UPDATE, DELETE ON millrace.outbox TO looker")
      // The right that is taken away while it runs.
      yield* sql.unsafe("GRANT UPDATE, DELETE ON millrace.outbox TO looker")
      const { layer, lines } = logged()
      yield* Effect.forkScoped(OutboxRelay.run().pipe(Effect.provide(Layer.merge(looker, layer))))
      yield* toOthers
      yield* until(Effect.map(countOf(Others), (count) => count === keys.length))
      yield* emptied
      yield* sql.unsafe("REVOKE DELETE ON millrace.outbox FROM looker")
      yield* Outbox.send(Notes, { key: "a", value: bytes("x") })
      yield* until(Effect.sync(() => lines.some((line) => line.includes("cannot be published"))))
      assert.strictEqual(yield* countOf(Notes), 0)
    }).pipe(Effect.scoped, kafka), 180_000)

  const settings = {
    default_transaction_read_only: "on",
    default_transaction_isolation: "serializable",
    idle_in_transaction_session_timeout: "50",
    transaction_timeout: "50",
    statement_timeout: "1000"
  }
  for (const [name, value] of Object.entries(settings)) {
    it.effect(`publishes each message once under ${name} = ${value}, at a slow broker`, () =>
      Effect.gen(function*() {
        const engine = yield* producing((inner) => (message, done) =>
          inner(message, (error, delivery) => void setTimeout(() => done(error!, delivery!), 200))
        )
        yield* toOthers
        const startupParameters = { [name]: value }
        for (let i = 0; i < 2; i++) {
          yield* Effect.forkScoped(
            OutboxRelay.run().pipe(under(engine), Effect.provide(client(place(), { startupParameters })))
          )
        }
        yield* emptied
        assert.strictEqual(yield* countOf(Others), keys.length)
      }).pipe(Effect.scoped, kafka), 180_000)
  }

  it.effect("shows the lag of each of two outboxes", () =>
    Effect.gen(function*() {
      yield* Migrations.run({ prefix: "b_" })
      const engine = yield* producing((inner) => (message, done) => message.topic === "others" || inner(message, done))
      const other = Effect.provide(Outbox.layer({ prefix: "b_" }))
      yield* other(toOthers)
      yield* Effect.forkScoped(other(OutboxRelay.run()).pipe(under(engine)))
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* until(Effect.map(lagOf("millrace.b_outbox"), (lag) => lag !== undefined && lag > 1_500))
      assert.isBelow((yield* lagOf("millrace.outbox"))!, 1_000)
    }).pipe(Effect.scoped, kafka), 180_000)

  it.effect("is woken again after the connection that listens was cut", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const pg = yield* PgClient.PgClient
      let woken = 0
      const notified = Stream.unwrap(Effect.map(pg.listen("outbox"), (channel) => Stream.fromQueue(channel)))
      const wake = Stream.tap(Stream.scoped(notified), () => Effect.sync(() => woken++))
      yield* Effect.forkScoped(OutboxRelay.run({ wake }))
      const notifiedOnce = until(Effect.andThen(pg.notify("outbox", ""), Effect.sync(() => woken > 0)))
      yield* notifiedOnce
      yield* sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND query ILIKE 'LISTEN%'`
      woken = 0
      yield* notifiedOnce
    }).pipe(Effect.scoped, kafka), 180_000)

  it.effect("refuses what is no option, no id, and no array of messages", () =>
    Effect.gen(function*() {
      assert.throws(() => OutboxRelay.layer({ batchSize: 3e9 }), /batchSize: 3000000000 is not a whole number/)
      assert.throws(() => OutboxRelay.layer({ wake: "x" as never }), /wake: "x" is not a Stream/)
      assert.throws(() => Outbox.drop("17" as never), /ids: "17" is not an array of ids/)
      assert.throws(() => Outbox.retry(["a"]), /ids/)
      assert.throws(() => Outbox.parked(-1), /most: -1 is not a whole number/)
      const error = yield* Effect.flip(Outbox.sendAll(Others, new Set([{ key: "a", value: "b" }]) as never))
      assert.include(error.message, "sendAll takes an array of messages")
      const same = yield* Effect.flip(Producer.sendAll(Others, new Set() as never))
      assert.include(same.message, "sendAll takes an array of messages")
    }).pipe(kafka))
})
