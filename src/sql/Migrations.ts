/**
 * The tables that Millrace keeps its own state in, as migrations of Effect's `Migrator`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { createDeleted, createOffsets } from "./apply/offsetsSql.ts"
import { createKeyOffsets } from "./keyOffsets/keyOffsetsSql.ts"
import { requirePlace } from "./migrations/place.ts"
import { createSchema, existingSchema, ranMigrations } from "./migrations/schemaSql.ts"
import { createOutbox } from "./outbox/outboxSql.ts"
import { SyncError } from "./SyncError.ts"
import { InvalidSetting } from "./SyncErrorReason.ts"
import { ownTable, type Place, schemaOf, shownOwnTable } from "./tables/ownTables.ts"
import { syncErrorOf } from "./tables/sqlErrors.ts"
import { createWaiting } from "./waiting/waitingSql.ts"

/**
 * Where the tables are: `schema` (default `"millrace"`) and a `prefix` of their names (default none). Everything that
 * uses the tables takes the same two options.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Options = Place

/**
 * A migration, and the statements that it runs.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Migration {
  readonly id: number
  readonly name: string
  readonly statements: ReadonlyArray<string>
}

/** In the order in which they run; one that was released never changes. */
const migrations: ReadonlyArray<{
  readonly name: string
  readonly statements: (place: Place) => ReadonlyArray<string>
}> = [
  { name: "offsets", statements: createOffsets },
  { name: "deleted", statements: createDeleted },
  { name: "outbox", statements: createOutbox },
  { name: "key_offsets", statements: createKeyOffsets },
  { name: "waiting", statements: createWaiting }
]

const operation = "migrate Millrace's tables"

/**
 * All migrations, whether they were run or not.
 *
 * **When to use**: to hand them to another tool, as SQL.
 *
 * @example
 * ```ts
 * import { Migrations } from "millrace/sql"
 *
 * for (const { name, statements } of Migrations.all({ prefix: "shop_" })) console.log(name, statements.join(";\n"))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const all = (options: Options = {}): ReadonlyArray<Migration> => {
  requirePlace("Migrations.all", options)
  return migrations.map(({ name, statements }, index) => ({ id: index + 1, name, statements: statements(options) }))
}

/**
 * The migrations for a `Migrator` of your own, which has to give them a table of their own: their ids begin at 1. The
 * schema has to exist.
 *
 * @example
 * ```ts
 * import { Migrator } from "effect/sql"
 * import { Migrations } from "millrace/sql"
 *
 * export const migrate = Migrator.make({})({
 *   loader: Migrations.loader({ schema: "public", prefix: "millrace_" }),
 *   table: "millrace_migrations"
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const loader = (options: Options = {}): Migrator.Loader =>
  Effect.succeed(
    all(options).map(({ id, name, statements }) =>
      [
        id,
        name,
        Effect.succeed(Effect.flatMap(SqlClient, (sql) =>
          Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })))
      ] as const
    )
  )

const tableOf = (options: Options): string => `${options.prefix ?? ""}migrations`

const hasSchema = (sql: SqlClient, options: Options) =>
  Effect.map(sql.unsafe(existingSchema, [schemaOf(options)]).values, (rows) => rows.length > 0)

/** The migrations that were not run. `millrace` may be a schema, and `migrations` a table, of somebody else's. */
const missing = Effect.fnUntraced(function*(
  operation: string,
  sql: SqlClient,
  options: Options
): Effect.fn.Return<ReadonlyArray<Migration>, SyncError | SqlError> {
  const known = all(options)
  const [state] = yield* sql.unsafe(ranMigrations.exists, [schemaOf(options), tableOf(options)]).values
  if (state === undefined) return known
  const rows = state[0] === true ? yield* sql.unsafe(ranMigrations.all(ownTable(options, "migrations"))).values : []
  const names = new Map(rows.map(([id, name]) => [Number(id), name]))
  const latest = Math.max(0, ...names.keys())
  if (state[0] !== true || known.some(({ id, name }) => id <= latest && names.get(id) !== name)) {
    const problem = `${
      shownOwnTable(options, "migrations")
    } is not a table of Millrace's; choose another schema, or a prefix`
    return yield* new SyncError({ operation, reason: new InvalidSetting({ setting: "schema", problem }) })
  }
  return known.filter(({ id }) => id > latest)
})

/**
 * Creates what is missing, the schema included, each migration once, also when several programs do it at once. Returns
 * the migrations that it ran, none if all was there: then it only reads, and waits for nobody. Fails with
 * `InvalidSetting` where the table of migrations is somebody else's.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Migrations } from "millrace/sql"
 *
 * export const migrate = Effect.tap(
 *   Migrations.run(),
 *   (ran) => Effect.log(`${ran.length} migrations of Millrace's tables were run`)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const run = (
  options: Options = {}
): Effect.Effect<ReadonlyArray<Migration>, SyncError | Migrator.MigrationError, SqlClient> => {
  requirePlace("Migrations.run", options)
  return Effect.gen(function*() {
    // Names in the statements of a Migrator would be transformed, and not those of all else.
    const sql = (yield* SqlClient).withoutTransforms()
    // A Migrator locks its table against everybody who reads it, also where nothing is to be done.
    const wanted = yield* missing(operation, sql, options)
    if (wanted.length === 0) return []
    // Even `IF NOT EXISTS` asks for the right to create schemas, and two at once would collide.
    if (!(yield* hasSchema(sql, options))) {
      const create = Effect.forEach(createSchema(options), (statement) => sql.unsafe(statement), { discard: true })
      yield* sql.withTransaction(create)
    }
    const ran = yield* Migrator.make({})({
      loader: loader(options),
      table: `${schemaOf(options)}.${tableOf(options)}`
    }).pipe(Effect.provideService(SqlClient, sql))
    const ids = new Set(ran.map(([id]) => id))
    return wanted.filter(({ id }) => ids.has(id))
  }).pipe(Effect.catchTag("SqlError", (error: SqlError) => Effect.fail(syncErrorOf(operation, error))))
}

/**
 * The migrations that {@link run} would run. Changes nothing.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Migrations } from "millrace/sql"
 *
 * export const show = Effect.flatMap(Migrations.plan(), (missing) =>
 *   Effect.forEach(missing, ({ statements }) => Console.log(statements.join(";\n"))))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const plan = (options: Options = {}): Effect.Effect<ReadonlyArray<Migration>, SyncError, SqlClient> => {
  requirePlace("Migrations.plan", options)
  return Effect.flatMap(SqlClient, (sql) => missing("plan Millrace's tables", sql, options)).pipe(
    Effect.catchTag("SqlError", (error: SqlError) => Effect.fail(syncErrorOf("plan Millrace's tables", error)))
  )
}
