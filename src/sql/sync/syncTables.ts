/** The tables of a sync, read from the database when they are first needed. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Format } from "../change/model.ts"
import { SyncError } from "../SyncError.ts"
import { UnmappedTable } from "../SyncErrorReason.ts"
import * as Table from "../Table.ts"
import type { Place } from "../tables/ownTables.ts"
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
}

/** Reads all tables, and checks that the settings fit them. */
export const load = Effect.fnUntraced(function*(
  operation: string,
  parts: Parts,
  place: Place
): Effect.fn.Return<Mappings, SyncError, SqlClient> {
  const read = new Map<string, Table.Table>()
  const mapped = Effect.fnUntraced(function*(settings: TableSettings) {
    const { table: name } = settings
    const table = read.get(name) ?? (yield* Table.read(name))
    read.set(name, table)
    const mapping = mappingOf(settings, table, parts.format.modes, place)
    return "problem" in mapping ? yield* new SyncError({ operation, reason: mapping.problem }) : mapping
  })
  const byName = new Map<string, Mapping>()
  for (const [name, own] of Object.entries(parts.tables ?? {})) byName.set(name, yield* mapped(settingsOf(parts, own)))
  return { main: yield* mapped(settingsOf(parts, {})), byName }
})

/** The mapping for a record that names this table, or none. */
export const mappingFor = (
  { byName, main }: Mappings,
  table: string | undefined
): Mapping | UnmappedTable => {
  if (byName.size === 0 || table === undefined) return main
  return byName.get(table) ?? new UnmappedTable({ table, known: [...byName.keys()] })
}
