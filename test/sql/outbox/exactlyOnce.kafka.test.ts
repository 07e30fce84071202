/** A relay that publishes exactly once, at a real PostgreSQL and a real Kafka. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Health, KafkaEngine, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Migrations, Outbox, OutboxRelay } from "millrace/sql"
import { afterAll, beforeAll } from "vitest"
import { users } from "../../services/brokerConfig.ts"
import { shortSessions } from "../../services/brokerConfig.ts"
import { client, type Place } from "../../services/database.ts"
import { kafka, sharedKafka } from "../../services/env.ts"
import { allowWritesToMallory, denySecretsToMallory, denyWritesToMallory } from "../../services/foreignClient.ts"
import { startBroker } from "../../services/kafka.ts"
import { type PostgresServer, startPostgres } from "../../services/postgres.ts"
import { assertOnce, committed, dying, dyingInTurn, heldAt, notesOf, readCommitted, Writer } from "./crashing.ts"
import { emptied, loggedCauses, under, until } from "./kit.ts"

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres("")
}, 120_000)
afterAll(() => server?.stop())

const place = (): Place => ({ host: server.host, port: server.port, database: "postgres" })

let worlds = 0

/** A topic and ids of its own for each test, and an empty outbox. */
const world = <A, E, R>(
  run: (id: string) => Effect.Effect<A, E, R>,
  connection: () => Partial<ConfluentKafka.Options> = () => ({})
) =>
  Effect.gen(function*() {
    const id = `once-${process.pid}-${++worlds}`
    yield* Migrations.run()
    yield* Effect.flatMap(SqlClient, (sql) => sql`TRUNCATE millrace.outbox`)
    yield* Topic.ensure([notesOf(id)], { partitions: 2 })
    return yield* run(id)
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.unwrap(Effect.sync(() =>
      Layer.merge(
        client(place(), { maxConnections: 20 }),
        ConfluentKafka.layer({ bootstrapServers: sharedKafka().split(","), ...connection() })
      )
    )))
  )

const asMallory = (): Partial<ConfluentKafka.Options> => ({
  bootstrapServers: [kafka().saslPlaintext],
  sasl: { mechanism: "scram-sha-256", username: "mallory", password: Redacted.make(users.mallory) }
})

describe("a relay that publishes exactly once", () => {
  for (const seed of [1, 2, 3]) {
    it.live(`publishes nothing twice while relays die in turn (${seed})`, () =>
      world((id) =>
        Effect.gen(function*() {
          const { expected, found, steps } = yield* dyingInTurn(place(), id, seed, 8)
          assertOnce(found, expected, steps.join(", "))
        })
      ), 180_000)
  }

  it.live(
    "loses to the relay that takes its shard what it has not committed, and no order",
    () =>
      world((id) =>
        Effect.gen(function*() {
          const writer = new Writer(id)
          yield* writer.write(1, 5)
          const first = yield* heldAt(place(), id, "before commit")
          yield* writer.write(1, 5)
          const second = yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce: { transactionalId: id } }))
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
          yield* first.goOn
          yield* first.hasFailed
          yield* writer.write(1, 5)
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
          yield* Fiber.interrupt(second)
          // It is alive, and takes what the other one leaves.
          yield* first.reconnect
          yield* writer.write(1, 5)
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
        })
      ),
    120_000
  )

  it.live(
    "publishes the others of a batch with a message that Kafka refuses, and parks that one",
    () =>
      world((id) =>
        Effect.gen(function*() {
          const Notes = notesOf(id)
          const large = "x".repeat(1_100_000)
          const values = Array.from({ length: 300 }, (_, i) => i)
          const bad = new Set([0, 1, 130, 299])
          yield* Outbox.sendAll(
            Notes,
            values.map((i) => ({
              key: "a",
              value: String(i),
              ...(bad.has(i) ? { headers: { large } } : {})
            }))
          )
          yield* Outbox.send(Notes, { key: "a", value: "300", partition: 99 })
          yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce: { transactionalId: id } }))
          yield* emptied
          assert.deepStrictEqual((yield* committed(id)).get("a"), values.filter((i) => !bad.has(i)))
          const parked = yield* Outbox.parked()
          assert.strictEqual(parked.length, 5)
          assert.match(parked[4]!.problem, /partition 99/)
        })
      ),
    180_000
  )

  it.live("publishes other topics while one does not exist", () =>
    world((id) =>
      Effect.gen(function*() {
        const Missing = Topic.make(`${id}-missing`, { key: Codec.string, value: Codec.string })
        const writer = new Writer(id)
        const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
        yield* Outbox.sendAll(Missing, keys.map((key) => ({ key, value: key })))
        yield* writer.write(20, 2)
        yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce: { transactionalId: id } }))
        yield* until(Effect.map(Outbox.status, ({ waiting }) => waiting === keys.length))
        assertOnce(yield* committed(id), writer.expected)
        yield* Topic.ensure([Missing], { partitions: 1 })
        yield* emptied
        const { length } = yield* readCommitted(Missing)
        assert.strictEqual(length, keys.length)
      })
    ), 180_000)

  it.live("publishes other topics while one may not be written to", () =>
    world((id) =>
      Effect.gen(function*() {
        yield* Effect.promise(() => denySecretsToMallory(kafka().bootstrap))
        const Secret = Topic.make(`secret-${id}`, { key: Codec.string, value: Codec.string })
        yield* Topic.ensure([Secret], { partitions: 1 }).pipe(
          Effect.provide(ConfluentKafka.layer({ bootstrapServers: sharedKafka().split(",") }))
        )
        const writer = new Writer(id)
        const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`)
        yield* Outbox.sendAll(Secret, keys.map((key) => ({ key, value: key })))
        yield* writer.write(20, 2)
        yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce: { transactionalId: id } }))
        yield* until(Effect.map(Outbox.status, ({ waiting }) => waiting === keys.length))
        assertOnce(yield* committed(id), writer.expected)
      }), asMallory), 240_000)

  it.live(
    "names the topic of its receipts while that may not be written to, and goes on afterwards",
    () =>
      world((id) =>
        Effect.gen(function*() {
          const receipts = `${id}.receipts`
          yield* Effect.promise(() => denyWritesToMallory(kafka().bootstrap, receipts))
          const writer = new Writer(id)
          yield* writer.write(20, 2)
          const { layer, lines } = loggedCauses()
          yield* Effect.forkScoped(Effect.provide(OutboxRelay.run({ exactlyOnce: { transactionalId: id } }), layer))
          yield* until(Effect.map(Health.services, (all) => all.some(({ problems }) => problems.length > 0)))
          const problem = `produce: not authorized for topic "${receipts}"; grant the ACL to this client's principal`
          for (const { problems } of yield* Health.services) {
            for (const found of problems) assert.include(found, problem)
          }
          for (const line of lines) assert.include(line, problem)
          yield* Effect.promise(() => allowWritesToMallory(kafka().bootstrap, receipts))
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
        }), asMallory),
    240_000
  )

  it.live("publishes nothing twice while its broker is killed and started again", () =>
    Effect.gen(function*() {
      const broker = yield* Effect.acquireRelease(
        Effect.promise(() => startBroker({ config: shortSessions })),
        (broker) => Effect.promise(() => broker.remove())
      )
      yield* world((id) =>
        Effect.gen(function*() {
          const writer = new Writer(id)
          for (let i = 0; i < 2; i++) {
            yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce: { transactionalId: id }, batchSize: 20 }))
          }
          for (let i = 0; i < 2; i++) {
            yield* writer.write(20, 20)
            yield* until(Effect.map(Outbox.status, ({ waiting }) => waiting < 300))
            yield* Effect.promise(() => broker.kill())
            yield* writer.write(20, 5)
            yield* Effect.promise(() => broker.start())
          }
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
        }), () => ({ bootstrapServers: [broker.bootstrap] }))
    }).pipe(Effect.scoped), 300_000)

  it.live(
    "shares the outbox with others, and each shard stays with one of them",
    () =>
      world((id) =>
        Effect.gen(function*() {
          const writer = new Writer(id)
          let taken = 0
          const counting = Effect.map(KafkaEngine.Service, (engine) => ({
            ...engine,
            transactional: (id: string) => Effect.tap(engine.transactional(id), () => Effect.sync(() => taken++))
          }))
          for (let i = 0; i < 3; i++) {
            yield* Effect.forkScoped(
              OutboxRelay.run({ exactlyOnce: { transactionalId: id }, batchSize: 5 }).pipe(under(yield* counting))
            )
          }
          for (let i = 0; i < 60; i++) yield* writer.write(20, 3)
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
          // Each relay takes a shard at most once before another fences it, and lets it go then.
          assert.isAtMost(taken, 16 * 3)
        })
      ),
    120_000
  )

  it.live(
    "knows what was published, however many relays die while they take the shard",
    () =>
      world((id) =>
        Effect.gen(function*() {
          const writer = new Writer(id)
          const options = { exactlyOnce: { transactionalId: id }, concurrency: 1 }
          yield* writer.write(1, 3)
          yield* dying(place(), { at: "after commit", time: 1 }, options)
          for (let i = 0; i < 3; i++) {
            yield* dying(place(), { at: "before the deletion of a receipt's rows", time: 1 }, options)
          }
          yield* Effect.forkScoped(OutboxRelay.run(options))
          yield* emptied
          assertOnce(yield* committed(id), writer.expected)
        })
      ),
    120_000
  )
})
