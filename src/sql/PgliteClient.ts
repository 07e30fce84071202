/**
 * Effect's PostgreSQL client over PGlite, a PostgreSQL within the process: the same program runs on a server by another
 * layer.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import type { PGliteOptions } from "@electric-sql/pglite"
import { PGlite } from "@electric-sql/pglite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { shown, text } from "../internal/shared/fields.ts"
import { bridge } from "./pglite/bridge.ts"
import { SyncError } from "./SyncError.ts"
import { Unexpected } from "./SyncErrorReason.ts"

/** What a connection has to say that is no choice: PGlite has one user, one database and one session. */
const connection = {
  username: "postgres",
  database: "postgres",
  ssl: false,
  maxConnections: 1,
  minConnections: 1
} as const

/**
 * The client over a PGlite of your own, which stays open when the layer ends. PGlite has one session: a transaction of
 * the client is one of PGlite, so use PGlite itself only where no transaction of the client is open, and the client
 * only where none of PGlite is. A connection that takes the place of another one, of this layer or of one before,
 * begins as a new session: a transaction that is open, settings, and channels that PGlite listens to are gone.
 *
 * @example
 * ```ts
 * import { PGlite } from "@electric-sql/pglite"
 * import { PgliteClient } from "millrace/pglite"
 *
 * const db = await PGlite.create()
 * export const sql = PgliteClient.layerFrom(db)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layerFrom = (db: PGlite): Layer.Layer<PgClient.PgClient | SqlClient, SqlError> => {
  if (typeof Object(db).execProtocolRaw !== "function") {
    throw new Error(`PgliteClient.layerFrom: ${shown(db)} is no PGlite; wait for what PGlite.create returns`)
  }
  return PgClient.layer({ ...connection, stream: bridge(db) })
}

/** Its file system throws what is no error. */
const problemOf = (cause: unknown): string => {
  if (cause instanceof Error) return cause.message
  const { errno } = Object(cause)
  return errno === undefined ? String(cause) : `the folder cannot be used (error ${errno} of its file system)`
}

/**
 * A PGlite that is closed with the layer. Without `dataDir` it keeps everything in memory; a path keeps it in that
 * folder. Other options, such as extensions, are PGlite's own. It takes some seconds to start and about 1 GB of memory.
 *
 * **When to use**: in demonstrations, in tests, and in programs that run where no server is.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { PgliteClient } from "millrace/pglite"
 *
 * export const answer = Effect.gen(function*() {
 *   const sql = yield* SqlClient.SqlClient
 *   return yield* sql`SELECT 42 AS answer`
 * }).pipe(Effect.provide(PgliteClient.layer({ dataDir: "./data" })))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: PGliteOptions = {}
): Layer.Layer<PgClient.PgClient | SqlClient, SyncError | SqlError> => {
  const { dataDir } = options
  if (dataDir !== undefined && !text.is(dataDir)) {
    throw new Error(`PgliteClient.layer: dataDir: ${shown(dataDir)} is not ${text.words}`)
  }
  const operation = `start PGlite${dataDir === undefined ? "" : ` in ${dataDir}`}`
  return Layer.unwrap(Effect.map(
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => PGlite.create(options),
        catch: (cause) => new SyncError({ operation, reason: new Unexpected({ problem: problemOf(cause) }), cause })
      }),
      (db) => Effect.promise(() => db.close())
    ),
    layerFrom
  ))
}
