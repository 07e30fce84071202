/**
 * Whether tables that are synced are alike, and making them so again. Connectors lose events now and then, and somebody
 * may write into the target: only a comparison shows it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { func, type KindsOf, oneOf, requireFields, text, texts, whole } from "../internal/shared/fields.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import type * as SourceDatabase from "./SourceDatabase.ts"
import { requireSync } from "./sync/handedIn.ts"
import { SyncError } from "./SyncError.ts"
import { InvalidSetting } from "./SyncErrorReason.ts"
import { partsOf, quoted, quotedTable } from "./tables/names.ts"
import { syncErrorOf } from "./tables/sqlErrors.ts"
import type { Pair } from "./verify/pair.ts"
import { type AnySync, operationOf, pairsOf, type Sides, sides } from "./verify/pairs.ts"
import { inTransaction, within } from "./verify/patience.ts"
import type { Key } from "./verify/ranges.ts"
import { Reading } from "./verify/reading.ts"
import { copy } from "./verify/repairing.ts"
import * as Sql from "./verify/verifySql.ts"
import { type Seen, type Walk, walk } from "./verify/walking.ts"
import type { Comparison, Difference, Options, Resynced, ResyncOptions } from "./VerifyModel.ts"

export type * from "./VerifyModel.ts"

const kinds: KindsOf<Options> = {
  ignore: texts,
  rangeSize: Kinds.positive,
  pause: Kinds.duration,
  rechecks: whole,
  most: whole,
  timeout: Kinds.interval,
  onProgress: func
}

const { most: _, ...shared } = kinds
const copyKinds = {
  ...shared,
  by: oneOf("copy", "signal"),
  chunkSize: Kinds.positive,
  extra: oneOf("keep", "delete"),
  lockTimeout: Kinds.duration
}
const signalKinds = { ...shared, by: copyKinds.by, chunkSize: Kinds.positive, signalTable: text }

/** How many keys are looked at at once. */
const batchSize = 2_000

/** Rows that differ wait together, for each pause is one of all: this many of them, or this many values. */
const mostTogether = 20_000
const mostValues = 400_000

/** How many refused rows are listed. */
const mostRefused = 100

const timeoutOf = ({ timeout }: Pick<Options, "timeout">): Duration.Duration =>
  Duration.fromInputUnsafe(timeout ?? "5 minutes")

const keyOf = ({ key }: Pair, parts: Key): { readonly [column: string]: string } =>
  Object.fromEntries(key.map(({ target }, i) => [target.name, parts[i]!]))

const differenceOf = (pair: Pair, { isMoving, key, kind, places }: Seen): Difference => ({
  kind,
  key: keyOf(pair, key),
  columns: places.map((place) => pair.columns[place]!.target.name),
  isMoving
})

const walkOf = (pair: Pair, options: Omit<Options, "most">, found: Walk["found"]): Walk => ({
  rangeSize: options.rangeSize ?? 5_000,
  batchSize,
  together: Math.max(batchSize, Math.min(mostTogether, Math.floor(mostValues / pair.columns.length))),
  pause: options.pause ?? "2 seconds",
  rechecks: options.rechecks ?? 5,
  found,
  progress: (counts) => options.onProgress?.({ table: pair.target.name, ...counts }) ?? Effect.void
})

/**
 * Compares the tables of a sync: counts and checksums of ranges of keys first, then the rows of ranges that differ,
 * then, after a pause, these rows again, for as long as they change. Both sides are read in short transactions, and
 * nothing is written. Returns a comparison for each table.
 *
 * Names, included and excluded fields, soft deletions and `deletes: "ignore"` are those of the sync; what it computes
 * with `row` is to be named in `ignore`. A value is compared as the column of the target has it: `1.50` is `1.5` in a
 * `numeric` without a scale. The tables of the source are those of the sync's `tables`, or the one that its topic is
 * named after (`prefix.schema.table`), or the one that is named as the target is.
 *
 * Fails as {@link ModelSync.check} does, and with `MissingTable` or `MissingColumn` for tables of the source. Throws
 * for options that it does not have.
 *
 * @example
 * ```ts
 * import { PgClient } from "@effect/sql-pg"
 * import { Config, Effect } from "effect"
 * import { Topic } from "millrace"
 * import { Change, ModelSync, SourceDatabase, Verify } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * const at = (url: string) => PgClient.layerConfig(Config.all({ url: Config.Redacted(url) }))
 *
 * export const program = Effect.gen(function*() {
 *   for (const { different, extra, missing, target } of yield* Verify.compare(users)) {
 *     yield* Effect.log(`${target}: ${missing} missing, ${extra} extra, ${different} different`)
 *   }
 * }).pipe(Effect.provide([at("TARGET_URL"), SourceDatabase.layer(at("SOURCE_URL"))]))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category comparing
 */
export const compare = (
  sync: AnySync,
  options: Options = {}
): Effect.Effect<ReadonlyArray<Comparison>, SyncError, SqlClient | SourceDatabase.Service> => {
  requireSync("Verify.compare", sync)
  requireFields("Verify.compare", "options", options, kinds)
  const operation = operationOf("compare", sync)
  const most = options.most ?? 1_000
  return Effect.gen(function*() {
    const clients = yield* sides
    const pairs = yield* pairsOf(operation, sync, options.ignore ?? [], timeoutOf(options))
    return yield* Effect.forEach(pairs, (pair) => compared(operation, clients, pair, options, most))
  })
}

const compared = Effect.fnUntraced(function*(
  operation: string,
  clients: Sides,
  pair: Pair,
  options: Options,
  most: number
): Effect.fn.Return<Comparison, SyncError> {
  const counts = { missing: 0, extra: 0, different: 0 }
  const differences: Array<Difference> = []
  const found = (looks: ReadonlyArray<Seen>) =>
    Effect.sync(() => {
      for (const look of looks) {
        counts[look.kind]++
        if (differences.length < most) differences.push(differenceOf(pair, look))
      }
    })
  const walked = yield* walk(new Reading(operation, clients, pair, timeoutOf(options)), walkOf(pair, options, found))
  return {
    source: pair.name,
    target: pair.target.name,
    columns: pair.columns.map(({ target }) => target.name),
    ignored: pair.ignored,
    ...walked,
    ...counts,
    differences
  }
})

/**
 * Whether nothing differs.
 *
 * @example
 * ```ts
 * import { Verify } from "millrace/sql"
 *
 * console.log(Verify.isAlike([])) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category comparing
 */
export const isAlike = (comparisons: ReadonlyArray<Comparison>): boolean =>
  comparisons.every(({ different, extra, missing }) => different + extra + missing === 0)

interface Outcome {
  copied: number
  deleted: number
  signalled: number
  kept: number
  refusedCount: number
  readonly refused: Array<Resynced["refused"][number]>
}

const chunksOf = <A>(all: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

/** Asks Debezium for rows. */
const signalled = (
  operation: string,
  { source }: Sides,
  pair: Pair,
  { signalTable: table, ...options }: Extract<ResyncOptions, { readonly by: "signal" }>,
  keys: ReadonlyArray<Key>
) => {
  const { name, schema } = partsOf(table)
  const data = JSON.stringify({
    type: "incremental",
    "data-collections": [pair.name],
    "additional-conditions": [{ "data-collection": pair.name, filter: Sql.filterOf(pair, keys) }]
  })
  const statement = Sql.signal(schema === undefined ? quoted(name) : quotedTable({ schema, name }))
  const where = `${operation}, signal table ${table}`
  return Effect.mapError(
    within(where, timeoutOf(options), inTransaction(source, source.unsafe(statement, [data]))),
    (error) => error instanceof SyncError ? error : syncErrorOf(where, error)
  )
}

/** Repairs a batch of rows that differ. */
const repaired = Effect.fnUntraced(function*(
  operation: string,
  clients: Sides,
  reading: Reading,
  options: ResyncOptions,
  looks: ReadonlyArray<Seen>,
  outcome: Outcome
): Effect.fn.Return<void, SyncError> {
  const { pair } = reading
  const isDeleting = options.by === "copy" && options.extra === "delete"
  const meant = isDeleting ? looks : looks.filter(({ kind }) => kind !== "extra")
  outcome.kept += looks.length - meant.length
  for (const chunk of chunksOf(meant, options.chunkSize ?? 500)) {
    if (options.by === "signal") {
      yield* signalled(operation, clients, pair, options, chunk.map(({ key }) => key))
      outcome.signalled += chunk.length
      continue
    }
    const lockTimeout = options.lockTimeout ?? "10 seconds"
    for (const part of yield* reading.parted(chunk)) {
      const done = yield* copy(operation, clients.target, reading, part, {
        deletes: isDeleting,
        lockTimeout,
        timeout: timeoutOf(options)
      })
      outcome.copied += done.copied
      outcome.deleted += done.deleted
      outcome.refusedCount += done.refused.length
      for (const { key, problem } of done.refused) {
        if (outcome.refused.length < mostRefused) outcome.refused.push({ key: keyOf(pair, key), problem })
      }
    }
  }
})

/** What cannot be repaired in this way. */
const problemOf = (sync: AnySync, options: ResyncOptions): InvalidSetting | undefined => {
  if (options.by === "signal") {
    return options.signalTable === undefined || options.signalTable === ""
      ? new InvalidSetting({ setting: "signalTable", problem: "name the connector's signal.data.collection" })
      : undefined
  }
  return sync.settings.row === undefined ? undefined : new InvalidSetting({
    setting: "by",
    problem: "\"copy\" goes past the sync's `row`; use \"signal\", which sends the rows through the topic again"
  })
}

/**
 * Repairs what {@link compare} finds, chunk by chunk.
 *
 * `by: "copy"` writes the rows of the source into the target. Each chunk locks the table against other writers, reads
 * the source and writes: what the sync stored before is in what is read, and what it stores later comes after, so that
 * the sync may go on meanwhile. The column of the sync's `version` is left as it is. A row that the target refuses is
 * reported, and the others are written. It needs the rights to insert, update and delete there.
 *
 * `by: "signal"` writes `execute-snapshot` signals for exactly these rows into the connector's signal table, at the
 * source; Debezium then sends them again, through the topic. It cannot send what is not there: rows that only the
 * target has are kept, and counted.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Topic } from "millrace"
 * import { Change, ModelSync, Verify } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const copied = Effect.map(Verify.resync(users, { by: "copy", extra: "delete" }), ([table]) => table?.copied)
 *
 * export const asked = Verify.resync(users, { by: "signal", signalTable: "public.debezium_signal" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category repairing
 */
export const resync = (
  sync: AnySync,
  options: ResyncOptions
): Effect.Effect<ReadonlyArray<Resynced>, SyncError, SqlClient | SourceDatabase.Service> => {
  requireSync("Verify.resync", sync)
  requireFields("Verify.resync", "options", options, options?.by === "signal" ? signalKinds : copyKinds)
  if (options.by === undefined) throw new Error("Verify.resync: by: is missing; say \"copy\" or \"signal\"")
  const operation = operationOf("resync", sync)
  return Effect.gen(function*() {
    const problem = problemOf(sync, options)
    if (problem !== undefined) return yield* new SyncError({ operation, reason: problem })
    const clients = yield* sides
    const pairs = yield* pairsOf(operation, sync, options.ignore ?? [], timeoutOf(options))
    return yield* Effect.forEach(
      pairs,
      Effect.fnUntraced(function*(pair) {
        const outcome: Outcome = { copied: 0, deleted: 0, signalled: 0, kept: 0, refusedCount: 0, refused: [] }
        const reading = new Reading(operation, clients, pair, timeoutOf(options))
        yield* walk(
          reading,
          walkOf(pair, options, (looks) => repaired(operation, clients, reading, options, looks, outcome))
        )
        return { source: pair.name, target: pair.target.name, ...outcome }
      })
    )
  })
}
