/** A table of the source and the one that it is synced into: what is compared. Pure. */
import type { Target } from "../apply/target.ts"
import { destinationOf, type Mapping } from "../sync/mapping.ts"
import { InvalidSetting, MissingColumn, type Reason } from "../SyncErrorReason.ts"
import type { Column, Table } from "../TableModel.ts"
import { quotedTable, shownTable } from "../tables/names.ts"
import { type Finding, findingOf, type Texts, textsOf } from "./comparing.ts"

/** A column of the source with the place of the one of the target. */
export interface Compared {
  readonly source: Column
  readonly target: Column
  readonly place: number
  readonly texts: Texts
  /** Of keys. What is not ordered as it is has its text ordered in the collation "C". */
  readonly finding: Finding
}

export interface Pair {
  /** `schema.table` of the source, and quoted. */
  readonly name: string
  readonly sql: string
  readonly mapping: Mapping
  readonly target: Target
  readonly key: ReadonlyArray<Compared>
  /** With those of the key. */
  readonly columns: ReadonlyArray<Compared>
  /** Columns that both have and that are not compared. */
  readonly ignored: ReadonlyArray<string>
  /** Whether a row that only the target has is a difference. */
  readonly hasExtras: boolean
}

export interface Choices {
  /** Columns of the target that are not compared. */
  readonly ignore: ReadonlyArray<string>
  /** Whether another table is synced into the same target. */
  readonly isShared: boolean
}

/** What is compared, or why nothing can be. */
export const pairOf = (source: Table, mapping: Mapping, { ignore, isShared }: Choices): Pair | Reason => {
  const { target } = mapping
  const name = shownTable(source)
  const unknown = ignore.find((column) => !target.table.columns.some(({ name }) => name === column))
  if (unknown !== undefined) return new MissingColumn({ table: target.name, column: unknown })
  const compared: Array<Compared> = []
  const ignored: Array<string> = []
  for (const column of source.columns) {
    const place = destinationOf(mapping, column.name)
    // What the source computes is in no event; what is excluded, or has no column, is not synced.
    if (typeof place !== "number" || column.isGenerated) continue
    const other = target.columns[place]!
    if (ignore.includes(other.name)) {
      ignored.push(other.name)
      continue
    }
    compared.push({
      source: column,
      target: other,
      place,
      texts: textsOf(column, other),
      finding: findingOf(column, other)
    })
  }
  const key = target.key.map((place) => compared.find((one) => one.place === place))
  const found = key.filter((one) => one !== undefined)
  if (found.length < key.length) {
    const lacking = target.columns[target.key[key.indexOf(undefined)]!]!.name
    return ignore.includes(lacking)
      ? new InvalidSetting({ setting: "ignore", problem: `"${lacking}" is of the key, by which rows are found` })
      : new MissingColumn({ table: name, column: mapping.keyFields[key.indexOf(undefined)]!, field: lacking })
  }
  return {
    name,
    sql: quotedTable(source),
    mapping,
    target,
    key: found,
    columns: compared,
    ignored,
    hasExtras: !isShared && mapping.settings.deletes !== "ignore"
  }
}

/** The table of the source that a topic of Debezium is named after: `prefix.schema.table`. */
export const tableOfTopic = (topic: string): string | undefined => {
  const parts = topic.split(".")
  return parts.length < 3 ? undefined : parts.slice(-2).join(".")
}
