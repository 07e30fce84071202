/** From what a record means to what is written. Pure. */
import type { Op, Row, Version } from "../apply/fold.ts"
import { keyTextOf } from "../apply/keys.ts"
import { BadCell, type Cell } from "../cells/cell.ts"
import type { Delete, Upsert, Values } from "../change/model.ts"
import { own } from "../change/values.ts"
import { BadValue, Malformed, TruncateRefused, UnknownField } from "../SyncErrorReason.ts"
import { destinationOf, type Mapping } from "./mapping.ts"
import { Problem } from "./problem.ts"
import { replacedVersion, timeText, versionCell, versionOf } from "./versions.ts"

type Cells = Array<Cell | undefined>

const emptyRow = ({ target }: Mapping): Cells => new Array<Cell | undefined>(target.columns.length).fill(undefined)

/** How errors show the key of a row. */
export const shownKey = ({ columns, key }: Mapping["target"], row: Row): string =>
  key.map((column) => `${columns[column]!.name}=${row[column] ?? "null"}`).join(" ")

const badValue = ({ target }: Mapping, row: Row, column: string, problem: string): Problem =>
  new Problem(new BadValue({ table: target.name, column, key: shownKey(target, row), problem }))

/** The version as the cell of its column, where the row has none of its own there. */
const putVersion = (mapping: Mapping, row: Cells, version: Version | undefined): Problem | undefined => {
  const { guard, columns } = mapping.target
  if (guard === undefined || version === undefined) return undefined
  const { column } = guard
  if (mapping.isVersionOwn && typeof row[column] === "string") return undefined
  const cell = versionCell(columns[column]!, version)
  if (cell === undefined) {
    return badValue(mapping, row, columns[column]!.name, `it cannot hold the version ${version}`)
  }
  row[column] = cell
  return undefined
}

/** Puts the cells of the key into a row; fields of the record's key win over those of the row. */
const putKey = (mapping: Mapping, row: Cells, key: Values, values: Values): Problem | undefined => {
  const { keyFields, target } = mapping
  for (let i = 0; i < keyFields.length; i++) {
    const field = keyFields[i]!
    const value = own(key, field) ?? own(values, field)
    const column = target.key[i]!
    if (value === undefined) {
      const problem = `the record has no field "${field}", which is part of the key of ${target.name}`
      return new Problem(new Malformed({ problem }))
    }
    const cell = mapping.converts[column]!(value)
    if (cell instanceof BadCell) return badValue(mapping, row, cell.column, cell.problem)
    if (cell === null || cell === undefined) {
      const { name } = target.columns[column]!
      return badValue(mapping, row, name, "it is part of the key, and is null")
    }
    row[column] = cell
  }
  return undefined
}

const putValues = (mapping: Mapping, row: Cells, values: Values, isUnsure: boolean): Problem | undefined => {
  const { converts, target } = mapping
  for (const field of Object.keys(values)) {
    const value = values[field]
    if (value === undefined) continue
    const column = destinationOf(mapping, field)
    if (typeof column === "number") {
      if (row[column] !== undefined) continue
      const cell = converts[column]!(value, isUnsure)
      if (cell instanceof BadCell) return badValue(mapping, row, cell.column, cell.problem)
      row[column] = cell
    } else if (column === "unknown" && mapping.settings.unknownFields !== "ignore") {
      return new Problem(new UnknownField({ table: target.name, field }))
    }
  }
  return undefined
}

/** Where a record stands, and when it was made. */
export interface Site {
  readonly offset: number
  readonly timestamp: number
}

const opOf = (mapping: Mapping, kind: Op["kind"], row: Row, version: Version | undefined, { offset }: Site): Op => ({
  kind,
  target: mapping.target,
  key: keyTextOf(mapping.target, row),
  row,
  version,
  instead: undefined,
  offset
})

/** When the record was made; where that is no time, when it is stored. */
const markOf = ({ timestamp }: Site): string => timeText(Math.max(timestamp, 0)) ?? "now"

/** A deletion of this row, as the settings have it. */
const gone = (mapping: Mapping, row: Cells, version: Version | undefined, site: Site): Op | Problem => {
  const { softDelete } = mapping.target
  const unheld = putVersion(mapping, row, version)
  if (unheld !== undefined) return unheld
  if (softDelete === undefined) return opOf(mapping, "Remove", row, version, site)
  row[softDelete] = mapping.unmarked === null ? markOf(site) : "true"
  return opOf(mapping, "Mark", row, version, site)
}

/** The deletion of the row under the key that it had before, if that was another one. */
const insteadOf = (mapping: Mapping, before: Values | undefined, write: Op, site: Site): Op | undefined => {
  if (before === undefined || mapping.settings.deletes === "ignore") return undefined
  if (mapping.keyFields.some((field) => (own(before, field) ?? null) === null)) return undefined
  const row = emptyRow(mapping)
  // What the row was under is not refused: then nothing is known to be there.
  if (putKey(mapping, row, before, {}) !== undefined || keyTextOf(mapping.target, row) === write.key) return undefined
  const op = gone(mapping, row, replacedVersion(mapping, before, write.version), site)
  return op instanceof Problem ? undefined : op
}

/** Stores a row; `values` are its fields after what the program made of them. */
export const written = (mapping: Mapping, change: Upsert, values: Values, site: Site): Op | Problem => {
  const row = emptyRow(mapping)
  const problem = putKey(mapping, row, change.key, values)
    ?? putValues(mapping, row, values, change.hasUnsureNulls)
  if (problem !== undefined) return problem
  const version = versionOf(mapping, change.version, values, row)
  if (version instanceof Problem) return version
  const unheld = putVersion(mapping, row, version)
  if (unheld !== undefined) return unheld
  const { softDelete } = mapping.target
  // A source that marks its rows, too, says whether this one is there.
  if (softDelete !== undefined) row[softDelete] ??= mapping.unmarked
  const op = opOf(mapping, "Write", row, version, site)
  const instead = insteadOf(mapping, change.before, op, site)
  return instead === undefined ? op : { ...op, instead }
}

/** The key that the row moves to, if it is the record's own key that identifies rows. */
const movedTo = (mapping: Mapping, { newKey }: Delete): Row | undefined => {
  const { target } = mapping
  if (newKey === undefined || target.softDelete !== undefined) return undefined
  if (target.key.some((column) => target.columns[column]!.isIdentityAlways)) return undefined
  const row = emptyRow(mapping)
  return putKey(mapping, row, newKey, {}) === undefined ? row : undefined
}

/** Deletes a row, marks it, or moves it where its key has changed: the rest of it is not sent again. */
export const removed = (mapping: Mapping, change: Delete, site: Site): Op | Problem | undefined => {
  if (mapping.settings.deletes === "ignore") return undefined
  const row = emptyRow(mapping)
  const problem = putKey(mapping, row, change.key, change.before ?? {})
  if (problem !== undefined) return problem
  const version = versionOf(mapping, change.version, change.before, undefined)
  if (version instanceof Problem) return version
  const op = gone(mapping, row, version, site)
  if (op instanceof Problem) return op
  const to = movedTo(mapping, change)
  return to === undefined ? op : { ...op, kind: "Move", to }
}

/** Empties a table. */
export const truncated = ({ settings, target }: Mapping, { offset }: Site): Op | Problem | undefined => {
  switch (settings.truncates ?? "refuse") {
    case "refuse":
      return new Problem(new TruncateRefused({ table: target.name }))
    case "ignore":
      return undefined
    case "apply":
      return { kind: "Truncate", target, key: "", row: [], version: undefined, instead: undefined, offset }
  }
}
