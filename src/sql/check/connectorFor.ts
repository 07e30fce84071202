/** From syncs to the settings of the connector that feeds them. Pure. */
import type { PostgresSource } from "../../connect/DebeziumModel.ts"
import { type AnySource, show } from "../../Source.ts"
import { settingsOf, type TableSettings } from "../sync/settings.ts"
import { partsOf, quoted, quotedTable } from "../tables/names.ts"
import { type AnySync, sourcesOf } from "../verify/pairs.ts"
import { type Forms, formsOf, formsProblem } from "./connectorForms.ts"

export interface Asked {
  readonly prefix: string
  readonly columns: ReadonlyArray<string>
  readonly heartbeatTable: string | undefined
  readonly signalTable: string | undefined
}

/** Tables that are merged into one topic. */
export interface Merge {
  readonly topics: string
  readonly to: string
  readonly uniqueKeys: boolean
  /** The field that keys get the table in, where it is not Debezium's own. */
  readonly field: string | undefined
}

export interface Derived extends Pick<PostgresSource, "tables" | "columns" | "keyColumns"> {
  readonly forms: Forms
  readonly merges: ReadonlyArray<Merge>
  readonly heartbeat: string | undefined
}

interface SourceTable {
  readonly name: string
  readonly settings: TableSettings
  readonly hasRow: boolean
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** Debezium takes the names of tables for patterns, in which a dot stands for itself, too. */
const tablePattern = (name: string): string => /^[\w.-]+$/.test(name) ? name : escaped(name)

/** Debezium writes an underscore for what the name of a topic cannot have. */
const topicOf = (prefix: string, table: string): string => `${prefix}.${table}`.replaceAll(/[^\w.-]/g, "_")

const tablesOf = (sync: AnySync): ReadonlyArray<SourceTable> => {
  const { row, tables = {} } = sync.settings
  return sourcesOf(sync, sync.settings.table).map((name) => ({
    name,
    settings: tables[name] === undefined ? sync.settings : settingsOf(sync.settings, tables[name]),
    hasRow: row !== undefined
  }))
}

/** The fields of the key, where a sync names them. */
export const keyFields = ({ key }: TableSettings): ReadonlyArray<string> | undefined =>
  key === undefined ? undefined : Array.isArray(key) ? key : Object.keys(key)

/** Fields of the source that a sync needs besides those that it stores. */
const needed = ({ key, version }: TableSettings): ReadonlyArray<string> => [
  ...keyFields({ key } as TableSettings) ?? [],
  ...(typeof version?.from === "object" ? [version.from.field] : [])
]

/** The columns of a table that are read, as patterns; `undefined` for all. */
const columnsOf = ({ hasRow, name, settings }: SourceTable): { include?: Array<string>; exclude?: Array<string> } => {
  const { fields } = settings
  if (hasRow || fields === undefined) return {}
  const of = (column: string) => `${escaped(name)}\\.${escaped(column)}`
  if ("exclude" in fields) {
    const kept = needed(settings)
    return { exclude: fields.exclude.filter((field) => !kept.includes(field)).map(of) }
  }
  return { include: [...new Set([...needed(settings), ...fields.include])].map(of) }
}

/**
 * Debezium takes columns to include or columns to exclude, not both. Where one sync includes, the patterns of the
 * others say what they do not exclude.
 */
const columnLists = (tables: ReadonlyArray<SourceTable>, asked: Asked): PostgresSource["columns"] => {
  const lists = tables.map((table) => ({ table, ...columnsOf(table) }))
  const more = asked.columns.map(escaped)
  if (lists.every(({ include }) => include === undefined)) {
    const exclude = lists.flatMap(({ exclude = [] }) => exclude).filter((column) => !more.includes(column))
    return exclude.length === 0 ? undefined : { exclude }
  }
  const include = lists.flatMap(({ exclude, include, table }) => {
    if (include !== undefined) return include
    const all = `${escaped(table.name)}\\.`
    const left = (exclude ?? []).filter((column) => !more.includes(column)).map((column) => column.slice(all.length))
    return [left.length === 0 ? `${all}.*` : `${all}(?!(?:${left.join("|")})$).*`]
  })
  // The connector's own tables are read as a whole.
  const own = [asked.heartbeatTable, asked.signalTable].flatMap((table) =>
    table === undefined ? [] : [`${escaped(table)}\\..*`]
  )
  return { include: [...new Set([...include, ...more, ...own])] }
}

/** How topics get their names where Debezium would name them otherwise. */
const mergeOf = (sync: AnySync, prefix: string): Merge | string | undefined => {
  const { match } = sync.source as AnySource
  const names = tablesOf(sync).map(({ name }) => topicOf(prefix, name))
  if (match._tag === "Pattern") return undefined
  if (names.length === 1 && names[0] === match.name) return undefined
  const others = sync.settings.tables === undefined && match.name.split(".").length > 2
  if (others) {
    return `topic ${match.name} begins with another prefix than "${prefix}"; give the prefix of the topic, or say in `
      + "the sync's `tables` which tables go there"
  }
  const field = sync.settings.format.reads?.tableField
  return { topics: names.map(escaped).join("|"), to: match.name, uniqueKeys: names.length > 1, field }
}

/** A column that is asked for by a name that no table has would be left out without a word. */
const columnsProblem = (tables: ReadonlyArray<string>, columns: ReadonlyArray<string>): string | undefined => {
  const stray = columns.find((column) => !tables.some((table) => column.startsWith(`${table}.`)))
  return stray === undefined
    ? undefined
    : `columns: ${JSON.stringify(stray)} is of none of the tables ${tables.join(", ")}; write "schema.table.column"`
}

/** The settings, or why there can be none. */
export const connectorFor = (syncs: ReadonlyArray<AnySync>, asked: Asked): Derived | string => {
  const [first] = syncs
  if (first === undefined) return "it takes at least one sync"
  const plain = syncs.find(({ settings }) => settings.format._tag === "Plain")
  if (plain !== undefined) return `${show(plain.source as AnySource)} has records of a program, not of Debezium`
  const problem = formsProblem(syncs)
  if (problem !== undefined) return problem
  const tables = syncs.flatMap(tablesOf)
  const twice = tables.find(({ name }, i) => tables.findIndex((other) => other.name === name) !== i)
  if (twice !== undefined) return `two syncs read table ${twice.name}, which one topic has the records of`
  const bare = tables.find(({ name }) => partsOf(name).schema === undefined)
  if (bare !== undefined) return `table ${bare.name} has no schema; write "schema.table"`
  const names = tables.map(({ name }) => name)
  const stray = columnsProblem(names, asked.columns)
  if (stray !== undefined) return stray
  const merges: Array<Merge> = []
  for (const sync of syncs) {
    const merge = mergeOf(sync, asked.prefix)
    if (typeof merge === "string") return merge
    if (merge !== undefined) merges.push(merge)
  }
  const keys = tables.flatMap(({ name, settings }) => {
    const fields = keyFields(settings)
    return fields === undefined ? [] : [[tablePattern(name), fields] as const]
  })
  const beat = asked.heartbeatTable
  const { name, schema } = partsOf(beat ?? "")
  return {
    tables: [...names, ...(beat === undefined ? [] : [beat])].map(tablePattern),
    columns: columnLists(tables, asked),
    keyColumns: keys.length === 0 ? undefined : Object.fromEntries(keys),
    forms: formsOf(syncs),
    merges,
    heartbeat: beat === undefined ?
      undefined :
      `INSERT INTO ${
        schema === undefined ? quoted(name) : quotedTable({ schema, name })
      } (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = excluded.at`
  }
}
