/**
 * Keeps a change from coming back: marks what a sync writes into a table, so that a sync in the other direction leaves
 * it out.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { type Kind, requireFields, texts } from "../internal/shared/fields.ts"
import { textsOf } from "./apply/running.ts"
import { guarded } from "./origin/guardedClient.ts"
import { type Instance, instanceKinds, namesOf, prefixOf, requireInstance } from "./origin/names.ts"
import * as Sql from "./origin/originSql.ts"
import { refusePooler } from "./origin/pooler.ts"
import { grantsFor, leasable, problemsOf, type Server, serverOf } from "./origin/rights.ts"
import { underOrigin } from "./origin/sessions.ts"
import { type Place, skipStatements } from "./origin/skipSql.ts"
import { SyncError } from "./SyncError.ts"
import { Unsupported } from "./SyncErrorReason.ts"
import * as Table from "./Table.ts"
import { partsOf, requireTable } from "./tables/names.ts"
import { serverErrorOf, syncErrorOf } from "./tables/sqlErrors.ts"

export type { Instance } from "./origin/names.ts"

/**
 * The options of {@link origin}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OriginOptions<E, R> extends Instance {
  /**
   * The client, such as `PgClient.layer({ …, maxConnections: 1 })`. It is built once more for this layer, so that its
   * connections belong to nobody else; it may have at most `names` of them. It has to reach the server itself: a pooler
   * that hands sessions on would hand the origin on, also when this client is gone. So the layer begins with a few
   * connections of it that end at once, and is refused where one of them gets a session that was there before.
   */
  readonly client: Layer.Layer<SqlClient, E, R>
}

const client: Kind = { words: "a Layer of an SqlClient", is: Layer.isLayer }

/**
 * An `SqlClient` whose writes are under a replication origin: PostgreSQL notes it in its log, and Debezium sends it as
 * `source.origin`. No table needs a column for it. Each connection takes a name of its own, `millrace_<instance>_<n>`,
 * and keeps it until it ends; one that was cut is replaced by a connection with a name that is free.
 *
 * The reader of the events leaves them out by `ignoreOrigins` of `Change.envelope` or `Change.flattened`, or the
 * connector never sees them (`slot.stream.params=origin=none`, PostgreSQL 16).
 *
 * Fails with `Denied`, which says the `GRANT`, if the role may not use origins: superusers alone may by default; with
 * `InvalidSetting` where a pooler, such as PgBouncer, is between the client and the server. A
 * transaction for which no name is free waits for about a second and fails; a sync repeats it.
 *
 * **When to use**: as the client of a sync into tables that another sync reads. Programs that write of their own use
 * another client.
 *
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { LoopGuard } from "millrace/sql"
 *
 * // Provide it to the consumer of the sync.
 * export const guarded = LoopGuard.origin({
 *   instance: "shop",
 *   client: PgClient.layer({ host: "localhost", database: "shop", username: "sync", maxConnections: 2 })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const origin = <E = never, R = never>(
  options: OriginOptions<E, R>
): Layer.Layer<SqlClient, SyncError | E, R> => {
  requireInstance("LoopGuard.origin", options, { ...instanceKinds, client })
  if (options.client === undefined) throw new Error("LoopGuard.origin: client is missing")
  return Layer.effect(
    SqlClient,
    Effect.gen(function*() {
      const inner = Context.get(yield* Layer.build(Layer.fresh(options.client)), SqlClient)
      const names = yield* leasable(inner, options)
      const started = Effect.gen(function*() {
        const { walLevel } = yield* serverOf(inner)
        if (walLevel !== "logical") {
          yield* Effect.logWarning(`wal_level is ${walLevel}: no connector can read what is written, nor its origin`)
        } else yield* refusePooler(options.client)
        const sql = yield* guarded(inner, { connection: underOrigin(names) })
        // A connection takes its name: what stands in the way shows here, not at the first record.
        yield* sql.unsafe("SELECT 1")
        return sql
      })
      return yield* Effect.catchTag(
        started,
        "SqlError",
        (error: SqlError) => Effect.fail(syncErrorOf("use a replication origin", error))
      )
    })
  )
}

/**
 * The names of the origins of an instance, for `ignoreOrigins` of a reader that leaves out this sync alone.
 *
 * @example
 * ```ts
 * import { Change, LoopGuard } from "millrace/sql"
 *
 * export const format = Change.envelope({ ignoreOrigins: LoopGuard.originNames({ instance: "shop" }) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const originNames = (instance: Instance): ReadonlyArray<string> => {
  requireInstance("LoopGuard.originNames", instance)
  return namesOf(instance)
}

/**
 * Whether a server, and the role of the connection, are set up for {@link origin}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Check extends Server {
  /** What a superuser has to run before this role can use origins; empty if nothing. */
  readonly grants: ReadonlyArray<string>
  /** What else is in the way; empty if nothing. */
  readonly problems: ReadonlyArray<string>
}

/**
 * Looks whether {@link origin} would work: rights, `wal_level`, version, and places for origins. Changes nothing.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { LoopGuard } from "millrace/sql"
 *
 * export const show = Effect.flatMap(LoopGuard.check({ instance: "shop" }), ({ grants, problems }) =>
 *   Effect.forEach([...grants, ...problems], (line) => Console.log(line)))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category checks
 */
export const check = (instance: Instance): Effect.Effect<Check, SyncError, SqlClient> => {
  requireInstance("LoopGuard.check", instance)
  return Effect.gen(function*() {
    const sql = yield* SqlClient
    const server = yield* serverOf(sql)
    const { statements } = yield* grantsFor(sql, instance)
    return { ...server, grants: statements, problems: problemsOf(server, instance) }
  }).pipe(Effect.mapError((error) => syncErrorOf("check replication origins", error)))
}

/**
 * What {@link drop} did.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Dropped {
  readonly dropped: ReadonlyArray<string>
  /** A session is under these: they stay. */
  readonly inUse: ReadonlyArray<string>
}

/**
 * Drops all origins of an instance that no session is under. Takes a superuser.
 *
 * **When to use**: when a sync is gone for good. Ending it frees no place of `max_active_replication_origins`; only
 * this does.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LoopGuard } from "millrace/sql"
 *
 * export const clean = Effect.flatMap(
 *   LoopGuard.drop("shop"),
 *   ({ dropped, inUse }) => Effect.log(`dropped ${dropped.length}, ${inUse.length} are in use`)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const drop = (instance: string): Effect.Effect<Dropped, SyncError, SqlClient> => {
  requireInstance("LoopGuard.drop", { instance })
  return Effect.gen(function*() {
    const sql = yield* SqlClient
    const [dropped, inUse]: [Array<string>, Array<string>] = [[], []]
    for (const [name] of yield* textsOf(sql, Sql.existingOf, [prefixOf(instance)])) {
      if (name === null || name === undefined) continue
      const result = yield* Effect.result(sql.unsafe(Sql.drop, [name]))
      if (result._tag === "Success") dropped.push(name)
      else if (serverErrorOf(result.failure).code === "55006") inUse.push(name)
      else return yield* Effect.fail(result.failure)
    }
    return { dropped, inUse }
  }).pipe(Effect.mapError((error) => syncErrorOf("drop replication origins", error)))
}

/**
 * Options of the column that marks rows.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface SkipOptions {
  /** The column (default `kafka_skip`): at most 40 letters, digits and `_`, no digit first. */
  readonly column?: string | undefined
  /**
   * The columns of the table that are the key of its records, where the connector has others for that
   * (`keyColumns` of `Debezium.postgresSource`) than the primary key. Default: the primary key, or without one the
   * columns of all unique indexes.
   */
  readonly key?: ReadonlyArray<string> | undefined
}

const column: Kind = {
  words: "a name of at most 40 letters, digits and _, no digit first",
  is: (value) => typeof value === "string" && /^[A-Za-z_]\w{0,39}$/.test(value)
}

const key: Kind = {
  words: "a list of at least one column",
  is: (value) => texts.is(value) && (value as ReadonlyArray<string>).length > 0
}

/** Checks what is handed in. */
const statementsOf = (where: string, table: string, options: SkipOptions) => {
  requireTable(where, table)
  requireFields(where, "options", options, { column, key })
  const name = options.column ?? "kafka_skip"
  return { column: name, statements: (place: Place) => skipStatements(place, name, options.key) }
}

/**
 * The statements of {@link addSkipColumn}, for migrations of your own. A table without a schema is the one that the
 * search path finds when they are run, and their function is then in the first schema of that path.
 *
 * @example
 * ```ts
 * import { LoopGuard } from "millrace/sql"
 *
 * for (const statement of LoopGuard.skipColumn("public.users")) console.log(`${statement};`)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const skipColumn = (table: string, options: SkipOptions = {}): ReadonlyArray<string> =>
  statementsOf("LoopGuard.skipColumn", table, options).statements(partsOf(table))

/**
 * Gives a table a column that is true in rows which a sync has written last ({@link marked}, {@link origin}), and false
 * in all others, and the triggers that keep it so: also for writes of other programs, and by hand. The table gets
 * `REPLICA IDENTITY FULL`, so that events of deletions have the column too, and all its partitions. May be run again.
 * A table without a schema is the one that the search path finds.
 *
 * Where a row is deleted, or gets another key or another partition, whose column has the other value, the trigger turns
 * it first, and then deletes or updates the row itself: the role needs the right to update all columns, and its
 * statement reports one row less, also in `RETURNING`.
 *
 * Run it again when the table gets another key or a partition. PostgreSQL refuses another type for a column of the key
 * while the triggers `!millrace_mark_kafka_skip_key` and `~millrace_mark_kafka_skip_key` are there: drop them, and run
 * it afterwards.
 *
 * Triggers of the table's own may change the key of a row, or its partition, before an update, if their names sort
 * before `~`. Where a later one takes a row whose mark has to be turned to another partition, the update fails, and
 * names it.
 *
 * Fails with `Unsupported` for a table with generated columns: with `REPLICA IDENTITY FULL` PostgreSQL would refuse
 * each of its updates as soon as it is published. It does so, too, where a column of that name has another type.
 *
 * @example
 * ```ts
 * import { LoopGuard } from "millrace/sql"
 *
 * export const migrate = LoopGuard.addSkipColumn("public.users")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const addSkipColumn = (
  table: string,
  options: SkipOptions = {}
): Effect.Effect<void, SyncError, SqlClient> => {
  const { column, statements } = statementsOf("LoopGuard.addSkipColumn", table, options)
  const operation = `mark rows of ${table}`
  return Effect.gen(function*() {
    const sql = yield* SqlClient
    const { columns, name, schema } = yield* Table.read(table)
    const generated = columns.find(({ isGenerated }) => isGenerated)
    if (generated !== undefined) {
      const problem =
        "it is generated, and the table needs REPLICA IDENTITY FULL, under which PostgreSQL refuses updates "
        + "of such tables; use LoopGuard.origin"
      return yield* new SyncError({ operation, reason: new Unsupported({ table, column: generated.name, problem }) })
    }
    const taken = columns.find(({ kind, name }) => name === column && kind !== "boolean")
    if (taken !== undefined) {
      const problem = `it is ${taken.type} already, and marks are boolean; use another name for the mark (column)`
      return yield* new SyncError({ operation, reason: new Unsupported({ table, column: taken.name, problem }) })
    }
    const all = statements({ schema, name })
    const run = Effect.forEach(all, (statement) => sql.unsafe(statement), { discard: true })
    yield* Effect.mapError(sql.withTransaction(run), (error) => syncErrorOf(operation, error))
  })
}

/**
 * The `SqlClient` of a sync into tables with a column of {@link addSkipColumn}: its transactions are marked as a
 * sync's, by the setting `millrace.sync` that ends with them. A statement outside of a transaction gets one of its own.
 * Works with any pool, also by way of a pooler. A stream outside of a transaction is for reading: it is not marked.
 *
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Layer } from "effect"
 * import { LoopGuard } from "millrace/sql"
 *
 * export const guarded = LoopGuard.marked.pipe(
 *   Layer.provide(PgClient.layer({ host: "localhost", database: "shop", username: "sync" }))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const marked: Layer.Layer<SqlClient, never, SqlClient> = Layer.effect(
  SqlClient,
  Effect.flatMap(SqlClient, (inner) =>
    // It asks the client, and no database: there is nothing to fail.
    Effect.orDie(
      guarded(inner, { transaction: (each) => Effect.asVoid(each.executeValues(Sql.markTransaction, [])) })
    ))
).pipe(
  // Two of a program have clients of two databases.
  Layer.fresh
)
