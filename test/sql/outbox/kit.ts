/** What tests of a relay have in common. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { KafkaEngine } from "millrace"
import { Migrations, Outbox } from "millrace/sql"
import { setTimeout } from "node:timers/promises"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { sharedPostgres } from "../../services/env.ts"

/** A database for a file of tests, with the tables of an outbox, and where it is once that is built. */
export const ownDatabase = () => {
  let place: Place
  const prepared = Layer.provideMerge(
    Layer.effectDiscard(Migrations.run()),
    Layer.unwrap(Effect.map(makeDatabase, (made) => {
      place = made
      return client(made, { maxConnections: 20 })
    }))
  )
  return { place: () => place, prepared }
}

/** What runs at the server of a test that stands still. */
const sessions = Effect.suspend(() =>
  Effect.provide(
    Effect.flatMap(SqlClient, (sql) =>
      sql`SELECT datname, pid, state, wait_event, pg_blocking_pids(pid)::text AS blockers, query_start::text, query
        FROM pg_stat_activity WHERE datname LIKE 'test%' AND state <> 'idle'`),
    client({ ...sharedPostgres(), database: "postgres" })
  )
)

/** Dies where a test stands still, before its own time is over: with what runs at the server then. */
export const standing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.raceFirst(
    effect,
    Effect.gen(function*() {
      // Real time, also where a test has its own.
      yield* Effect.promise((signal) => setTimeout(180_000, undefined, { signal }))
      const found = yield* Effect.orDie(sessions)
      return yield* Effect.die(new Error(`it stands still; at the server: ${JSON.stringify(found, null, 2)}`))
    })
  )

export const until = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  standing(Effect.gen(function*() {
    while (!(yield* condition)) yield* Effect.sleep("5 millis")
  }))

export const emptied = until(Effect.map(Outbox.status, ({ waiting }) => waiting === 0))

export const logged = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return { lines, layer: Logger.layer([logger]) }
}

/** What is logged, with what caused it. */
export const loggedCauses = () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, message }) => void lines.push(`${String(message)} ${Cause.pretty(cause)}`))
  return { lines, layer: Logger.layer([logger]) }
}

export type Produce = KafkaEngine.ProducerClient["produce"]

/** An engine whose producer does something else with each message. */
export const producing = (change: (inner: Produce) => Produce) =>
  Effect.map(KafkaEngine.Service, (engine) => ({
    ...engine,
    producer: Effect.map(
      engine.producer,
      (inner) =>
        Object.create(inner, { produce: { value: change((m, done) => inner.produce(m, done)) } }) as typeof inner
    )
  }))

export const under = (engine: KafkaEngine.Service["Service"]) => Effect.provideService(KafkaEngine.Service, engine)
