/** Databases of one's own at the PostgreSQL that all tests of a run share. */
import * as PgClient from "@effect/sql-pg/PgClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { sharedPostgres } from "./env.ts"

let made = 0

/** How to reach a database. */
export interface Place {
  readonly host: string
  readonly port: number
  readonly database: string
}

/** A client of a database, as user `postgres`. */
export const client = (
  place: Place,
  options: Omit<PgClient.PgPoolConfig, "host" | "port" | "database"> = {}
): Layer.Layer<PgClient.PgClient | SqlClient, SqlError> =>
  PgClient.layer({ username: "postgres", ...place, ...options })

/** Makes an empty database. */
export const makeDatabase: Effect.Effect<Place, SqlError> = Effect.gen(function*() {
  const server = sharedPostgres()
  const database = `test_${process.pid}_${++made}`
  const sql = yield* PgClient.PgClient
  yield* sql.unsafe(`CREATE DATABASE ${database}`)
  return { ...server, database }
}).pipe(Effect.provide(Layer.unwrap(Effect.sync(() => client({ ...sharedPostgres(), database: "postgres" })))))

/** A client of an empty database, in which these statements were run. */
export const database = (
  statements: ReadonlyArray<string> = [],
  options?: Omit<PgClient.PgPoolConfig, "host" | "port" | "database">
): Layer.Layer<PgClient.PgClient | SqlClient, SqlError> =>
  Layer.unwrap(Effect.map(makeDatabase, (place) => client(place, options))).pipe(
    Layer.tap((context) =>
      Effect.provide(
        Effect.flatMap(PgClient.PgClient, (sql) =>
          Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })),
        context
      )
    )
  )
