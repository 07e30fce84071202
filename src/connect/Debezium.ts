/**
 * Debezium's connectors, as settings for `Connector.make`: each function returns a plain configuration, and whatever it
 * does not know is given in `config`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import type { Options, Value } from "./Connector.ts"

type Settings = Readonly<Record<string, Value>>

/**
 * A step that records go through within Connect: what `transforms` lists.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Transform {
  /** Its name within the connector. */
  readonly name: string
  /** Its Java class. */
  readonly type: string
  /** Its settings, without `transforms.<name>.` before them. */
  readonly settings: Settings
}

/**
 * The settings of {@link postgresSource}. Names of tables have their schema: `public.orders`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface PostgresSource {
  /** Where the database is; the user needs the right to replicate. `port` is 5432 by default. */
  readonly database: {
    readonly hostname: Value
    readonly port?: Value
    readonly name: Value
    readonly user: Value
    readonly password: Value
  }
  /** The beginning of all topics: `<prefix>.<schema>.<table>`. */
  readonly prefix: string
  /** What is read. */
  readonly tables: ReadonlyArray<string>
  /** The columns that are read, `public.orders.id` (default all). Columns of a key cannot be left out. */
  readonly columns?:
    | { readonly include: ReadonlyArray<string> }
    | { readonly exclude: ReadonlyArray<string> }
    | undefined
  /** The columns of a table that make the key of its records (default its primary key). */
  readonly keyColumns?: Readonly<Record<string, ReadonlyArray<string>>> | undefined
  /** The replication slot: each source has its own. It keeps the WAL until it is dropped by hand. */
  readonly slot: string
  /** Parameters of the replication, such as `{ origin: "none" }` (PostgreSQL 16). */
  readonly slotParams?: Readonly<Record<string, string>> | undefined
  /** The publication, which is made for the tables (`filtered`, the default here) or exists (`disabled`). */
  readonly publication: {
    readonly name: string
    readonly autoCreate?: "filtered" | "disabled" | "all_tables" | undefined
  }
  /** What is read of the rows that are there at first (default `initial`: all of them, once). */
  readonly snapshot?: "initial" | "initial_only" | "no_data" | "always" | "when_needed" | undefined
  /**
   * How often the position is confirmed while nothing changes, and a statement that changes something where all tables
   * are quiet: without either the slot keeps the WAL of other tables (default every 10 seconds). `false`: never.
   */
  readonly heartbeat?: { readonly every: Duration.Input; readonly query?: string | undefined } | false | undefined
  /** How numerics are written (default `string`, which loses nothing). */
  readonly decimals?: "string" | "precise" | "double" | undefined
  /** How times are written (default `adaptive_time_microseconds`: integers). */
  readonly times?: "adaptive_time_microseconds" | "adaptive" | "isostring" | "connect" | "microseconds" | undefined
  /** How `bytea` is written (default `bytes`, which is Base64 in JSON). */
  readonly binaries?: "bytes" | "base64" | "base64-url-safe" | "hex" | undefined
  /** Whether a deletion is followed by a null for compacted topics (default `true`). */
  readonly tombstones?: boolean | undefined
  /** Operations that are left out (default `["t"]`, truncations; `[]`: none). */
  readonly skippedOperations?: ReadonlyArray<"c" | "u" | "d" | "t"> | undefined
  /** The table whose rows ask for snapshots. */
  readonly signalTable?: string | undefined
  /** How topics are made, where the broker does not make them. */
  readonly topics: { readonly partitions: number; readonly replication: number }
  /** What records go through, in this order. */
  readonly transforms?: ReadonlyArray<Transform> | undefined
  /** Other settings; they win. */
  readonly config?: Settings | undefined
}

const transformsOf = (transforms: ReadonlyArray<Transform>): Settings => {
  if (transforms.length === 0) return {}
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

const pairs = (params: Readonly<Record<string, string>> | undefined): string | undefined =>
  params === undefined ? undefined : Object.entries(params).map(([key, value]) => `${key}=${value}`).join(";")

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
} = {}): Transform => ({
  name: "flatten",
  type: "io.debezium.transforms.ExtractNewRecordState",
  settings: {
    "delete.tombstone.handling.mode": options.deletes ?? "rewrite-with-tombstone",
    "add.fields": options.addFields,
    "add.headers": options.addHeaders
  }
})

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
}): Transform => ({
  name: "reroute",
  type: "io.debezium.transforms.ByLogicalTableRouter",
  settings: {
    "topic.regex": options.topics,
    "topic.replacement": options.to,
    "key.enforce.uniqueness": options.uniqueKeys
  }
})

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
} = {}): Transform => ({
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
})

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
}): Transform => ({
  name: "filter",
  type: "io.debezium.transforms.Filter",
  settings: { language: options.language ?? "jsr223.groovy", condition: options.condition }
})

/**
 * The settings of {@link jdbcSink}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface JdbcSink {
  /** `jdbc:postgresql://host/database`, without a password. */
  readonly url: Value
  /** The user. */
  readonly user: Value
  /** Its password. */
  readonly password: Value
  /** The topics that are written; their values need a schema (JSON with `schemas.enable`, or Avro). */
  readonly topics: ReadonlyArray<string>
  /** Whether rows are inserted or overwritten (default `upsert`). */
  readonly insertMode?: "insert" | "upsert" | "update" | undefined
  /** Whether a null deletes its row (default `true`). */
  readonly deletes?: boolean | undefined
  /** The fields of the record's key that are the primary key (default all of them). */
  readonly keyFields?: ReadonlyArray<string> | undefined
  /** The table, with `${topic}` for the topic. */
  readonly table?: string | undefined
  /** Whether missing columns are added (default `none`). */
  readonly schemaEvolution?: "none" | "basic" | undefined
  /** How many tasks write (default 1). */
  readonly tasks?: number | undefined
  /** Other settings; they win. */
  readonly config?: Settings | undefined
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
export const jdbcSink = (options: JdbcSink): Options => ({
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
})
