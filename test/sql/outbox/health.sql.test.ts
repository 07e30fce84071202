/** Whether a program of nothing but a relay is ready, and what it says when it is not. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Health, Topic } from "millrace"
import { Migrations, Outbox, OutboxRelay } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client } from "../../services/database.ts"
import { startProxy } from "../../services/proxy.ts"
import { ownDatabase, producing, standing, under } from "./kit.ts"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
const Missing = Topic.make("missing", { key: Codec.string, value: Codec.string })

const { place, prepared } = ownDatabase()

/** A process, a Kafka and an empty outbox of its own. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.scoped(effect).pipe(
    Effect.provide(Layer.provideMerge(
      Layer.effectDiscard(Topic.ensure([Notes], { partitions: 1, replication: 1 })),
      Layer.mergeAll(
        InMemoryKafka.layerWith({ autoCreateTopics: false }),
        Layer.effectDiscard(Effect.flatMap(SqlClient, (sql) => sql`TRUNCATE millrace.outbox`)),
        Layer.sync(Health.Registry, () => new Set()),
        Layer.sync(Health.ServiceRegistry, () => new Set()),
        Logger.layer([])
      )
    ))
  )

/** Lets time pass until it is so. */
const until = <E, R>(condition: Effect.Effect<boolean, E, R>) =>
  standing(Effect.gen(function*() {
    while (!(yield* condition)) {
      yield* TestClock.adjust("100 millis")
      yield* TestClock.withLive(Effect.sleep("2 millis"))
    }
  }))

const ready = until(Health.ready)
const unready = until(Effect.map(Health.ready, (ready) => !ready))

const problems = Effect.map(Health.services, (services) => services.flatMap(({ problems }) => problems))

/** Ends when a relay has this problem, and is not ready. */
const problem = (words: RegExp) =>
  Effect.andThen(
    until(Effect.map(problems, (all) => all.some((text) => words.test(text)))),
    Effect.map(Health.ready, (ready) => assert.isFalse(ready))
  )

/** A client whose connections go through a proxy. */
const proxied = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => startProxy({ upstream: place().port })),
    (proxy) => Effect.promise(() => proxy.close())
  ),
  (proxy) => ({ proxy, sql: client({ ...place(), port: proxy.port }) })
)

const waitingOf = (topic: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    return (yield* sql`SELECT FROM millrace.outbox WHERE topic = ${topic}`).length
  })

const emptied = until(Effect.map(Outbox.status, ({ waiting }) => waiting === 0))

layer(prepared)("the health of a relay", (it) => {
  it.effect("makes a process without consumers ready, and is gone with the relay", () =>
    alone(Effect.gen(function*() {
      assert.isFalse(yield* Health.ready)
      const relays = yield* Effect.forEach(
        [OutboxRelay.run(), Layer.launch(OutboxRelay.layer())],
        (relay) => Effect.forkScoped(relay)
      )
      yield* ready
      const [one, other, ...more] = yield* Health.services
      assert.deepStrictEqual(more, [])
      assert.deepInclude(one, { name: "relay of millrace.outbox", status: "running", healthy: true, problems: [] })
      assert.strictEqual(other!.name, one!.name)
      assert.deepStrictEqual(yield* Health.all, [])
      yield* until(Effect.map(Health.services, (all) => all.every(({ lagMillis }) => lagMillis === 0)))
      yield* Effect.forEach(relays, Fiber.interrupt)
      assert.deepStrictEqual(yield* Health.services, [])
      assert.isFalse(yield* Health.ready)
    })))

  it.effect("says what waits for a topic, until it is published, by whom it may be", () =>
    alone(Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* ready
      const send = Outbox.sendAll(Missing, [{ key: "a", value: "1" }, { key: "b", value: "2" }])
      yield* send
      yield* problem(/^messages for topic "missing" cannot be published: .*missing.*, for \d\d s$/)
      yield* sql`DELETE FROM millrace.outbox`
      yield* ready
      yield* send
      yield* problem(/topic "missing"/)
      yield* Topic.ensure([Missing], { partitions: 1, replication: 1 })
      yield* ready
      yield* emptied
    })))

  it.effect("says that no broker acknowledges messages", () =>
    alone(Effect.gen(function*() {
      const held: Array<() => void> = []
      const engine = yield* producing((inner) => (message, done) => held.push(() => void inner(message, done)) > 0)
      yield* Effect.forkScoped(under(engine)(OutboxRelay.run()))
      yield* ready
      yield* Outbox.send(Notes, { key: "a", value: "1" })
      yield* problem(/^no broker acknowledges messages for topic "notes", for \d+ s$/)
      for (const send of held) send()
      yield* ready
      yield* emptied
    })))

  it.effect("lets one queue alone wait for a broker, for as long as it takes", () =>
    alone(Effect.gen(function*() {
      const held: Array<() => void> = []
      let holds = true
      const engine = yield* producing((inner) => (message, done) =>
        holds && message.topic === "notes" ? held.push(() => void inner(message, done)) > 0 : inner(message, done)
      )
      yield* Topic.ensure([Missing], { partitions: 1, replication: 1 })
      yield* Effect.forkScoped(under(engine)(OutboxRelay.run({ concurrency: 1 })))
      // A relay that ends waits for its last batch, also for one that begins now, and no time passes meanwhile.
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          holds = false
          held.forEach((send) => send())
        })
      )
      yield* ready
      const messages = Array.from({ length: 60 }, (_, i) => ({ key: String(i), value: "" }))
      yield* Outbox.sendAll(Notes, messages)
      yield* problem(/^no broker acknowledges messages for topic "notes"/)
      const { length } = held
      assert.isBelow(length, messages.length)
      for (let half = 0; half < 6; half++) {
        yield* Outbox.sendAll(Missing, messages)
        // All but those of the same queue.
        yield* until(Effect.map(waitingOf("missing"), (count) => count < messages.length * (half + 1) / 2))
        yield* TestClock.adjust("30 seconds")
      }
      assert.strictEqual(held.length, length)
    })))

  it.effect("says that the database cannot be reached", () =>
    alone(Effect.gen(function*() {
      const { proxy, sql } = yield* proxied
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run(), sql))
      yield* ready
      yield* Effect.promise(() => proxy.refuse())
      proxy.cut()
      yield* problem(/^publish the outbox: the database is not available \(.*\), for \d+ s$/)
      assert.strictEqual((yield* problems).length, 1)
      yield* Effect.promise(() => proxy.heal())
      yield* ready
    })))

  it.effect("starts though the connections of its pool are gone", () =>
    alone(Effect.gen(function*() {
      const { proxy, sql } = yield* proxied
      yield* Effect.gen(function*() {
        const pool = yield* SqlClient
        yield* Effect.all([pool`SELECT 1`, pool`SELECT 1`], { concurrency: "unbounded" })
        proxy.cut()
        const relay = yield* Effect.forkScoped(OutboxRelay.run(), { startImmediately: true })
        yield* Effect.raceFirst(ready, Fiber.join(relay))
      }).pipe(Effect.provide(sql))
    })))

  it.effect("says which right its role lacks", () =>
    alone(Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql.unsafe("CREATE ROLE deleter LOGIN")
      yield* Effect.addFinalizer(() =>
        Effect.orDie(Effect.andThen(sql.unsafe("DROP OWNED BY deleter"), sql.unsafe("DROP ROLE deleter")))
      )
      yield* sql.unsafe("GRANT USAGE ON SCHEMA millrace TO deleter")
      yield* sql.unsafe("GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA millrace TO deleter")
      yield* sql.unsafe("GRANT SELECT ON ALL SEQUENCES IN SCHEMA millrace TO deleter")
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run(), client(place(), { username: "deleter" })))
      yield* ready
      yield* sql.unsafe("REVOKE DELETE ON millrace.outbox FROM deleter")
      yield* Outbox.send(Notes, { key: "a", value: "1" })
      yield* problem(/GRANT SELECT, UPDATE, DELETE ON millrace.outbox TO deleter/)
      yield* sql.unsafe("GRANT DELETE ON millrace.outbox TO deleter")
      yield* ready
      yield* sql.unsafe("REVOKE SELECT ON millrace.outbox FROM deleter")
      yield* problem(/permission denied for table outbox/)
    })))

  it.effect("says that it waits for another relay, if that does not go on", () =>
    alone(Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* ready
      yield* Effect.scoped(Effect.gen(function*() {
        const other = yield* sql.reserve
        yield* other.executeUnprepared("BEGIN", [], undefined)
        yield* Effect.addFinalizer(() => Effect.orDie(other.executeUnprepared("ROLLBACK", [], undefined)))
        const lock = "SELECT pg_advisory_xact_lock('millrace.outbox'::regclass::oid::int4, -1 - n) FROM"
        yield* other.executeUnprepared(`${lock} generate_series(0, 15) AS n`, [], undefined)
        yield* Outbox.send(Notes, { key: "a", value: "1" })
        yield* problem(/^shard \d+ waits for another relay, or until the server notices that one is gone, for \d+ s$/)
      }))
      yield* ready
      yield* emptied
    })))

  it.effect("keeps a relay that failed at its start, until one of its outbox starts", () =>
    alone(Effect.gen(function*() {
      const settings = Outbox.layer({ schema: "late" })
      yield* Effect.forkScoped(OutboxRelay.run())
      yield* ready
      yield* Effect.flip(Effect.provide(OutboxRelay.run(), settings))
      const [, failed] = yield* Health.services
      assert.deepInclude(failed, { name: "relay of late.outbox", status: "failed", healthy: false })
      assert.match(failed!.problems.join(), /there is no table late.outbox/)
      assert.isFalse(yield* Health.ready)
      yield* Migrations.run({ schema: "late" })
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run(), settings))
      yield* ready
      assert.strictEqual((yield* Health.services).length, 2)
    })))

  it.effect("shows a bug that ended it, such as the logger's, and that it was started again", () =>
    alone(Effect.gen(function*() {
      const { proxy, sql } = yield* proxied
      const logger = Logger.layer([Logger.make(() => {
        throw new Error("no space left")
      })])
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run(), Layer.merge(sql, logger)))
      yield* ready
      yield* Effect.promise(() => proxy.refuse())
      proxy.cut()
      yield* problem(/^it ended because of a bug: no space left$/)
      assert.strictEqual((yield* Health.services)[0]!.status, "restarting")
      yield* Effect.promise(() => proxy.heal())
      yield* ready
      yield* Outbox.send(Notes, { key: "a", value: "1" })
      yield* emptied
    })))
})

layer(prepared)("a relay whose connections nothing passes over", (it) => {
  it.effect("gives them up, and goes on over new ones", () =>
    alone(Effect.gen(function*() {
      const { proxy, sql } = yield* proxied
      let isFirst = true
      const engine = yield* producing((inner) => (message, done) => {
        if (isFirst) proxy.swallow()
        isFirst = false
        return inner(message, done)
      })
      yield* Effect.forkScoped(under(engine)(Effect.provide(OutboxRelay.run(), sql)))
      yield* ready
      yield* Outbox.send(Notes, { key: "a", value: "1" })
      yield* unready
      yield* problem(/^the database does not answer, for \d+ s$/)
      yield* ready
      yield* emptied
    })))

  it.effect("gives up a COMMIT as any other statement", () =>
    alone(Effect.gen(function*() {
      const { proxy, sql: through } = yield* proxied
      const sql = yield* SqlClient
      yield* sql.unsafe(`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_lock(17); PERFORM pg_advisory_unlock(17); RETURN NULL; END'`)
      yield* sql.unsafe(`CREATE CONSTRAINT TRIGGER wait AFTER DELETE ON millrace.outbox
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)
      yield* Effect.addFinalizer(() => Effect.orDie(sql.unsafe("DROP FUNCTION wait() CASCADE")))
      yield* Effect.forkScoped(Effect.provide(OutboxRelay.run(), through))
      yield* ready
      yield* Effect.scoped(Effect.gen(function*() {
        const holder = yield* sql.reserve
        yield* holder.executeUnprepared("SELECT pg_advisory_lock(17)", [], undefined)
        yield* Outbox.send(Notes, { key: "a", value: "1" })
        const commits = sql`SELECT FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'advisory'`
        yield* until(Effect.map(commits, ({ length }) => length > 0))
        proxy.swallow()
        yield* holder.executeUnprepared("SELECT pg_advisory_unlock(17)", [], undefined)
      }))
      yield* emptied
      yield* unready
      yield* ready
      yield* Outbox.send(Notes, { key: "a", value: "2" })
      yield* emptied
    })))
})
