/** The tables of a sync, read from the database when they are first needed. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Format } from "../change/model.ts"
import { SyncError } from "../SyncError.ts"
import { UnmappedTable } from "../SyncErrorReason.ts"
import * as Table from "../Table.ts"
import type { Place } from "../tables/ownTables.ts"
import type { Waiter } from "../waiting/relations.ts"
import { waiterOf } from "../waiting/waiters.ts"
import { type Mapping, mappingOf } from "./mapping.ts"
import { settingsOf, type TableSettings } from "./settings.ts"

/** What the tables of a sync are made from. */
export interface Parts extends TableSettings {
  readonly format: Format
  readonly tables?: { readonly [name: string]: string | Partial<TableSettings> } | undefined
}

/** The mappings of a sync: one for records that name no table, and one for each table that they may name. */
export interface Mappings {
  readonly main: Mapping
  readonly byName: ReadonlyMap<string, Mapping>
  /** The tables whose rows wait for their parents. */
  readonly waiters: ReadonlyMap<Mapping["target"], Waiter>
}

/** Reads all tables, and checks that the settings fit them. */
export const load = Effect.fnUntraced(function*(
  operation: string,
  parts: Parts,
  place: Place
): Effect.fn.Return<Mappings, SyncError, SqlClient> {
  const known = new Map<string, Table.Table>()
  const waiters = new Map<Mapping["target"], Waiter>()
  const read = Effect.fnUntraced(function*(name: string) {
    const table = known.get(name) ?? (yield* Table.read(name))
    known.set(name, table)
    return table
  })
  const mapped = Effect.fnUntraced(function*(settings: TableSettings) {
    const mapping = mappingOf(settings, yield* read(settings.table), parts.format.modes, place)
    if ("problem" in mapping) return yield* new SyncError({ operation, reason: mapping.problem })
    const { waitFor } = settings
    const { target } = mapping
    if (waitFor !== undefined) waiters.set(target, yield* waiterOf(operation, target, waitFor, read))
    return mapping
  })
  const byName = new Map<string, Mapping>()
  for (const [name, own] of Object.entries(parts.tables ?? {})) byName.set(name, yield* mapped(settingsOf(parts, own)))
  return { main: yield* mapped(settingsOf(parts, {})), byName, waiters }
})

/** The mapping for a record that names this table, or none. */
export const mappingFor = (
  { byName, main }: Mappings,
  table: string | undefined
): Mapping | UnmappedTable => {
  if (byName.size === 0 || table === undefined) return main
  return byName.get(table) ?? new UnmappedTable({ table, known: [...byName.keys()] })
}
