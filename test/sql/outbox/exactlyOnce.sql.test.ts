/** A relay that publishes exactly once, at a real PostgreSQL and the engine in memory. */
import { assert, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Health, KafkaEngine, Producer, Topic } from "millrace"
import { Outbox, OutboxRelay } from "millrace/sql"
import { client } from "../../services/database.ts"
import { assertOnce, committed, dying, dyingInTurn, failing, inMemory, notesOf, Writer } from "./crashing.ts"
import { emptied, ownDatabase, under, until } from "./kit.ts"

const { place, prepared } = ownDatabase()

const id = "once"
const exactlyOnce = { transactionalId: id }

const kafka = inMemory(id)

layer(prepared, { excludeTestServices: true })("a relay that publishes exactly once", (it) => {
  it.effect("publishes each message, in order per key", () =>
    Effect.gen(function*() {
      const writer = new Writer(id)
      yield* writer.write(40, 50)
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce, batchSize: 30 }))
      yield* emptied
      assertOnce(yield* committed(id), writer.expected)
    }).pipe(kafka), 60_000)

  const points = [
    "the lock",
    "taking a queue",
    "a look at the receipts",
    "the deletion of a receipt's rows",
    "COMMIT",
    "the rows",
    "begin",
    "commit",
    "the deletion"
  ].flatMap((step) => [`before ${step}`, `after ${step}`])
  for (const at of [...points, "a record"]) {
    for (const time of [1, 2]) {
      it.effect(
        `publishes nothing twice when one died before its deletion, and the next at step ${time} "${at}"`,
        () =>
          Effect.gen(function*() {
            const writer = new Writer(id)
            const options = { exactlyOnce, batchSize: 2, concurrency: 1 }
            yield* writer.write(1, 6)
            assert.strictEqual(yield* dying(place(), { at: "after commit", time: 1 }, options), "after commit")
            yield* writer.write(1, 2)
            const died = yield* dying(place(), { at, time }, options)
            // There is one receipt.
            if (time === 1 || !/receipt|taking/.test(at)) assert.strictEqual(died, at)
            yield* writer.write(1, 1)
            yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
            yield* emptied
            assertOnce(yield* committed(id), writer.expected)
          }).pipe(Effect.scoped, kafka),
        60_000
      )
    }
  }

  for (const at of points) {
    it.effect(`publishes nothing twice when it is told that this failed: "${at}"`, () =>
      Effect.gen(function*() {
        const writer = new Writer(id)
        yield* writer.write(1, 6)
        yield* dying(place(), { at: "after commit", time: 1 }, { exactlyOnce, batchSize: 2, concurrency: 1 })
        yield* writer.write(1, 2)
        assert.isTrue(yield* failing(place(), at, { exactlyOnce, batchSize: 2, concurrency: 1 }))
        assertOnce(yield* committed(id), writer.expected)
      }).pipe(kafka), 60_000)
  }

  for (let seed = 1; seed <= 20; seed++) {
    it.effect(`publishes nothing twice while relays die in turn (${seed})`, () =>
      Effect.gen(function*() {
        const { expected, found, steps } = yield* dyingInTurn(place(), id, seed, 6)
        assertOnce(found, expected, steps.join(", "))
      }).pipe(kafka), 120_000)
  }

  it.effect("publishes a row whose id an older one had, which was published", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const writer = new Writer(id)
      yield* writer.write(1, 4)
      yield* dying(place(), { at: "after commit", time: 1 }, { exactlyOnce })
      // As after a restore of the database: rows and the sequence are as they were before.
      yield* sql`TRUNCATE millrace.outbox RESTART IDENTITY`
      yield* writer.write(1, 4)
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
      yield* emptied
      assertOnce(yield* committed(id), writer.expected)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("parks what Kafka refuses for good, and publishes the others in their order", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const bad = new Set([0, 17, 18, 99])
      yield* Outbox.sendAll(
        notesOf(id),
        Array.from({ length: 100 }, (_, i) => ({
          key: "a",
          value: String(i),
          partition: bad.has(i) ? 99 : undefined
        }))
      )
      yield* sql`INSERT INTO millrace.outbox (shard, topic, value, timestamp) VALUES (0, 'a/b', 'x', 1)`
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
      yield* emptied
      const expected = Array.from({ length: 100 }, (_, i) => i).filter((i) => !bad.has(i))
      assertOnce(yield* committed(id), new Map([["a", expected]]))
      const parked = yield* Outbox.parked()
      assert.strictEqual(parked.filter(({ problem }) => problem.includes("partition 99")).length, 4)
      assert.strictEqual(parked.length, 5)
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("deletes durably where the server would not", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const run = (...statements: ReadonlyArray<string>) =>
        Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
      yield* run(
        "CREATE TABLE deletions (setting text)",
        `CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          INSERT INTO deletions VALUES (current_setting('synchronous_commit')); RETURN OLD; END $$`,
        "CREATE TRIGGER noting BEFORE DELETE ON millrace.outbox FOR EACH ROW EXECUTE FUNCTION note_deletion()"
      )
      yield* Effect.addFinalizer(() => Effect.orDie(run("DROP FUNCTION note_deletion CASCADE", "DROP TABLE deletions")))
      const settings = yield* Effect.forEach(["off", "local"], (synchronous_commit) =>
        Effect.gen(function*() {
          yield* sql`DELETE FROM deletions`
          yield* new Writer(id).write(1, 1)
          yield* Effect.forkScoped(
            Effect.provide(
              OutboxRelay.run({ exactlyOnce }),
              client(place(), { startupParameters: { synchronous_commit } })
            )
          )
          yield* emptied
          const [row] = yield* sql<{ readonly setting: string }>`SELECT setting FROM deletions`
          return row?.setting
        }).pipe(Effect.scoped))
      assert.deepStrictEqual(settings, ["on", "local"])
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("refuses a topic that would lose receipts, and says what is wrong with its options", () =>
    Effect.gen(function*() {
      const messageOf = (topic: string) =>
        Effect.map(
          Effect.flip(OutboxRelay.run({ exactlyOnce: { transactionalId: id, topic } })),
          ({ message }) => message
        )
      const [few, deleting] = ["few", "deleting"].map((name) => ({ name }))
      yield* Topic.ensure([few!], { partitions: 3, config: { "cleanup.policy": "compact" } })
      yield* Topic.ensure([deleting!], { partitions: 17 })
      assert.match(yield* messageOf("few"), /topic "few".* has 3 partitions; it needs 17/)
      assert.match(yield* messageOf("deleting"), /topic "deleting".* has cleanup.policy delete; it needs "compact"/)
      assert.throws(() => OutboxRelay.layer({ exactlyOnce: {} as never }), /exactlyOnce: .*transactionalId/)
      assert.throws(() => OutboxRelay.layer({ exactlyOnce: { transactionalId: "" } }), /exactlyOnce/)
      assert.throws(
        () => OutboxRelay.layer({ exactlyOnce: { transactionalId: "a", topics: "b" } as never }),
        /exactlyOnce.topics/
      )
    }).pipe(kafka))

  it.effect("does not go on over what is no receipt", () =>
    Effect.gen(function*() {
      const Receipts = Topic.make(`${id}.receipts`, { key: Codec.string, value: Codec.string })
      yield* Topic.ensure([Receipts], { partitions: 17, config: { "cleanup.policy": "compact" } })
      for (let partition = 0; partition < 17; partition++) {
        yield* Producer.send(Receipts, { key: `${id}-${partition}`, value: "millrace/2 B", partition })
      }
      yield* new Writer(id).write(1, 1)
      const lines: Array<string> = []
      const layer = Logger.layer([Logger.make(({ cause }) => void lines.push(Cause.pretty(cause)))])
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run({ exactlyOnce }), layer))
      yield* until(Effect.sync(() => lines.some((line) => line.includes("no relay of this version wrote it"))))
      assertOnce(yield* committed(id), new Map())
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("passes by the receipts of another outbox", () =>
    Effect.gen(function*() {
      const Receipts = Topic.make(`${id}.receipts`, { key: Codec.string, value: Codec.string })
      yield* Topic.ensure([Receipts], { partitions: 17, config: { "cleanup.policy": "compact" } })
      for (let partition = 0; partition < 17; partition++) {
        yield* Producer.send(Receipts, { key: `other-${partition}`, value: "millrace/2 B", partition })
      }
      yield* new Writer(id).write(5, 1)
      yield* Effect.forkScoped(OutboxRelay.run({ exactlyOnce }))
      yield* emptied
    }).pipe(Effect.scoped, kafka), 60_000)

  it.effect("says that no broker answers for its transactions", () =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const mute = {
        ...engine,
        transactional: (id: string) =>
          Effect.map(engine.transactional(id), (inner) =>
            Object.create(inner, { commit: { value: Effect.interruptible(Effect.never) } }) as typeof inner)
      }
      yield* new Writer(id).write(1, 1)
      yield* Effect.forkScoped(under(mute)(OutboxRelay.run({ exactlyOnce })))
      const problems = Effect.map(Health.services, (all) =>
        all.flatMap(({ problems }) => problems).join())
      yield* until(
        Effect.map(problems, (text) => /no broker answers for the transactions of shard \d+, for/.test(text))
      )
      assert.isFalse(yield* Health.ready)
    }).pipe(Effect.scoped, kafka), 60_000)
})
