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
    // A text is a list of letters, too.
    const letters = { ...options, columns: { include: "name" as never } }
    assert.throws(
      () => Debezium.postgresSource(letters),
      /columns.include: "name" is not an array of at least one text/
    )
    const both = { include: ["a"], exclude: ["b"] }
    assert.throws(
      // @ts-expect-error one of them
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

describe("Debezium's sink for databases", () => {
  it.effect("writes rows by the keys of records, into the table that is named", () =>
    Effect.map(
      rendered(Debezium.jdbcSink({
        url: "jdbc:postgresql://reports/reports",
        user: "sink",
        password: Redacted.make("p"),
        topics: ["shop.public.orders", "shop.public.items"],
        keyFields: ["id", "zone"],
        table: "reports.${topic}",
        schemaEvolution: "basic"
      })),
      ({ "connection.password": password, ...config }) => {
        assert.isTrue(Redacted.isRedacted(password))
        assert.deepStrictEqual(config, {
          "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
          "tasks.max": "1",
          topics: "shop.public.orders,shop.public.items",
          "connection.url": "jdbc:postgresql://reports/reports",
          "connection.username": "sink",
          "insert.mode": "upsert",
          "delete.enabled": "true",
          "primary.key.mode": "record_key",
          "primary.key.fields": "id,zone",
          "collection.name.format": "reports.${topic}",
          "schema.evolution": "basic"
        })
      }
    ))
})

describe("Debezium's transforms", () => {
  it("leave out what a sync wrote, and route the rows of an outbox", () => {
    const { config } = Debezium.postgresSource({
      ...options,
      transforms: [
        Debezium.filter({ condition: "value.after == null || value.after.kafka_skip != true" }),
        {
          name: "without",
          type: "org.apache.kafka.connect.transforms.ReplaceField$Value",
          settings: { exclude: ["kafka_skip"] }
        },
        Debezium.outbox({ routeBy: "topic", to: "${routedByValue}", key: "key", payload: "value", expandJson: true })
      ]
    })
    const transforms = Object.fromEntries(
      Object.entries(config).filter(([key, value]) => key.startsWith("transforms") && value !== undefined)
    )
    assert.deepStrictEqual(transforms, {
      transforms: ["filter", "without", "outbox"],
      "transforms.filter.type": "io.debezium.transforms.Filter",
      "transforms.filter.language": "jsr223.groovy",
      "transforms.filter.condition": "value.after == null || value.after.kafka_skip != true",
      "transforms.without.type": "org.apache.kafka.connect.transforms.ReplaceField$Value",
      "transforms.without.exclude": ["kafka_skip"],
      "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter",
      "transforms.outbox.route.by.field": "topic",
      "transforms.outbox.route.topic.replacement": "${routedByValue}",
      "transforms.outbox.table.field.event.key": "key",
      "transforms.outbox.table.field.event.payload": "value",
      "transforms.outbox.table.expand.json.payload": true
    })
  })
})
