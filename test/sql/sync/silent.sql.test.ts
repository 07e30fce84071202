/** A network that loses connections without a word: nobody is told, and nothing is answered any more. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Consumer, Health, OnFailure, Producer, Topic } from "millrace"
import { Change, Migrations, ModelSync } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { startProxy } from "../../services/proxy.ts"
import { until } from "../outbox/kit.ts"

let place: Place

const statements = [
  "CREATE TABLE items (id int PRIMARY KEY, name text)",
  "CREATE TABLE seen (idle text)",
  `CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO seen VALUES (current_setting('idle_in_transaction_session_timeout'));
    PERFORM pg_advisory_lock(17);
    PERFORM pg_advisory_unlock(17);
    RETURN NULL;
  END $$`
]

const prepared = Layer.provideMerge(
  Layer.effectDiscard(Effect.gen(function*() {
    const sql = yield* SqlClient
    for (const statement of statements) yield* sql.unsafe(statement)
    yield* Migrations.run()
  })),
  Layer.unwrap(Effect.map(makeDatabase, (made) => {
    place = made
    return client(made)
  }))
)

const proxied = Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => startProxy({ upstream: place.port })),
    (proxy) => Effect.promise(() => proxy.close())
  ),
  (proxy) => ({ proxy, database: client({ ...place, port: proxy.port }) })
)

layer(prepared, { excludeTestServices: true })("a sync whose database is gone", (it) => {
  it.effect(
    "ends at once, not after the time for its batches, and its records are stored by the next",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const sql = yield* SqlClient
        const { database, proxy } = yield* proxied
        const Items = Topic.make("gone", { key: Change.json, value: Codec.nullable(Change.json) })
        const failures: Array<unknown> = []
        const consumer = Consumer.make("gone", {
          offsetReset: "earliest",
          onFailure: OnFailure.make((failure) => {
            failures.push(failure)
            return Effect.succeed(OnFailure.skip)
          }),
          drainTimeout: "1 minute",
          handlers: [
            ModelSync.handler(ModelSync.make(Items, { table: "items", format: Change.plain }), {
              retry: Schedule.spaced("50 seconds")
            })
          ]
        })
        const send = (id: number) => Producer.send(Items, { key: { id }, value: { id, name: "n" }, partition: 0 })
        const has = (id: number) => Effect.map(sql`SELECT FROM items WHERE id = ${id}`, ({ length }) => length === 1)
        const waits = yield* Latch.make()
        const logger = Logger.make(({ message }) => {
          if (String(message).includes("trying again until")) waits.openUnsafe()
        })
        yield* send(101)
        const scope = yield* Scope.make()
        yield* Scope.provide(
          Layer.build(Layer.provide(Consumer.layer(consumer), [database, Logger.layer([logger])])),
          scope
        )
        yield* until(has(101))
        yield* Effect.promise(() => proxy.refuse())
        proxy.cut()
        yield* send(102)
        yield* waits.await
        const began = Date.now()
        yield* Scope.close(scope, Exit.void)
        assert.isBelow(Date.now() - began, 15_000)
        yield* Effect.promise(() => proxy.heal())
        yield* Effect.scoped(
          Effect.andThen(Layer.build(Layer.provide(Consumer.layer(consumer), database)), until(has(102)))
        )
        assert.deepStrictEqual(failures, [])
      })).pipe(
        Effect.provide([InMemoryKafka.layer, Layer.sync(Health.Registry, () => new Set())])
      ),
    90_000
  )
})

layer(prepared, { excludeTestServices: true })("a sync whose network loses a connection without a word", (it) => {
  for (const [when, deferred] of [["a statement", ""], ["COMMIT", "DEFERRABLE INITIALLY DEFERRED"]] as const) {
    it.effect(`goes on when its consumer is started again: in ${when}`, () =>
      Effect.scoped(Effect.gen(function*() {
        const sql = yield* SqlClient
        yield* sql.unsafe(`CREATE CONSTRAINT TRIGGER noted AFTER INSERT ON items ${deferred}
          FOR EACH ROW EXECUTE FUNCTION noted()`)
        yield* Effect.addFinalizer(() => Effect.orDie(sql`DROP TRIGGER noted ON items`))
        yield* sql`TRUNCATE items, seen, millrace.offsets`
        const { database, proxy } = yield* proxied
        const scope = yield* Effect.scope
        const Items = Topic.make("items", { key: Change.json, value: Codec.nullable(Change.json) })
        const send = (id: number) => Producer.send(Items, { key: { id }, value: { id, name: `n${id}` }, partition: 0 })
        yield* send(1)
        const sync = Consumer.layer(Consumer.make("silent", {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          maxHandlerStall: "1 second",
          drainTimeout: "1 second",
          handlers: [ModelSync.handler(ModelSync.make(Items, { table: "items", format: Change.plain }))]
        }))
        yield* Effect.scoped(Effect.gen(function*() {
          const holder = yield* sql.reserve
          yield* holder.executeUnprepared("SELECT pg_advisory_lock(17)", [], undefined)
          yield* Effect.addFinalizer(() =>
            Effect.orDie(holder.executeUnprepared("SELECT pg_advisory_unlock(17)", [], undefined))
          )
          yield* Scope.provide(Layer.build(Layer.provide(sync, database)), scope)
          yield* until(Effect.map(
            sql`SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = ${place.database}`,
            ({ length }) => length > 0
          ))
          proxy.swallow()
        }))
        // The server does that itself after a minute. A COMMIT that it has answered leaves nothing to be ended.
        if (deferred === "") {
          yield* until(Effect.map(
            sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE state = 'idle in transaction' AND datname = ${place.database}`,
            ({ length }) => length > 0
          ))
        }
        yield* send(2)
        yield* until(Effect.map(sql`SELECT id FROM items`, ({ length }) => length === 2))
        assert.deepStrictEqual((yield* sql`SELECT DISTINCT idle FROM seen`).map(({ idle }) => idle), ["1min"])
        yield* until(Health.ready)
        // The client waits for its connections, also for those that are lost.
        proxy.cut()
      })).pipe(
        Effect.provide([InMemoryKafka.layer, Layer.sync(Health.Registry, () => new Set())])
      ), 60_000)
  }
})
