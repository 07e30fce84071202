/**
 * The database that the rows of a sync come from, where a program works with both sides.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"

/**
 * A client of the source. The target is the `SqlClient` of the context, as everywhere.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class Service extends Context.Service<Service, SqlClient>()("millrace/sql/SourceDatabase") {}

/**
 * Takes the client of a layer as that of the source. The layer's own `SqlClient` stays hidden, so that it cannot be
 * mistaken for the target's.
 *
 * **When to use**: for `Verify`, `SyncCheck` and `SyncStatus`.
 *
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Config } from "effect"
 * import { SourceDatabase } from "millrace/sql"
 *
 * export const shop = SourceDatabase.layer(PgClient.layerConfig(Config.all({ url: Config.Redacted("SHOP_URL") })))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = <E, R>(client: Layer.Layer<SqlClient, E, R>): Layer.Layer<Service, E, R> =>
  Layer.provide(Layer.effect(Service)(SqlClient), client)
