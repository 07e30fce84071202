/**
 * The config module of the `millrace` command: what an application consumes and how its engine is made.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import { checkConnectors, planning } from "../connect/config/settings.ts"
import type { Connector } from "../connect/Connector.ts"
import type * as KafkaConnect from "../connect/KafkaConnect.ts"
import type { Settings } from "../connect/PlanModel.ts"
import type * as Consumer from "../Consumer.ts"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import { anything, objectOf, requireFields } from "../internal/shared/fields.ts"
import type * as SchemaRegistry from "../registry/SchemaRegistry.ts"
import { placeKinds } from "../sql/migrations/place.ts"
import type { ModelSync } from "../sql/ModelSync.ts"
import type { Place } from "../sql/tables/ownTables.ts"
import type * as Topic from "../Topic.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/cli/Config"

/**
 * A config without its types, as the command works with it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Config {
  readonly [TypeId]: true
  readonly engine: Layer.Layer<KafkaEngine.Service, unknown>
  readonly topics: ReadonlyArray<Topic.Topic<any, any, any, any, any>>
  readonly shapes: Readonly<{ [topic: string]: Topic.Shape }>
  readonly consumers: ReadonlyArray<Consumer.Consumer<any, any>>
  readonly layer: Layer.Layer<any, unknown, any>
  readonly registry: Layer.Layer<SchemaRegistry.Service, unknown> | undefined
  readonly connect: Layer.Layer<KafkaConnect.Service, unknown> | undefined
  readonly connectors: ReadonlyArray<Connector>
  readonly connectorSettings: Settings
  readonly sql: Layer.Layer<SqlClient, unknown> | undefined
  readonly sqlTables: Place
  readonly sqlSource: Layer.Layer<SqlClient, unknown> | undefined
  readonly syncs: ReadonlyArray<ModelSync<any, any, any>>
}

/** The registry, if there is a layer of it. */
type ProvidedBy<Registry> = [Registry] extends [never] ? never : SchemaRegistry.Service

/**
 * Defines what the `millrace` command works with. The default export of `millrace.config.ts`.
 *
 * - `engine`: the layer of the cluster. Listing, dry runs, `topics`, `groups`, `tail` and `produce` build nothing else.
 * - `consumers`: what `millrace consume` runs, named by their groups.
 * - `topics`: topics that `tail` and `produce` know the codecs of, besides those of the consumers.
 * - `shapes`: how `millrace topics --create` makes topics, by name; `--partitions` and the like are for all others.
 * - `layer`: everything the consumers need. It may itself use the engine and the registry. A missing service is a type
 *   error.
 * - `registry`: the layer of the Schema Registry, for topics whose codecs need one, and for `millrace schemas`.
 * - `connect`: the layer of Kafka Connect, `connectors` what it should run, and `connectorSettings` how they are
 *   compared (a prefix of their names, for example); for `millrace connect`.
 * - `sql`: the layer of the database, and `sqlTables` the schema and prefix of Millrace's tables in it (as in
 *   `Migrations`); for `millrace sql`.
 * - `syncs`: the model syncs into that database, and `sqlSource` the layer of the database that their rows come from;
 *   for `millrace sql check`, `status`, `verify` and `resync`.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { defineConfig } from "millrace/cli"
 * import { ConfluentKafka } from "millrace/confluent"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export default defineConfig({
 *   engine: ConfluentKafka.layer({ bootstrapServers: ["localhost:9092"] }),
 *   topics: [Notes],
 *   consumers: [
 *     Consumer.make("printer", {
 *       offsetReset: "earliest",
 *       onFailure: OnFailure.stop,
 *       handlers: [Topic.handle(Notes, (record) => Effect.log(record.value))]
 *     })
 *   ],
 *   layer: Layer.empty
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const defineConfig = <
  const C extends ReadonlyArray<Consumer.Any>,
  EE,
  EL,
  Registry extends Layer.Layer<SchemaRegistry.Service, unknown> = never
>(config: {
  readonly engine: Layer.Layer<KafkaEngine.Service, EE>
  readonly topics?: ReadonlyArray<Topic.Any> | undefined
  readonly shapes?: Readonly<{ [topic: string]: Topic.Shape }> | undefined
  readonly consumers: C
  readonly layer: Layer.Layer<
    Exclude<Consumer.Services<C[number]>, KafkaEngine.Service | Scope.Scope | ProvidedBy<Registry>>,
    EL,
    KafkaEngine.Service | ProvidedBy<Registry>
  >
  readonly registry?: Registry | undefined
  readonly connect?: Layer.Layer<KafkaConnect.Service, unknown> | undefined
  readonly connectors?: ReadonlyArray<Connector> | undefined
  readonly connectorSettings?: Settings | undefined
  readonly sql?: Layer.Layer<SqlClient, unknown> | undefined
  readonly sqlTables?: Place | undefined
  readonly sqlSource?: Layer.Layer<SqlClient, unknown> | undefined
  readonly syncs?: ReadonlyArray<ModelSync<any, any, any>> | undefined
}): Config => {
  requireFields("defineConfig", "config", config, { ...kinds })
  if (config.connectors !== undefined) checkConnectors("defineConfig", config.connectors)
  return {
    [TypeId]: true,
    engine: config.engine,
    // Opaque to the outside, so that the types of the elements stay exact.
    topics: (config.topics ?? []) as ReadonlyArray<any>,
    shapes: config.shapes ?? {},
    consumers: config.consumers as ReadonlyArray<any>,
    layer: config.layer,
    registry: config.registry,
    connect: config.connect,
    connectors: config.connectors ?? [],
    connectorSettings: config.connectorSettings ?? {},
    sql: config.sql,
    sqlTables: config.sqlTables ?? {},
    sqlSource: config.sqlSource,
    syncs: config.syncs ?? []
  }
}

/** What each field must be is checked when the config is loaded, with words that say what belongs there. */
const kinds = {
  engine: anything,
  topics: anything,
  shapes: anything,
  consumers: anything,
  layer: anything,
  registry: anything,
  connect: anything,
  connectors: anything,
  connectorSettings: objectOf({ ...planning }),
  sql: anything,
  sqlTables: objectOf({ ...placeKinds }),
  sqlSource: anything,
  syncs: anything
}

/** Whether a value was made by {@link defineConfig}. @internal */
export const isConfig = (value: unknown): value is Config =>
  typeof value === "object" && value !== null && TypeId in value
