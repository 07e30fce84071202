/** Two databases that are synced in both directions, by Debezium, Kafka and Millrace, with one of the loop guards. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Connector, Connectors, Debezium } from "millrace/connect"
import { LoopGuard, Migrations, RowVersion } from "millrace/sql"
import { numbersOf } from "../../internal/loop/random.ts"
import { client } from "../../services/database.ts"
import { operation } from "./operations.ts"
import { applicationName, type End, type Guard, type Servers, syncsOf, table, topicOf } from "./syncs.ts"

/** A database, and the topic of its table. */
export interface Side extends End {
  /** Writes as programs and people do. */
  readonly own: SqlClient
  readonly topic: ReturnType<typeof topicOf>
}

const makeSide = Effect.fnUntraced(function*(servers: Servers, guard: Guard, world: string, site: 0 | 1) {
  const name = `${world}_${site === 0 ? "east" : "west"}`
  const admin = Layer.build(client({ ...servers.postgres, database: "postgres" }, { maxConnections: 1 }))
  yield* Effect.scoped(
    Effect.flatMap(admin, (context) => Context.get(context, SqlClient).unsafe(`CREATE DATABASE ${name}`))
  )
  const place = { ...servers.postgres, database: name }
  const own = Context.get(yield* Layer.build(client(place, { maxConnections: 4 })), SqlClient)
  yield* Effect.gen(function*() {
    yield* own`CREATE TABLE items (id int PRIMARY KEY, name text, amount numeric(10, 2))`
    yield* own`CREATE TABLE beats (id int PRIMARY KEY, at timestamptz)`
    // Rows that are there before the first snapshot.
    yield* own`INSERT INTO items SELECT 1000 + 2 * n + ${site}, 'before', n FROM generate_series(1, 20) AS n`
    yield* Migrations.run()
    yield* RowVersion.add(table, { site })
    if (guard === "column") yield* LoopGuard.addSkipColumn(table)
  }).pipe(Effect.provideService(SqlClient, own))
  // The row that was there gets a version, as it does where a migration touches all rows.
  yield* own`UPDATE items SET name = name`
  return { name, place, own, topic: topicOf(name) } satisfies Side
})

/** The connector of a side. `hides`: what is under an origin does not get into its topic. */
const sourceOf = ({ name, place }: Side, hides: boolean) =>
  Connector.make(
    name,
    Debezium.postgresSource({
      database: {
        hostname: place.host,
        port: place.port,
        name: place.database,
        user: "postgres",
        password: Redacted.make("none")
      },
      prefix: name,
      tables: hides ? [table, "public.beats"] : [table],
      slot: name,
      publication: { name },
      topics: { partitions: 2, replication: 1 },
      ...(hides
        ? {
          slotParams: { origin: "none" },
          heartbeat: {
            every: "1 second",
            query: "INSERT INTO beats VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
          }
        }
        : {}),
      config: { "poll.interval.ms": 50 }
    })
  )

/** Two synced databases. */
export interface World {
  readonly east: Side
  readonly west: Side
  /** Whether the connector of the west hides what syncs write. */
  readonly hides: boolean
  readonly startSyncs: Effect.Effect<void>
  readonly stopSyncs: Effect.Effect<void>
  readonly cutSessions: Effect.Effect<void>
}

/** Makes the databases, the topics, the connectors, and the syncs, which have to be started. */
export const makeWorld = Effect.fnUntraced(function*(servers: Servers, guard: Guard, name: string) {
  const east = yield* makeSide(servers, guard, name, 0)
  const west = yield* makeSide(servers, guard, name, 1)
  const hides = guard === "origin"
  yield* Topic.ensure([east.topic, west.topic], { partitions: 2, replication: 1 }).pipe(
    Effect.provide(ConfluentKafka.layer({ bootstrapServers: [servers.kafka] }))
  )
  const connectors = [sourceOf(east, false), sourceOf(west, hides)]
  yield* Connectors.publish(yield* Connectors.plan(connectors))
  yield* Effect.forEach(connectors, (each) => Connectors.settled(each.name, "120 seconds"), { discard: true })
  const syncs = syncsOf({ servers, guard, east, west })
  let scope: Scope.Closeable | undefined
  const stopSyncs = Effect.suspend(() => scope === undefined ? Effect.void : Scope.close(scope, Exit.void))
  const startSyncs = Effect.gen(function*() {
    scope = yield* Scope.make()
    yield* Effect.orDie(Layer.build(Layer.fresh(syncs)).pipe(Scope.provide(scope)))
  })
  yield* Effect.addFinalizer(() => stopSyncs)
  const cutSessions = Effect.forEach([east, west], ({ own }) =>
    Effect.orDie(
      own`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${applicationName}
        AND datname = current_database()`
    ), { discard: true })
  return { east, west, hides, startSyncs, stopSyncs, cutSessions } satisfies World
})

/** The sync has just written the key, or the same rows in another order. */
const passes: ReadonlySet<string> = new Set(["UniqueViolation", "DeadlockError"])

/** Operations on both sides at once, one after the other on each. */
export const operate = ({ east, west }: World, count: number, seed: number, keys = 40) =>
  Effect.forEach([east, west], ({ name, own }, side) => {
    const random = numbersOf(seed * 2 + side)
    return Effect.gen(function*() {
      for (let i = 0; i < count; i++) {
        yield* operation(own, random, keys, `${name} ${seed}.${i}`).pipe(
          Effect.catchIf(({ reason }) => passes.has(reason._tag), () => Effect.void)
        )
      }
    })
  }, { concurrency: 2, discard: true })

/** The rows of a side, without what differs from side to side. */
const rowsOf = ({ own }: Side) =>
  Effect.map(
    own`SELECT (to_jsonb(t) - 'kafka_skip')::text FROM items t ORDER BY id`.values,
    (rows) => rows.map(([row]) => String(row))
  )

/** Waits until both sides have the same rows, and returns them. */
export const converged = ({ east, west }: World, within: "60 seconds" | "300 seconds" = "60 seconds") => {
  const both = Effect.all([rowsOf(east), rowsOf(west)])
  return both.pipe(
    Effect.repeat({ until: ([a, b]) => a.join("\n") === b.join("\n"), schedule: Schedule.spaced("50 millis") }),
    Effect.timeout(within),
    Effect.catchTag("TimeoutError", () =>
      Effect.flatMap(both, ([a, b]) => {
        const lines = [...a.filter((row) => !b.includes(row)), "but", ...b.filter((row) => !a.includes(row))]
        return Effect.die(new Error(`the sides differ:\n${lines.join("\n")}`))
      })),
    Effect.map(([a]) => a)
  )
}

/** The events of a topic, by the keys of their rows: of programs and people, and of syncs. Nulls count for neither. */
export interface Events {
  readonly own: ReadonlyArray<number>
  readonly synced: ReadonlyArray<number>
}

interface Row {
  readonly id: number
  readonly kafka_skip?: boolean
}

interface Envelope {
  readonly op: string
  readonly before: Row | null
  readonly after: Row | null
  readonly source: { readonly origin: string | null; readonly lsn: number }
}

const eventsOf = (servers: Servers, { topic }: Side): Effect.Effect<Events, unknown> =>
  Stream.runCollect(Topic.read(topic, { from: "earliest", until: "end" })).pipe(
    Effect.map((records) => {
      const own: Array<number> = []
      // What a connector sends again after a crash is no other event.
      const synced = new Map<string, number>()
      for (const { value } of records) {
        if (value === null) continue
        const { after, before, op, source } = value as Envelope
        const row = (op === "d" ? before : after)!
        if (source.origin !== null || row.kafka_skip === true) synced.set(`${source.lsn} ${op} ${row.id}`, row.id)
        else own.push(row.id)
      }
      return { own, synced: [...synced.values()] }
    }),
    Effect.provide(ConfluentKafka.layer({ bootstrapServers: [servers.kafka] }))
  )

/** Keys that nothing else uses, enough for both partitions. */
export const marks = 4
let nextMark = 10_000

/** How many events there are in the topics of both sides, after all that comes of what was done before. */
export const settled = Effect.fnUntraced(function*(servers: Servers, world: World) {
  const { east, hides, west } = world
  const from = nextMark
  nextMark += 2 * marks
  const ofEast = Array.from({ length: marks }, (_, i) => from + i)
  const ofWest = ofEast.map((key) => key + marks)
  yield* east.own`INSERT INTO items SELECT n, 'mark' FROM generate_series(${from}, ${from + marks - 1}) AS n`
  yield* west
    .own`INSERT INTO items SELECT n, 'mark' FROM generate_series(${from + marks}, ${from + 2 * marks - 1}) AS n`
  yield* converged(world)
  const seen = ({ own, synced }: Events, written: ReadonlyArray<number>, came: ReadonlyArray<number>) =>
    written.every((key) => own.includes(key)) && came.every((key) => synced.includes(key))
  return yield* Effect.all([eventsOf(servers, east), eventsOf(servers, west)]).pipe(
    Effect.repeat({
      until: ([a, b]) => seen(a, ofEast, ofWest) && seen(b, ofWest, hides ? [] : ofEast),
      schedule: Schedule.spaced("100 millis")
    }),
    Effect.timeout("60 seconds"),
    Effect.map((both) => both.map(({ own, synced }) => ({ own: own.length, synced: synced.length })))
  )
})
