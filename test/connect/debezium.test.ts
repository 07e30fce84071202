import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Connector, Debezium } from "millrace/connect"
import { render } from "../../src/connect/config/render.ts"

const options: Debezium.PostgresSource = {
  database: { hostname: "db", name: "shop", user: "u", password: Redacted.make("p") },
  prefix: "shop",
  tables: ["public.a", "public.b"],
  slot: "s",
  publication: { name: "pub" },
  topics: { partitions: 3, replication: 1 }
}

const rendered = (options: Connector.Options) => render(Connector.make("x", options))

describe("Debezium's source for PostgreSQL", () => {
  it("refuses settings that it does not know, and transforms of one name", () => {
    const wrong = { ...options, hearbeat: false } as Debezium.PostgresSource
    assert.throws(() => Debezium.postgresSource(wrong), /hearbeat: unknown field "hearbeat"; did you mean "heartbeat"/)
    const both = { include: ["a"], exclude: ["b"] }
    assert.throws(
      () => Debezium.postgresSource({ ...options, columns: both }),
      /columns: .* \{ include \} or \{ exclude/
    )
    const merge = Debezium.reroute({ topics: ".*", to: "all" })
    const twice = { ...options, transforms: [merge, Debezium.reroute({ topics: "a", to: "b" })] }
    assert.throws(() => Debezium.postgresSource(twice), /transforms: "reroute" is no name, or that of two/)
    const { config } = Debezium.postgresSource({ ...options, transforms: [merge, { ...merge, name: "second" }] })
    assert.deepStrictEqual(config["transforms"], ["reroute", "second"])
  })

  it.effect("has settings that lose nothing", () =>
    Effect.map(rendered(Debezium.postgresSource(options)), ({ "database.password": password, ...config }) => {
      assert.isTrue(Redacted.isRedacted(password))
      assert.deepStrictEqual(config, {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "tasks.max": "1",
        "plugin.name": "pgoutput",
        "database.hostname": "db",
        "database.port": "5432",
        "database.dbname": "shop",
        "database.user": "u",
        "topic.prefix": "shop",
        "table.include.list": "public.a,public.b",
        "slot.name": "s",
        "publication.name": "pub",
        "publication.autocreate.mode": "filtered",
        "heartbeat.interval.ms": "10000",
        "decimal.handling.mode": "string",
        "time.precision.mode": "adaptive_time_microseconds",
        "topic.creation.default.partitions": "3",
        "topic.creation.default.replication.factor": "1"
      })
    }))

  it.effect("writes keys, columns, slots, operations and transforms as Debezium reads them", () =>
    Effect.map(
      rendered(Debezium.postgresSource({
        ...options,
        keyColumns: { "public.a": ["id", "zone"], "public.b": ["id"] },
        columns: { exclude: ["public.a.secret"] },
        slotParams: { origin: "none" },
        skippedOperations: [],
        heartbeat: { every: "1 minute", query: "UPDATE beat SET at = now()" },
        transforms: [Debezium.reroute({ topics: ".*", to: "all" }), Debezium.flatten({ addFields: ["op", "lsn"] })],
        config: { "poll.interval.ms": 50, "decimal.handling.mode": "precise" }
      })),
      (config) => {
        const expected = {
          "message.key.columns": "public.a:id,zone;public.b:id",
          "column.exclude.list": "public.a.secret",
          "slot.stream.params": "origin=none",
          "skipped.operations": "none",
          "heartbeat.interval.ms": "60000",
          "heartbeat.action.query": "UPDATE beat SET at = now()",
          transforms: "reroute,flatten",
          "transforms.reroute.type": "io.debezium.transforms.ByLogicalTableRouter",
          "transforms.reroute.topic.regex": ".*",
          "transforms.flatten.delete.tombstone.handling.mode": "rewrite-with-tombstone",
          "transforms.flatten.add.fields": "op,lsn",
          "poll.interval.ms": "50",
          "decimal.handling.mode": "precise"
        }
        for (const [key, value] of Object.entries(expected)) assert.strictEqual(config[key], value, key)
      }
    ))
})
