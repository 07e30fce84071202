/** A connector that is made from its syncs, and rows that it is asked for again. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, OnFailure, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Connector, Connectors, KafkaConnect } from "millrace/connect"
import {
  Change,
  Migrations,
  ModelSync,
  SourceDatabase,
  SyncCheck,
  SyncConnector,
  SyncStatus,
  Verify
} from "millrace/sql"
import { afterAll, beforeAll } from "vitest"
import { type ConnectServer, startConnect } from "../../services/connect.ts"
import { client } from "../../services/database.ts"
import { debeziumPlugins } from "../../services/debezium.ts"
import { sharedKafka } from "../../services/env.ts"
import { type PostgresServer, startPostgres } from "../../services/postgres.ts"
import { atSource, atTarget, textsAt } from "./kit.ts"

let connect: ConnectServer
let postgres: PostgresServer
beforeAll(async () => {
  const plugins = await debeziumPlugins()
  ;[postgres, connect] = await Promise.all([startPostgres(""), startConnect(sharedKafka(), plugins)])
}, 300_000)
afterAll(async () => {
  await connect?.kill()
  await postgres?.stop()
})

const prefix = `verify_${process.pid}`
const format = Change.envelope({ unknownTypes: true })
const topic = (name: string) => Topic.make(`${prefix}.${name}`, { key: Change.debezium, value: Change.debezium })

const users = ModelSync.make(topic("public.users"), {
  table: "public.customers",
  format,
  rename: { name: "full_name" },
  fields: { exclude: ["password"] }
})
// Its records have another key than its primary key.
const pairs = ModelSync.make(topic("public.pairs"), {
  table: "public.pairs",
  format,
  key: ["a", "b"],
  fields: { include: ["v"] }
})
// A table whose name is a pattern to Debezium, in a topic that is not named after it.
const odd = ModelSync.make(Topic.make(`${prefix}-odd`, { key: Change.debezium, value: Change.debezium }), {
  table: "public.odd",
  format,
  key: ["id"],
  truncates: "apply",
  tables: { "public.user$data": "public.odd" }
})
const syncs = [users, pairs, odd]

const atBegin = {
  source: [
    "CREATE TABLE users (id int PRIMARY KEY, name text, password text, took interval, area box)",
    "CREATE TABLE user$data (id int PRIMARY KEY, v text)",
    "INSERT INTO user$data VALUES (1, 'a'), (2, 'b')",
    "CREATE TABLE pairs (id int PRIMARY KEY, a text NOT NULL, b int NOT NULL, v text, w text, UNIQUE (a, b))",
    "CREATE TABLE beats (id int PRIMARY KEY, at timestamptz)",
    "CREATE TABLE signals (id text PRIMARY KEY, type text NOT NULL, data text)",
    `INSERT INTO users SELECT i, 'name ' || i, 'secret', '1 month 2 days', '(1,1),(0,0)'
      FROM generate_series(1, 500) i`,
    "INSERT INTO pairs SELECT i, 'it''s ' || i % 7, i, 'v', 'w' FROM generate_series(1, 200) i"
  ],
  target: [
    "CREATE TABLE customers (id int PRIMARY KEY, full_name text, took interval, area box)",
    "CREATE TABLE odd (id int PRIMARY KEY, v text)",
    "CREATE TABLE pairs (a text, b int, v text, PRIMARY KEY (a, b))"
  ]
}

it.live("syncs feed on the connector that is made from them, and get rows again that they have lost", () => {
  const at = (database: string) => client({ ...postgres, database })
  const connector = Connector.make(
    prefix,
    SyncConnector.postgresSource(syncs, {
      database: {
        hostname: postgres.host,
        port: postgres.port,
        name: "src",
        user: "postgres",
        password: Redacted.make("none")
      },
      prefix,
      slot: prefix,
      publication: { name: prefix },
      topics: { partitions: 2, replication: 1 },
      signalTable: "public.signals",
      origin: { heartbeatTable: "public.beats" },
      config: { "poll.interval.ms": 50 }
    })
  )
  const consumer = Consumer.make(`${prefix}-sync`, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: syncs.map((sync) => ModelSync.handler(sync))
  })
  const compared = Effect.map(
    Effect.forEach(syncs, (sync) => Verify.compare(sync, { pause: "50 millis" })),
    (all) => all.flat()
  )
  const alike = compared.pipe(
    Effect.repeat({ until: Verify.isAlike, schedule: Schedule.spaced("100 millis") }),
    Effect.timeout("60 seconds")
  )
  const story = Effect.gen(function*() {
    yield* atSource(...atBegin.source)
    yield* atTarget(...atBegin.target)
    yield* Migrations.run()
    yield* Topic.ensure([users.source, pairs.source, odd.source], { partitions: 2, replication: 1 })
    yield* Connectors.publish(yield* Connectors.plan([connector]))
    yield* Connectors.settled(prefix, "120 seconds")
    yield* Effect.forkScoped(Consumer.run(consumer))
    yield* alike
    assert.deepStrictEqual((yield* SyncCheck.run(syncs)).filter(({ severity }) => severity === "error"), [])
    // The rows of the snapshot may be there before the connector uses its slot.
    const { partitions, slots } = yield* SyncStatus.read(syncs).pipe(
      Effect.repeat({
        until: (status) => status.slots.every(({ isActive }) => isActive),
        schedule: Schedule.spaced("100 millis")
      }),
      Effect.timeout("60 seconds")
    )
    assert.deepStrictEqual([partitions.length, slots.map(({ isActive, name }) => [name, isActive])], [6, [[
      prefix,
      true
    ]]])
    yield* atTarget(
      "DELETE FROM customers WHERE id % 100 = 0",
      "UPDATE customers SET full_name = 'x' WHERE id = 7",
      "DELETE FROM pairs WHERE b IN (5, 6)"
    )
    const signal = { by: "signal", signalTable: "public.signals", pause: "50 millis" } as const
    const asked = yield* Effect.forEach(syncs, (sync) => Verify.resync(sync, signal))
    assert.deepStrictEqual(asked.flat().map(({ signalled }) => signalled), [6, 2, 0])
    yield* alike
    yield* atSource("TRUNCATE user$data")
    yield* alike
    assert.deepStrictEqual(yield* textsAt("SELECT count(*) FROM odd"), ["0"])
  })
  const servers = Layer.mergeAll(
    SourceDatabase.layer(at("src")),
    at("dst"),
    ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] }),
    KafkaConnect.layer({ url: connect.url }).pipe(Layer.provide(FetchHttpClient.layer))
  )
  return Effect.gen(function*() {
    yield* Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE DATABASE src`
      yield* sql`CREATE DATABASE dst`
    }).pipe(Effect.provide(at("postgres")))
    yield* Effect.provide(Effect.scoped(story), servers)
  })
}, 180_000)
