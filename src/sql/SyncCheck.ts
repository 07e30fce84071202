/**
 * What would break a sync later, found before it does: settings of the source, tables and columns that do not fit,
 * types that Debezium loses, values that are too large, rights.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Admin from "../Admin.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { flag, type KindsOf, requireFields } from "../internal/shared/fields.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import { type AnySource, show } from "../Source.ts"
import { literalOf } from "./apply/literals.ts"
import { problemsOf as lossesOf } from "./cells/losses.ts"
import { keyFields } from "./check/connectorFor.ts"
import type { Server, SessionSettings, SourceTable, TargetTable } from "./check/facts.ts"
import * as Sql from "./check/factsSql.ts"
import { guardProblems } from "./check/guardProblems.ts"
import { type Guards, guards } from "./check/guardSql.ts"
import { mappingProblems } from "./check/mappingProblems.ts"
import { neededFor, ownProblems, type OwnTables, ownTables } from "./check/ownProblems.ts"
import * as Problems from "./check/problems.ts"
import { columnsOf, rightsOf } from "./check/rights.ts"
import * as Migrations from "./Migrations.ts"
import { placeKinds } from "./migrations/place.ts"
import type * as SourceDatabase from "./SourceDatabase.ts"
import { requireSyncs } from "./sync/handedIn.ts"
import { destinationOf, type Mapping } from "./sync/mapping.ts"
import { settingsOf } from "./sync/settings.ts"
import { load } from "./sync/syncTables.ts"
import type { SyncError } from "./SyncError.ts"
import * as Table from "./Table.ts"
import { quoted, quotedTable } from "./tables/names.ts"
import { schemaOf } from "./tables/ownTables.ts"
import { syncErrorOf } from "./tables/sqlErrors.ts"
import { type AnySync, operationOf, sides, sourcesOf } from "./verify/pairs.ts"

export type { Problem } from "./check/problems.ts"

/**
 * The options of {@link run}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options extends Migrations.Options {
  /** How many rows of each table are looked at for large values at most (default 10,000). */
  readonly sampleSize?: number | undefined
  /** Whether the target is synced back, so that writes there need a replication origin (default `false`). */
  readonly bothWays?: boolean | undefined
}

const kinds: KindsOf<Options> = { ...placeKinds, sampleSize: Kinds.positive, bothWays: flag }

/** What Kafka takes by default: a record in a topic, and a request of a producer. */
const defaultTopicBytes = 1_048_588
const defaultRequestBytes = 1_048_576

const asked = <A>(
  operation: string,
  sql: SqlClient,
  text: string,
  params: ReadonlyArray<string> = []
): Effect.Effect<A | undefined, SyncError> =>
  Effect.map(
    Effect.mapError(sql.unsafe(text, params).values, (error) => syncErrorOf(operation, error)),
    ([row]) => row?.[0] === undefined ? undefined : JSON.parse(String(row[0])) as A
  )

/** Reasons that are about tables: they are what a check looks for. */
const found: ReadonlyArray<string> = ["MissingTable", "MissingColumn", "MissingKey", "Unsupported"]

const asProblem = (side: "source" | "target", subject: string, error: SyncError) =>
  found.includes(error.reason._tag)
    ? Effect.succeed<Problems.Problem>({
      severity: "error",
      side,
      subject,
      problem: error.reason.message,
      breaks: "the sync does not start, or stores nothing",
      mend: undefined
    })
    : Effect.fail(error)

const sizedKinds: ReadonlyArray<string> = ["text", "char", "bytes", "json", "array", "hstore", "tsvector", "other"]

/** The largest value of the synced columns, in some of the rows. */
const largestOf = Effect.fnUntraced(function*(
  operation: string,
  sql: SqlClient,
  table: Table.Table,
  mapping: Mapping,
  sampleSize: number
) {
  const columns = table.columns.filter(({ isGenerated, kind, name }) =>
    !isGenerated && sizedKinds.includes(kind) && typeof destinationOf(mapping, name) === "number"
  )
  if (columns.length === 0) return undefined
  const sizes = columns.map(({ kind, name }) =>
    kind === "bytes" ? `octet_length(t.${quoted(name)})` : `octet_length(t.${quoted(name)}::text)`
  )
  const most = yield* asked<ReadonlyArray<number | null>>(
    operation,
    sql,
    Sql.largest(quotedTable(table), sizes, sampleSize)
  )
  return (most ?? []).reduce<{ readonly column: string; readonly bytes: number } | undefined>(
    (best, bytes, i) => bytes !== null && bytes > (best?.bytes ?? 0) ? { column: columns[i]!.name, bytes } : best,
    undefined
  )
})

/** Whether marks and versions of rows fit the table. `key`: the columns of the records' key where a sync names them. */
const guardsOf = Effect.fnUntraced(function*(
  operation: string,
  side: "source" | "target",
  table: Table.Table,
  key: ReadonlyArray<string> | undefined
) {
  const facts = yield* asked<Guards>(operation, (yield* sides)[side], guards, [table.schema, table.name])
  return facts === undefined ? [] : guardProblems(side, table, facts, key)
})

/** How large a record of the topic may be. */
const limitOf = Effect.fnUntraced(function*(sync: AnySync) {
  const unknown = { bytes: defaultTopicBytes, isKnown: false }
  const engine = yield* Effect.serviceOption(KafkaEngine.Service)
  const { match } = sync.source as AnySource
  if (engine._tag === "None" || match._tag !== "Name") return unknown
  return yield* Admin.describeConfigs(match.name).pipe(
    Effect.provideService(KafkaEngine.Service, engine.value),
    Effect.map((configs) => {
      const bytes = Number(configs["max.message.bytes"])
      return Number.isFinite(bytes) && bytes > 0 ? { bytes, isKnown: true } : unknown
    }),
    // A topic that is not there yet, or an engine that does not tell.
    Effect.orElseSucceed(() => unknown)
  )
})

/** Millrace's own tables at the target. */
const ofOwnTables = Effect.fnUntraced(function*(syncs: ReadonlyArray<AnySync>, { prefix, schema }: Options) {
  const operation = "check Millrace's tables"
  const { target } = yield* sides
  const place = { schema, prefix }
  const settings = syncs.flatMap((sync) => [
    sync.settings,
    ...Object.values(sync.settings.tables ?? {}).map((own) => settingsOf(sync.settings, own))
  ])
  const needed = neededFor(
    settings.some(({ version }) => version !== undefined),
    settings.some(({ waitFor }) => waitFor !== undefined)
  )
  const asks = [...needed, { name: "migrations", rights: ["SELECT"] }]
  const rights = asks.flatMap(({ rights }, i) => rights.map((right) => ({ right, place: String(i + 1) })))
  const facts = yield* asked<OwnTables>(operation, target, ownTables, [
    schemaOf(place),
    literalOf(asks, ({ name }) => `${prefix ?? ""}${name}`),
    literalOf(rights, ({ right }) => right),
    literalOf(rights, ({ place }) => place)
  ])
  if (facts === undefined) return []
  const noted = facts.tables.find(({ name }) => name === `${prefix ?? ""}migrations`)
  // Other tools, which run the migrations too, note elsewhere what they have run.
  const notRun = !facts.hasUsage || noted === undefined || noted.denied.length > 0
    ? []
    : yield* Migrations.plan(place).pipe(
      Effect.catchReason("SyncError", "InvalidSetting", () => Effect.succeed([]))
    )
  return ownProblems(place, needed, facts, notRun.map(({ name }) => name))
})

const ofSource = Effect.fnUntraced(function*(
  operation: string,
  sync: AnySync,
  server: Server,
  name: string,
  mapping: Mapping,
  sampleSize: number
) {
  const { source } = yield* sides
  const read = yield* Effect.result(Effect.provideService(Table.read(name), SqlClient, source))
  if (read._tag === "Failure") return [yield* asProblem("source", name, read.failure)]
  const table = read.success
  const { format, row } = sync.settings
  const facts = yield* asked<SourceTable>(operation, source, Sql.sourceTable, [table.schema, table.name])
  if (facts === undefined) return []
  const isSynced = (column: Table.Column) => typeof destinationOf(mapping, column.name) === "number"
  const problems: Array<Problems.Problem> = []
  if (format._tag !== "Plain") {
    problems.push(...Problems.sourceProblems(server, table, facts, lossesOf(table, format.modes, isSynced)))
    problems.push(...yield* guardsOf(operation, "source", table, keyFields(mapping.settings)))
  }
  if (row === undefined) problems.push(...mappingProblems(table, mapping, format.modes))
  if (!facts.canSelect) return problems
  const limit = yield* limitOf(sync)
  const largest = yield* largestOf(operation, source, table, mapping, sampleSize)
  problems.push(...Problems.sizeProblems(show(sync.source as AnySource), table, largest, limit, defaultRequestBytes))
  return problems
})

const ofSync = Effect.fnUntraced(function*(
  sync: AnySync,
  server: Server,
  { sampleSize = 10_000 }: Options
): Effect.fn.Return<ReadonlyArray<Problems.Problem>, SyncError, SqlClient | SourceDatabase.Service> {
  const operation = operationOf("check", sync)
  const { target } = yield* sides
  const loaded = yield* Effect.result(load(operation, sync.settings, {}))
  if (loaded._tag === "Failure") return [yield* asProblem("target", sync.settings.table, loaded.failure)]
  const { byName, main } = loaded.success
  const problems: Array<Problems.Problem> = []
  for (const mapping of new Set([main, ...byName.values()])) {
    const { settings, target: { columns, key, table } } = mapping
    const facts = yield* asked<TargetTable>(operation, target, Sql.targetTable, [
      table.schema,
      table.name,
      literalOf(columnsOf(mapping), (name) => name),
      literalOf(rightsOf(mapping), (right) => right)
    ])
    const role = yield* asked<string>(operation, target, Sql.role)
    if (facts !== undefined) problems.push(...Problems.targetProblems(role ?? "", table, facts))
    const names = settings.key === undefined ? undefined : key.map((place) => columns[place]!.name)
    problems.push(...yield* guardsOf(operation, "target", table, names))
  }
  for (const name of sourcesOf(sync, main.target.name)) {
    problems.push(...yield* ofSource(operation, sync, server, name, byName.get(name) ?? main, sampleSize))
  }
  return problems
})

const sameAs = (one: Problems.Problem) => (other: Problems.Problem): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/**
 * Looks at both databases, and at the topics where an engine is in the context, and returns what breaks, or will. It
 * changes nothing. Fails where a database cannot be asked; what is wrong with tables and columns is among the problems.
 *
 * **When to use**: before a rollout, and when something does not arrive.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Topic } from "millrace"
 * import { Change, ModelSync, SyncCheck } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const program = Effect.gen(function*() {
 *   for (const { breaks, mend, problem, subject } of yield* SyncCheck.run([users])) {
 *     yield* Effect.logWarning(`${subject}: ${problem}; ${breaks}`, mend)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category checks
 */
export const run = (
  syncs: ReadonlyArray<AnySync>,
  options: Options = {}
): Effect.Effect<ReadonlyArray<Problems.Problem>, SyncError, SqlClient | SourceDatabase.Service> => {
  requireSyncs("SyncCheck.run", syncs)
  requireFields("SyncCheck.run", "options", options, kinds)
  return Effect.gen(function*() {
    const { source, target } = yield* sides
    const server = yield* asked<Server>("check the source", source, Sql.server)
    if (server === undefined) return []
    const problems: Array<Problems.Problem> = []
    if (syncs.some(({ settings }) => settings.format._tag !== "Plain")) {
      problems.push(...Problems.serverProblems(server))
    }
    if (options.bothWays === true) {
      const there = yield* asked<Server>("check the target", target, Sql.server)
      if (there !== undefined) problems.push(...Problems.originProblems(there))
    }
    const settings = yield* asked<SessionSettings>("check the target", target, Sql.sessionSettings)
    const role = yield* asked<string>("check the target", target, Sql.role)
    if (settings !== undefined) problems.push(...Problems.sessionProblems(role ?? "", settings))
    if (syncs.length > 0) problems.push(...yield* ofOwnTables(syncs, options))
    for (const sync of syncs) problems.push(...yield* ofSync(sync, server, options))
    return problems.filter((one, i) => problems.findIndex(sameAs(one)) === i)
  })
}
