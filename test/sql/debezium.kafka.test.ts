import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Headers, OnFailure, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Connector, Connectors, Debezium, KafkaConnect } from "millrace/connect"
import { Change, Migrations, ModelSync, Outbox } from "millrace/sql"
import { isDeepStrictEqual } from "node:util"
import { afterAll, beforeAll } from "vitest"
import { startConnect } from "../services/connect.ts"
import type { ConnectServer } from "../services/connect.ts"
import { client } from "../services/database.ts"
import { debeziumPlugins } from "../services/debezium.ts"
import { sharedKafka } from "../services/env.ts"
import { startPostgres } from "../services/postgres.ts"
import type { PostgresServer } from "../services/postgres.ts"
import { types } from "./golden.ts"

let connect: ConnectServer
let server: PostgresServer
beforeAll(async () => {
  const plugins = debeziumPlugins()
  const [postgres, worker] = await Promise.all([
    // What single-user mode creates counts as the catalog's, and is never replicated.
    startPostgres("SELECT 1\n"),
    plugins.then((folder) => startConnect(sharedKafka(), folder))
  ])
  server = postgres
  connect = worker
}, 300_000)
afterAll(async () => {
  await connect.kill()
  await server.stop()
})

const sqlOf = (database: string) => Layer.unwrap(Effect.sync(() => client({ ...server, database })))
const run = (database: string, statements: ReadonlyArray<string>) =>
  Effect.flatMap(
    SqlClient,
    (sql) => Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
  )
    .pipe(Effect.provide(sqlOf(database)))

const quoted = (name: string): string => `"${name}"`
const isLarge = (name: string): boolean => name.startsWith("T_")

/** Still out of line, and small enough for both of a row in one record. */
const smaller = (value: string): string =>
  value.replaceAll(/\b(\d+)000\b/g, (_, n: string) => `${Math.ceil(Number(n) / 3)}000`)

/** Large values of every type, with the full identity: Debezium has no placeholder for some of them. */
const large = types.columns.filter(({ name }) => isLarge(name) && name !== "T_vb").map(({ values, ...rest }) => ({
  ...rest,
  values: [smaller(values[0]), smaller(values[1])] as const
}))
/** Those that have one in both modes. */
const withPlaceholder = ["T_text", "T_by", "T_jb", "T_js", "T_at", "T_ai", "T_ab", "T_au", "T_hs", "T_x", "T_tv"]

/** What no setting of Debezium brings over, and what fails its connector. */
const lost = ["vb", "vb8", "a2", "ati", "attz", "amo", "apt", "aname", "aiv"]
const small = types.columns.filter(({ name }) => !isLarge(name) && !lost.includes(name))

const rowColumns = [...small, ...large.filter(({ name }) => withPlaceholder.includes(name))]

const tableOf = (name: string, columns: typeof types.columns, more = "") =>
  `CREATE TABLE ${name} (id int PRIMARY KEY, upd int${
    columns.map(({ name, type }) => `, ${quoted(name)} ${type}`).join("")
  }${more})`

const schema = [
  ...types.setup.filter((statement) => !/^(?:CREATE|ALTER) TABLE/i.test(statement)),
  tableOf("types", rowColumns, ", gen int GENERATED ALWAYS AS (id * 2) STORED"),
  tableOf("large", large),
  "CREATE TABLE emptied (id int PRIMARY KEY)"
]

const atSource = [
  "ALTER TABLE large REPLICA IDENTITY FULL",
  ...[["types", rowColumns], ["large", large]].flatMap(([table, columns]) =>
    (columns as typeof types.columns).filter(({ name }) => isLarge(name)).map(({ name }) =>
      `ALTER TABLE ${table as string} ALTER COLUMN ${quoted(name)} SET STORAGE EXTERNAL`
    )
  )
]

/** A row of the first or second values; BC dates are right only where they are streamed. */
const insert = (table: string, columns: typeof types.columns, id: number, value: 0 | 1, isSnapshot = false) =>
  `INSERT INTO ${table} (id, upd, ${columns.map(({ name }) => quoted(name)).join()}) VALUES (${id}, 0, ${
    columns.map(({ name, values }) => isSnapshot && name === "d" ? values[0] : values[value]).join()
  })`

const before = [
  insert("types", rowColumns, 1, 0, true),
  insert("types", rowColumns, 2, 1, true),
  insert("large", large, 1, 0),
  "INSERT INTO emptied VALUES (1)"
]

const changes = [
  insert("types", rowColumns, 3, 0),
  insert("types", rowColumns, 4, 1),
  "UPDATE types SET upd = 1 WHERE id IN (1, 3)",
  // Without the full identity: the large values are in the old row alone.
  "UPDATE types SET id = 30, upd = 3 WHERE id = 3",
  "INSERT INTO types (id) VALUES (5)",
  "DELETE FROM types WHERE id = 5",
  insert("large", large, 2, 0),
  "UPDATE large SET upd = 1",
  "UPDATE large SET \"T_text\" = NULL, \"T_an\" = NULL WHERE id = 2",
  "UPDATE large SET id = 20 WHERE id = 2"
]

const identityOf = (table: string) => table === "large" ? "full" : "default"

/** The connectors, by the name of the database that is kept like the source. */
const connectors = {
  envelopes: {
    options: {
      decimals: "precise",
      times: "microseconds",
      config: {
        "skipped.operations": "none",
        "include.unknown.datatypes": true,
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": true
      }
    },
    // NaN stops the connector in this mode.
    excluded: ["n4"],
    format: (table: string) => Change.envelope({ unknownTypes: true, replicaIdentity: identityOf(table) }),
    // Of the first and of the second values: what Debezium has lost without a sign.
    lost: [{ an: ["{1.50,NULL,12345678901234567890}", "{1.5,NULL,12345678901234567890}"] }, {}]
  },
  flattened: {
    options: {
      decimals: "string",
      times: "isostring",
      binaries: "hex",
      transforms: [Debezium.flatten({ addFields: ["op", "lsn", "source.ts_ms"] })],
      config: { "include.unknown.datatypes": true }
    },
    excluded: [],
    format: (table: string) =>
      Change.flattened({
        times: "isostring",
        binaries: "hex",
        unknownTypes: true,
        replicaIdentity: identityOf(table)
      }),
    lost: [{}, { t0: ["24:00:00", "00:00:00"], t3: ["24:00:00", "00:00:00"], t6: ["24:00:00", "00:00:00"] }]
  }
} as const

type Name = keyof typeof connectors

const connectorOf = (name: Name) => {
  const prefix = `${name}${process.pid}`
  const { excluded, options } = connectors[name]
  return Connector.make(
    prefix,
    Debezium.postgresSource({
      database: { hostname: server.host, port: server.port, name: "postgres", user: "postgres", password: "x" },
      prefix,
      tables: ["public.types", "public.large", "public.emptied"],
      slot: prefix,
      publication: { name: prefix },
      topics: { partitions: 1, replication: 1 },
      heartbeat: false,
      ...options,
      ...(excluded.length === 0 ? {} : { columns: { exclude: excluded.map((column) => `public.types.${column}`) } }),
      config: { "poll.interval.ms": 50, "interval.handling.mode": "string", ...options.config }
    })
  )
}

/** Keeps a database like the source, until it is interrupted. */
const sync = (name: Name) => {
  const handlerOf = (table: string) => {
    const source = Topic.make(`${name}${process.pid}.public.${table}`, { key: Change.debezium, value: Change.debezium })
    const format = connectors[name].format(table)
    return ModelSync.handler(ModelSync.make(source, { table: `public.${table}`, format, truncates: "apply" }))
  }
  return Effect.andThen(
    Migrations.run(),
    Consumer.run(Consumer.make(`${name}-${process.pid}`, {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      handlers: ["types", "large", "emptied"].map(handlerOf)
    }))
  ).pipe(Effect.provide(sqlOf(name)))
}

/** The rows of a table as texts, each column by itself. */
const rowsOf = (database: string, table: string, columns: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient, (sql) =>
    sql.unsafe<{ readonly [column: string]: string | null }>(
      `SELECT ${columns.map((column) => `${quoted(column)}::text`).join()} FROM ${table} ORDER BY id`
    )).pipe(Effect.provide(sqlOf(database)))

/** The cells that differ, and all of it where there are other rows. */
const differing = Effect.fnUntraced(function*(name: Name) {
  const found: { [cell: string]: unknown } = {}
  const { excluded } = connectors[name]
  for (const [table, columns] of [["types", rowColumns], ["large", large], ["emptied", []]] as const) {
    const names = ["id", ...(table === "emptied" ? [] : ["upd"]), ...columns.map(({ name }) => name)].filter((column) =>
      !(excluded as ReadonlyArray<string>).includes(column)
    )
    const [source, target] = yield* Effect.all([rowsOf("postgres", table, names), rowsOf(name, table, names)])
    if (source.length !== target.length || source.some(({ id }, i) => id !== target[i]!.id)) {
      found[table] = target.map(({ id }) => id)
      continue
    }
    source.forEach((row, i) => {
      for (const column of names) {
        const [there, here] = [row[column], target[i]![column]]
        if (there !== here) found[`${table} ${row.id} ${column}`] = [there?.slice(0, 60), here?.slice(0, 60)]
      }
    })
  }
  return found
})

/** What is lost in every mode: the offset of a time with a zone, and an infinite interval. */
const always = [
  { ttz: ["03:04:05.678901+02", "01:04:05.678901+00"] },
  { ttz: ["24:00:00+02", "22:00:00+00"], iv: ["infinity", "00:00:00"] }
]

/** Waits until a database is like the source but for what is lost of rows of the first and second values. */
const alike = Effect.fnUntraced(
  function*(name: Name, ids: readonly [ReadonlyArray<number>, ReadonlyArray<number>]) {
    const expected = Object.fromEntries(
      ids.flatMap((some, value) =>
        some.flatMap((id) =>
          Object.entries({ ...always[value], ...connectors[name].lost[value] }).map(([column, texts]) =>
            [`types ${id} ${column}`, texts] as const
          )
        )
      )
    )
    const until = Date.now() + 60_000
    let found = yield* differing(name)
    while (!isDeepStrictEqual(found, expected) && Date.now() < until) {
      yield* Effect.sleep("100 millis")
      found = yield* differing(name)
    }
    assert.deepStrictEqual(found, expected)
  }
)

const connectLayer = Layer.unwrap(Effect.sync(() => KafkaConnect.layer({ url: connect.url }))).pipe(
  Layer.provide(FetchHttpClient.layer)
)

const Routed = Topic.make(`routed${process.pid}`, {
  key: Codec.nullable(Codec.string),
  value: Codec.nullable(Codec.string)
})
const Logged = Topic.make(`logged${process.pid}.message`, {
  key: Codec.nullable(Change.debezium),
  value: Change.debezium
})

/** As in docs/outbox.md: a connector for the rows of an outbox, and one for its messages in the log. */
const outboxes = () => {
  const place = { hostname: server.host, port: server.port, name: "outboxes", user: "postgres", password: "x" }
  const shared = { database: place, snapshot: "no_data", topics: { partitions: 1, replication: 1 } } as const
  const [rows, log] = [`rows${process.pid}`, `logged${process.pid}`] as const
  const binary = (part: string) => ({
    [`${part}.converter`]: "io.debezium.converters.BinaryDataConverter",
    [`${part}.converter.delegate.converter.type`]: "org.apache.kafka.connect.json.JsonConverter"
  })
  return [
    Connector.make(
      rows,
      Debezium.postgresSource({
        ...shared,
        prefix: rows,
        tables: ["millrace.outbox"],
        slot: rows,
        publication: { name: rows },
        heartbeat: { every: "100 millis" },
        tombstones: false,
        transforms: [
          Debezium.outbox({
            routeBy: "topic",
            to: "${routedByValue}",
            key: "key",
            payload: "value",
            additional: ["partition:partition"]
          })
        ],
        config: { "poll.interval.ms": 50, ...binary("key"), ...binary("value") }
      })
    ),
    Connector.make(
      log,
      Debezium.postgresSource({
        ...shared,
        prefix: log,
        tables: ["millrace.outbox"],
        slot: log,
        publication: { name: log, autoCreate: "no_tables" },
        config: { "poll.interval.ms": 50, "message.prefix.include.list": "millrace.outbox" }
      })
    )
  ]
}

/** Connectors, until they run. */
const started = Effect.fnUntraced(function*(declared: ReadonlyArray<Connector.Connector>) {
  yield* Effect.flatMap(Connectors.plan(declared), (plan) => Connectors.publish(plan))
  for (const { name } of declared) yield* Connectors.settled(name, "120 seconds")
})

const removed = (declared: ReadonlyArray<Connector.Connector>) =>
  Effect.flatMap(
    Connectors.plan(declared.map(({ name }) => Connector.remove(name))),
    (plan) => Connectors.publish(plan)
  )

const services = Layer.unwrap(
  Effect.sync(() => Layer.merge(connectLayer, ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })))
)

describe("a real Debezium, Kafka and PostgreSQL", () => {
  it.live(
    "publish an outbox: its rows by the router, its messages in the log by a consumer",
    () =>
      Effect.gen(function*() {
        yield* run("postgres", ["CREATE DATABASE outboxes"])
        yield* Topic.ensure([Routed], { partitions: 3, replication: 1 })
        yield* Topic.ensure([Logged], { partitions: 1, replication: 1 })
        const declared = outboxes()
        const sent = Effect.gen(function*() {
          yield* Migrations.run()
          yield* started(declared)
          for (const via of ["debezium", "log"] as const) {
            yield* Outbox.sendAll(Routed, [
              { key: via, value: "1", partition: 2 },
              { key: null, value: `${via} ü`, partition: 2 },
              { key: via, value: null, partition: 2 },
              { key: `${via} anywhere`, value: "2" }
            ]).pipe(Effect.provide(Outbox.layer({ via })))
          }
        })
        yield* Effect.provide(sent, sqlOf("outboxes"))
        yield* Effect.forkScoped(Consumer.run(Consumer.make(`forwarding-${process.pid}`, {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          handlers: [Outbox.forward(Logged)]
        })))
        const records = yield* Topic.read(Routed, { from: "earliest", until: "end" }).pipe(
          Stream.runCollect,
          Effect.repeat({ until: (records) => records.length >= 8, schedule: Schedule.spaced("100 millis") }),
          Effect.timeout("60 seconds")
        )
        const of = (key: string | null) =>
          records.filter((record) => record.key === key).map(({ partition, value }) => [partition, value])
        for (const via of ["debezium", "log"]) {
          assert.deepStrictEqual(of(via), [[2, "1"], [2, null]])
          assert.lengthOf(of(`${via} anywhere`), 1)
        }
        assert.deepStrictEqual(of(null).sort(), [[2, "debezium ü"], [2, "log ü"]])
        const { headers } = records.find(({ key }) => key === "debezium")!
        assert.match(Headers.get(headers, "id") ?? "", /^\d+$/)
        yield* removed(declared)
      }).pipe(Effect.scoped, Effect.provide(services)),
    240_000
  )

  it.live(
    "carry rows of every type into another database, from a snapshot and by changes",
    () =>
      Effect.gen(function*() {
        const names = ["envelopes", "flattened"] as const
        yield* run("postgres", names.map((name) => `CREATE DATABASE ${name}`))
        for (const database of ["postgres", ...names]) yield* run(database, schema)
        yield* run("postgres", [...atSource, ...before])
        const declared = names.map(connectorOf)
        yield* started(declared)
        for (const name of names) yield* Effect.forkScoped(sync(name))
        for (const name of names) yield* alike(name, [[1], [2]])
        yield* run("postgres", changes)
        for (const name of names) yield* alike(name, [[1, 30], [2, 4]])
        // Only envelopes tell of it.
        yield* run("postgres", ["TRUNCATE emptied"])
        yield* alike("envelopes", [[1, 30], [2, 4]])
        yield* removed(declared)
      }).pipe(Effect.scoped, Effect.provide(services)),
    240_000
  )
})
