/**
 * The connector that feeds syncs: Debezium's source with the tables, columns, keys and forms that they read.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { Options as ConnectorOptions } from "../connect/Connector.ts"
import * as Debezium from "../connect/Debezium.ts"
import { anything, type KindsOf, problemOf, texts } from "../internal/shared/fields.ts"
import { connectorFor, type Merge } from "./check/connectorFor.ts"
import type { Forms } from "./check/connectorForms.ts"
import { requireSyncs } from "./sync/handedIn.ts"
import type { AnySync } from "./verify/pairs.ts"

/**
 * What syncs do not say of their connector; see `Debezium.PostgresSource` for what is not explained here.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options extends
  Pick<
    Debezium.PostgresSource,
    | "database"
    | "prefix"
    | "slot"
    | "publication"
    | "topics"
    | "snapshot"
    | "heartbeat"
    | "signalTable"
    | "tombstones"
    | "config"
  >
{
  /**
   * Columns that are read besides those that the syncs store (default none): the one of `skipField`, or those that
   * other consumers need. `schema.table.column`.
   */
  readonly columns?: ReadonlyArray<string> | undefined
  /**
   * Keeps the connector from seeing what was written under a replication origin, as `LoopGuard.origin` does
   * (PostgreSQL 16). `heartbeatTable` is a table of the source, `(id int PRIMARY KEY, at timestamptz)`, that the
   * connector writes into: without own writes its slot would keep the WAL for ever.
   */
  readonly origin?: { readonly heartbeatTable: string } | undefined
  /** Transforms behind those that the syncs need (default none). */
  readonly transforms?: ReadonlyArray<Debezium.Transform> | undefined
}

const kinds: KindsOf<Options> = {
  database: anything,
  prefix: anything,
  slot: anything,
  publication: anything,
  topics: anything,
  snapshot: anything,
  heartbeat: anything,
  signalTable: anything,
  tombstones: anything,
  config: anything,
  columns: texts,
  origin: {
    words: "{ heartbeatTable }",
    is: (value) => typeof Object(value).heartbeatTable === "string" && Object.keys(Object(value)).length === 1
  },
  transforms: anything
}

const merging = ({ field, ...merge }: Merge, name: string): Debezium.Transform => {
  const { settings, type } = Debezium.reroute(merge)
  return { name, type, settings: { ...settings, "key.field.name": field } }
}

const flattening = ({ fields, prefix }: NonNullable<Forms["flattens"]>): Debezium.Transform => {
  const { settings, ...rest } = Debezium.flatten({ addFields: fields, addHeaders: ["origin"] })
  return { ...rest, settings: { ...settings, "add.fields.prefix": prefix, "add.headers.prefix": prefix } }
}

/**
 * Debezium's source for syncs, for `Connector.make`:
 *
 * - `tables`: those of the syncs' `tables`, or the ones that their topics are named after
 * - columns: what the syncs store, with the fields of their keys; all columns of tables whose sync has a `row`
 * - keys of records: the fields of `key`, by their names at the source; else Debezium takes the primary key
 * - a topic that is not named as Debezium would: a transform that merges the tables into it
 * - `Change.flattened`: the transform that flattens, with the fields that `version` and loop guards need
 * - `time.precision.mode`, `decimal.handling.mode`, `binary.handling.mode`: those that the formats read, as are
 *   `include.unknown.datatypes`, `unavailable.value.placeholder` and the prefix of fields; intervals come as texts
 * - truncations, where a sync applies them
 *
 * Syncs of one connector have one form and the same modes; others throw, as do plain topics and misspelt options.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { Topic } from "millrace"
 * import { Connector } from "millrace/connect"
 * import { Change, ModelSync, SyncConnector } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, {
 *   table: "public.customers",
 *   format: Change.envelope({ times: "isostring" }),
 *   fields: { exclude: ["password"] }
 * })
 *
 * export const shop = Connector.make("shop-source", SyncConnector.postgresSource([users], {
 *   database: { hostname: "db", name: "shop", user: "debezium", password: Config.Redacted("DB_PASSWORD") },
 *   prefix: "shop",
 *   slot: "shop_users",
 *   publication: { name: "shop_users" },
 *   topics: { partitions: 6, replication: 3 }
 * }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category connectors
 */
export const postgresSource = (syncs: ReadonlyArray<AnySync>, options: Options): ConnectorOptions => {
  const where = "SyncConnector.postgresSource"
  requireSyncs(where, syncs)
  const found = problemOf("options", options, kinds)
  if (found !== undefined) throw new Error(`${where}: ${found.field}: ${found.problem}`)
  const { heartbeat: beats } = options
  if (options.origin !== undefined && (beats === false || beats?.query !== undefined)) {
    const problem = "with `origin` the slot advances by what the connector writes into `heartbeatTable`; give `every` "
      + "alone, or leave it out"
    throw new Error(`${where}: heartbeat: ${problem}`)
  }
  const { columns = [], config, origin, transforms = [], ...rest } = options
  const made = connectorFor(syncs, {
    prefix: options.prefix,
    columns,
    heartbeatTable: origin?.heartbeatTable,
    signalTable: options.signalTable
  })
  if (typeof made === "string") throw new Error(`${where}: ${made}`)
  const { forms: { flattens, ...forms }, heartbeat: heartbeatQuery, merges, ...derived } = made
  return Debezium.postgresSource({
    ...rest,
    ...derived,
    ...forms.modes,
    ...(heartbeatQuery === undefined ? {} : {
      slotParams: { origin: "none" },
      heartbeat: {
        every: "10 seconds",
        ...(beats === false ? {} : beats),
        query: heartbeatQuery
      }
    }),
    transforms: [
      ...merges.map((merge, i) => merging(merge, merges.length === 1 ? "merge" : `merge${i}`)),
      ...(flattens === undefined ? [] : [flattening(flattens)]),
      ...transforms
    ],
    config: { ...forms.config, ...config }
  })
}
