/** The tables of a sync, on both sides. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type AnySource, show } from "../../Source.ts"
import type { ModelSync } from "../ModelSync.ts"
import * as SourceDatabase from "../SourceDatabase.ts"
import type { Mapping } from "../sync/mapping.ts"
import { load } from "../sync/syncTables.ts"
import { SyncError } from "../SyncError.ts"
import * as Table from "../Table.ts"
import { type Pair, pairOf, tableOfTopic } from "./pair.ts"
import { within } from "./patience.ts"

/** Any sync. */
export type AnySync = ModelSync<any, any, any>

export const operationOf = (what: string, { settings, source }: AnySync): string =>
  `${what} ${show(source as AnySource)} into ${settings.table}`

/** The tables of the source, by their names, with what they are synced into. */
export const sourcesOf = (sync: AnySync, main: string): ReadonlyArray<string> => {
  const named = Object.keys(sync.settings.tables ?? {})
  if (named.length > 0) return named
  const { match } = sync.source as AnySource
  const isDebezium = sync.settings.format._tag !== "Plain"
  return [isDebezium && match._tag === "Name" ? tableOfTopic(match.name) ?? main : main]
}

/** Both clients. */
export interface Sides {
  readonly source: SqlClient
  readonly target: SqlClient
}

export const sides: Effect.Effect<Sides, never, SqlClient | SourceDatabase.Service> = Effect.gen(function*() {
  return { source: yield* SourceDatabase.Service, target: yield* SqlClient }
})

/** Errors name the side: both may have a table of one name. */
const onSide = <A, R>(
  operation: string,
  side: string,
  timeout: Duration.Duration,
  effect: Effect.Effect<A, SyncError, R>
): Effect.Effect<A, SyncError, R> =>
  Effect.mapError(within(operation, timeout, effect), (error) => {
    const { cause, place, reason } = error
    const what = error.operation === operation ? "" : `, ${error.operation}`
    return new SyncError({ operation: `${operation}, ${side}${what}`, reason, place, cause })
  })

/** Reads the tables of both sides and pairs them. */
export const pairsOf = Effect.fnUntraced(function*(
  operation: string,
  sync: AnySync,
  ignore: ReadonlyArray<string>,
  timeout: Duration.Duration
): Effect.fn.Return<ReadonlyArray<Pair>, SyncError, SqlClient | SourceDatabase.Service> {
  const { source } = yield* sides
  const { byName, main } = yield* onSide(operation, "target", timeout, load(operation, sync.settings, {}))
  const mappings: ReadonlyArray<readonly [string, Mapping]> = byName.size > 0
    ? [...byName]
    : sourcesOf(sync, main.target.name).map((name) => [name, main] as const)
  const pairs: Array<Pair> = []
  for (const [name, mapping] of mappings) {
    const reading = Effect.provideService(Table.read(name), SqlClient, source)
    const table = yield* onSide(operation, "source", timeout, reading)
    const isShared = mappings.some(([other, { target }]) => other !== name && target.name === mapping.target.name)
    const pair = pairOf(table, mapping, { ignore, isShared })
    if ("_tag" in pair) return yield* new SyncError({ operation, reason: pair })
    pairs.push(pair)
  }
  return pairs
})
