/**
 * The rows of syncs that wait for their parents (`waitFor` of `ModelSync`): what waits, since when, and for what.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { requireFields, shown } from "../internal/shared/fields.ts"
import { positive } from "../internal/shared/handedIn/settingKinds.ts"
import { literalOf } from "./apply/literals.ts"
import { inTransaction, textsOf } from "./apply/running.ts"
import type * as Migrations from "./Migrations.ts"
import { placeKinds, requirePlace } from "./migrations/place.ts"
import { SyncError } from "./SyncError.ts"
import { InvalidSetting } from "./SyncErrorReason.ts"
import { type Place, shownOwnTable } from "./tables/ownTables.ts"
import { ownTableErrorOf } from "./tables/sqlErrors.ts"
import { keysIn, mostKeys, releaseAll } from "./waiting/releasing.ts"
import { type Status, statusOf } from "./waiting/sweeping.ts"
import { Known } from "./waiting/waiters.ts"
import * as Sql from "./waiting/waitingSql.ts"
import { withOps } from "./waiting/wideOps.ts"

export type { Status } from "./waiting/sweeping.ts"

/**
 * A row that waits.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Row {
  /** Digits; the order in which the rows of a key came. */
  readonly id: string
  /** The group that read the record, and where the record is. */
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** The table that it belongs into, `schema.table`, and the values of its key, joined by spaces. */
  readonly table: string
  readonly key: string
  /** `"Mark"` is a deletion that only marks the row. */
  readonly kind: "Write" | "Mark"
  /** The cells by column, as texts; null is null. */
  readonly cells: { readonly [column: string]: string | null }
  /** The parent that it lacks, such as `public.customers(id) = ["7"]`. */
  readonly parent: string
  /** When it came, and when it expires, in milliseconds since the epoch. */
  readonly since: number
  readonly until: number
  /**
   * `"waiting"`; `"expired"` when its time is over: its parent still releases it when a sync writes it, and so do a
   * later record of its key and {@link retry}, but nothing looks for the parent; `"refused"` when its parent is there
   * and the database refuses the row: a later record of its key takes it along, or {@link retry}.
   */
  readonly state: "waiting" | "expired" | "refused"
  /** What the database said of a row that it refused. */
  readonly problem: string | undefined
}

const failing = <A>(
  operation: string,
  place: Place,
  effect: (sql: SqlClient) => Effect.Effect<A, SqlError | SyncError, SqlClient>
): Effect.Effect<A, SyncError, SqlClient> =>
  Effect.mapError(
    Effect.flatMap(SqlClient, effect),
    (error) => error instanceof SyncError ? error : ownTableErrorOf(operation, shownOwnTable(place, "waiting"), error)
  )

const rowOf = (cells: ReadonlyArray<string | null>): Row => {
  const [id, group, topic, partition, offset, table, key, op, parent, parentKey, since, until, expired, problem] = cells
  const { kind, row } = JSON.parse(op!)
  return {
    id: id!,
    group: group!,
    topic: topic!,
    partition: Number(partition),
    offset: Number(offset),
    table: table!,
    key: key!.replaceAll("\u001F", " "),
    kind,
    cells: row,
    parent: `${parent} = ${parentKey}`,
    since: Number(since),
    until: Number(until),
    state: problem !== null ? "refused" : expired === "true" ? "expired" : "waiting",
    problem: problem ?? undefined
  }
}

/**
 * The rows that wait, the oldest first, `max` at most (default 1,000).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Waiting } from "millrace/sql"
 *
 * export const show = Effect.flatMap(Waiting.list({ max: 10 }), (rows) =>
 *   Effect.forEach(rows, ({ key, parent, table }) => Effect.log(`${table} ${key} waits for ${parent}`)))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const list = (
  options: Migrations.Options & { readonly max?: number | undefined } = {}
): Effect.Effect<ReadonlyArray<Row>, SyncError, SqlClient> => {
  requireFields("Waiting.list", "options", options, { ...placeKinds, max: positive })
  const { max = 1_000, ...place } = options
  return failing(
    "list rows that wait",
    place,
    (sql) =>
      textsOf(sql, Sql.list(place), [String(max)]).pipe(
        Effect.flatMap((rows) => withOps(sql, place, rows, Sql.opIn.list)),
        Effect.map((rows) => rows.map(rowOf))
      )
  )
}

/** The ids of all rows that wait; the rows may be many, and large. @internal */
export const ids = (place: Migrations.Options = {}): Effect.Effect<ReadonlyArray<string>, SyncError, SqlClient> =>
  failing(
    "list rows that wait",
    place,
    (sql) => Effect.map(textsOf(sql, Sql.ids(place), []), (rows) => rows.map(([id]) => id!))
  )

/**
 * How many rows wait, are expired, are refused, and how long the oldest one that waits has.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Waiting } from "millrace/sql"
 *
 * export const tell = Effect.flatMap(Waiting.status(), ({ oldestMillis, waiting }) =>
 *   Effect.log(`${waiting} rows wait for their parents, the oldest for ${oldestMillis} ms`))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const status = (options: Migrations.Options = {}): Effect.Effect<Status, SyncError, SqlClient> => {
  requirePlace("Waiting.status", options)
  return failing("look at rows that wait", options, (sql) => statusOf(sql, options, null))
}

/** Numbers that fit into the column. */
const requireIds = (operation: string, ids: ReadonlyArray<string>): Effect.Effect<void, SyncError> => {
  const isId = (id: unknown) => /^\d{1,18}$/.test(String(id))
  if (Array.isArray(ids) && ids.every(isId)) return Effect.void
  const wrong = Array.isArray(ids) ? ids.find((id) => !isId(id)) : ids
  const problem = `${shown(wrong)} is no ${Array.isArray(ids) ? "id" : "array of ids"}; see Waiting.list`
  return Effect.fail(new SyncError({ operation, reason: new InvalidSetting({ setting: "ids", problem }) }))
}

/**
 * Releases rows whose parents are there by now; the others wait for as long as they would have at first, also those
 * that were expired or refused. The rows of a key come in their order: one that is released takes earlier ones along.
 * Returns how many of the rows were found, and how many of those are left.
 *
 * **When to use**: after the parents were repaired, or the table that refused a row.
 *
 * @example
 * ```ts
 * import { Waiting } from "millrace/sql"
 *
 * export const again = Waiting.retry("all")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operations
 */
export const retry = (
  ids: "all" | ReadonlyArray<string>,
  options: Migrations.Options = {}
): Effect.Effect<{ readonly found: number; readonly left: number }, SyncError, SqlClient> => {
  requirePlace("Waiting.retry", options)
  const operation = "retry rows that wait"
  return failing(operation, options, (sql) =>
    Effect.gen(function*() {
      if (ids !== "all") yield* requireIds(operation, ids)
      const wanted = ids === "all" ? null : literalOf(ids, (id) => id)
      // The parameter of a null is null; the types of statements here are texts.
      const rows = yield* textsOf(sql, Sql.again(options), [wanted as string])
      const known = new Known(options)
      for (let i = 0; i < rows.length; i += mostKeys) {
        const keys = keysIn(rows.slice(i, i + mostKeys).map(([, ...key]) => key))
        yield* inTransaction(sql, releaseAll({ sql, place: options, waiting: { known } }, keys))
      }
      const found = literalOf(rows, ([id]) => id)
      const [left] = yield* textsOf(sql, Sql.remaining(options), [found])
      return { found: rows.length, left: Number(left![0]) }
    }))
}

/**
 * Drops rows for good. Returns how many were found. A later row of the same key that leaves columns out misses what was
 * dropped.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Waiting } from "millrace/sql"
 *
 * export const dropExpired = Effect.gen(function*() {
 *   const rows = yield* Waiting.list()
 *   return yield* Waiting.drop(rows.filter(({ state }) => state === "expired").map(({ id }) => id))
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operations
 */
export const drop = (
  ids: ReadonlyArray<string>,
  options: Migrations.Options = {}
): Effect.Effect<number, SyncError, SqlClient> => {
  requirePlace("Waiting.drop", options)
  const operation = "drop rows that wait"
  return failing(operation, options, (sql) =>
    Effect.andThen(
      requireIds(operation, ids),
      Effect.suspend(() =>
        Effect.map(textsOf(sql, Sql.remove(options), [literalOf(ids, (id) => id)]), (rows) => rows.length)
      )
    ))
}
