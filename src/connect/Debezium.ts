/**
 * Debezium's connectors, as settings for `Connector.make`: each function returns a plain configuration, and whatever it
 * does not know is given in `config`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { checkHelper, checkTransforms } from "./config/helperSettings.ts"
import type { Options, Value } from "./Connector.ts"
import type { JdbcSink, PostgresSource, Transform } from "./DebeziumModel.ts"

export type * from "./DebeziumModel.ts"

type Settings = Readonly<Record<string, Value>>

const transformsOf = (transforms: ReadonlyArray<Transform>): Settings => {
  if (transforms.length === 0) return {}
  checkTransforms(transforms.map(({ name }) => name))
  const settings = transforms.flatMap(({ name, settings, type }) =>
    Object.entries({ type, ...settings }).map(([key, value]) => [`transforms.${name}.${key}`, value] as const)
  )
  return { transforms: transforms.map(({ name }) => name), ...Object.fromEntries(settings) }
}

const columnsOf = (columns: PostgresSource["columns"]): Settings => {
  if (columns === undefined) return {}
  return "include" in columns
    ? { "column.include.list": columns.include }
    : { "column.exclude.list": columns.exclude }
}

const keyColumnsOf = (keys: PostgresSource["keyColumns"]): string | undefined =>
  keys === undefined
    ? undefined
    : Object.entries(keys).map(([table, columns]) => `${table}:${columns.join(",")}`).join(";")

const pairs = (params: Readonly<Record<string, string | undefined>> | undefined): string | undefined =>
  params === undefined
    ? undefined
    : Object.entries(params).flatMap(([key, value]) => value === undefined ? [] : [`${key}=${value}`]).join(";")

const heartbeatOf = (heartbeat: PostgresSource["heartbeat"] = { every: "10 seconds" }): Settings =>
  heartbeat === false ? {} : {
    "heartbeat.interval.ms": Duration.toMillis(Duration.fromInputUnsafe(heartbeat.every)),
    "heartbeat.action.query": heartbeat.query
  }

/**
 * Debezium's source for PostgreSQL: the rows of tables, and all their changes. Tested with Debezium 3.6.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { Connector, Debezium } from "millrace/connect"
 *
 * export const shop = Connector.make(
 *   "shop-source",
 *   Debezium.postgresSource({
 *     database: {
 *       hostname: Config.String("DB_HOST"),
 *       name: "shop",
 *       user: "debezium",
 *       password: Config.Redacted("DB_PASSWORD")
 *     },
 *     prefix: "shop",
 *     tables: ["public.orders", "public.items"],
 *     slot: "shop_orders",
 *     publication: { name: "shop_orders" },
 *     topics: { partitions: 6, replication: 3 },
 *     transforms: [Debezium.flatten({ addFields: ["op", "lsn"] })]
 *   })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category connectors
 */
export const postgresSource = (options: PostgresSource): Options => {
  checkHelper("Debezium", "postgresSource", options)
  const { database, publication, topics } = options
  return {
    plugin: "io.debezium.connector.postgresql.PostgresConnector",
    config: {
      "tasks.max": 1,
      "plugin.name": "pgoutput",
      "database.hostname": database.hostname,
      "database.port": database.port ?? 5432,
      "database.dbname": database.name,
      "database.user": database.user,
      "database.password": database.password,
      "topic.prefix": options.prefix,
      "table.include.list": options.tables,
      ...columnsOf(options.columns),
      "message.key.columns": keyColumnsOf(options.keyColumns),
      "slot.name": options.slot,
      "slot.stream.params": pairs(options.slotParams),
      "publication.name": publication.name,
      "publication.autocreate.mode": publication.autoCreate ?? "filtered",
      "snapshot.mode": options.snapshot,
      ...heartbeatOf(options.heartbeat),
      "decimal.handling.mode": options.decimals ?? "string",
      "time.precision.mode": options.times ?? "adaptive_time_microseconds",
      "binary.handling.mode": options.binaries,
      "tombstones.on.delete": options.tombstones,
      "skipped.operations": options.skippedOperations?.length === 0 ? "none" : options.skippedOperations,
      "signal.data.collection": options.signalTable,
      "topic.creation.default.partitions": topics.partitions,
      "topic.creation.default.replication.factor": topics.replication,
      ...transformsOf(options.transforms ?? []),
      ...options.config
    }
  }
}

/**
 * Makes of an envelope (`before`, `after`, `op`) a row, as `ExtractNewRecordState` does. A deletion becomes a row with
 * `__deleted: "true"` and a null behind it (`rewrite-with-tombstone`, the default here), or as `deletes` says.
 *
 * @example
 * ```ts
 * import { Debezium } from "millrace/connect"
 *
 * const { settings } = Debezium.flatten({ addFields: ["op", "source.ts_ms"] })
 * console.log(settings["delete.tombstone.handling.mode"]) // rewrite-with-tombstone
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transforms
 */
export const flatten = (options: {
  /** What becomes of a deletion. */
  readonly deletes?: "rewrite-with-tombstone" | "rewrite" | "tombstone" | "drop" | undefined
  /** Fields of the envelope that rows get, with two underscores before their names. */
  readonly addFields?: ReadonlyArray<string> | undefined
  /** Fields of the envelope that become headers. */
  readonly addHeaders?: ReadonlyArray<string> | undefined
} = {}): Transform => {
  checkHelper("Debezium", "flatten", options)
  return {
    name: "flatten",
    type: "io.debezium.transforms.ExtractNewRecordState",
    settings: {
      "delete.tombstone.handling.mode": options.deletes ?? "rewrite-with-tombstone",
      "add.fields": options.addFields,
      "add.headers": options.addHeaders
    }
  }
}

/**
 * Merges topics by their names, as `ByLogicalTableRouter` does. Keys get `__dbz__physicalTableIdentifier`, so that rows
 * of two tables with the same key stay apart; `uniqueKeys: false` leaves them as they are.
 *
 * @example
 * ```ts
 * import { Debezium } from "millrace/connect"
 *
 * const orders = Debezium.reroute({ topics: "(.*)orders_eu|(.*)orders_us", to: "orders" })
 * console.log(orders.settings["topic.replacement"]) // orders
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transforms
 */
export const reroute = (options: {
  /** A Java regular expression for the topics that are merged. */
  readonly topics: string
  /** The topic, with `$1` for groups. */
  readonly to: string
  /** Whether keys say the table (default `true`). */
  readonly uniqueKeys?: boolean | undefined
}): Transform => {
  checkHelper("Debezium", "reroute", options)
  return {
    name: "reroute",
    type: "io.debezium.transforms.ByLogicalTableRouter",
    settings: {
      "topic.regex": options.topics,
      "topic.replacement": options.to,
      "key.enforce.uniqueness": options.uniqueKeys
    }
  }
}

/**
 * Sends the rows of an outbox table to the topics that they name, as Debezium's `EventRouter` does.
 *
 * @example
 * ```ts
 * import { Debezium } from "millrace/connect"
 *
 * const outbox = Debezium.outbox({ routeBy: "topic", to: "${routedByValue}", key: "key", payload: "value" })
 * console.log(outbox.settings["route.by.field"]) // topic
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transforms
 */
export const outbox = (options: {
  /** The column that says where a row goes (default `aggregatetype`). */
  readonly routeBy?: string | undefined
  /** The topic (default `outbox.event.${routedByValue}`). */
  readonly to?: string | undefined
  /** The column of the key (default `aggregateid`). */
  readonly key?: string | undefined
  /** The column of the value (default `payload`). */
  readonly payload?: string | undefined
  /** Other columns: `type:header:eventType`. */
  readonly additional?: ReadonlyArray<string> | undefined
  /** Whether a value that is JSON is written as such (default `false`). */
  readonly expandJson?: boolean | undefined
} = {}): Transform => {
  checkHelper("Debezium", "outbox", options)
  return {
    name: "outbox",
    type: "io.debezium.transforms.outbox.EventRouter",
    settings: {
      "route.by.field": options.routeBy,
      "route.topic.replacement": options.to,
      "table.field.event.key": options.key,
      "table.field.event.payload": options.payload,
      "table.fields.additional.placement": options.additional,
      "table.expand.json.payload": options.expandJson
    }
  }
}

/**
 * Leaves out what a condition is false for, as Debezium's `Filter` does. The workers need its scripting module and an
 * engine for the language in the plugin's folder.
 *
 * @example
 * ```ts
 * import { Debezium } from "millrace/connect"
 *
 * // Rows that a sync has written, marked by a column.
 * const own = Debezium.filter({ condition: "value.after == null || value.after.kafka_skip != true" })
 * console.log(own.settings["language"]) // jsr223.groovy
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category transforms
 */
export const filter = (options: {
  /** What stays. */
  readonly condition: string
  /** The language of the condition (default `jsr223.groovy`). */
  readonly language?: string | undefined
}): Transform => {
  checkHelper("Debezium", "filter", options)
  return {
    name: "filter",
    type: "io.debezium.transforms.Filter",
    settings: { language: options.language ?? "jsr223.groovy", condition: options.condition }
  }
}

/**
 * Debezium's sink for databases: the records of topics as rows of tables. Tested with Debezium 3.6.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { Connector, Debezium } from "millrace/connect"
 *
 * export const orders = Connector.make(
 *   "orders-sink",
 *   Debezium.jdbcSink({
 *     url: "jdbc:postgresql://reports/reports",
 *     user: "sink",
 *     password: Config.Redacted("REPORTS_PASSWORD"),
 *     topics: ["shop.public.orders"],
 *     table: "orders"
 *   })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category connectors
 */
export const jdbcSink = (options: JdbcSink): Options => {
  checkHelper("Debezium", "jdbcSink", options)
  return {
    plugin: "io.debezium.connector.jdbc.JdbcSinkConnector",
    config: {
      "tasks.max": options.tasks ?? 1,
      topics: options.topics,
      "connection.url": options.url,
      "connection.username": options.user,
      "connection.password": options.password,
      "insert.mode": options.insertMode ?? "upsert",
      "delete.enabled": options.deletes ?? true,
      "primary.key.mode": "record_key",
      "primary.key.fields": options.keyFields,
      "collection.name.format": options.table,
      "schema.evolution": options.schemaEvolution ?? "none",
      ...options.config
    }
  }
}
