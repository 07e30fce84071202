/**
 * The settings of Debezium's connectors, in types. Part of `Debezium`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { Value } from "./Connector.ts"

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
 * The settings of `Debezium.postgresSource`. Names of tables have their schema: `public.orders`.
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
    | { readonly include: ReadonlyArray<string>; readonly exclude?: never }
    | { readonly exclude: ReadonlyArray<string>; readonly include?: never }
    | undefined
  /** The columns of a table that make the key of its records (default its primary key). */
  readonly keyColumns?: Readonly<Record<string, ReadonlyArray<string>>> | undefined
  /** The replication slot: each source has its own. It keeps the WAL until it is dropped by hand. */
  readonly slot: string
  /** Parameters of the replication, such as `{ origin: "none" }` (PostgreSQL 16). */
  readonly slotParams?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * The publication, which is made for the tables (`filtered`, the default here), for none where only logical messages
   * are read (`no_tables`), or exists (`disabled`).
   */
  readonly publication: {
    readonly name: string
    readonly autoCreate?: "filtered" | "disabled" | "all_tables" | "no_tables" | undefined
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

/**
 * The settings of `Debezium.jdbcSink`.
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
