/** From what a record means to what is written. Pure. */
import type { Op, Row, Version } from "../apply/fold.ts"
import { BadCell, type Cell } from "../cells/cell.ts"
import type { Delete, Upsert, Values, Version as SourceVersion } from "../change/model.ts"
import { BadValue, Malformed, type Reason, TruncateRefused, UnknownField } from "../SyncErrorReason.ts"
import { destinationOf, type Mapping } from "./mapping.ts"

/** A reason why a record cannot be stored. */
export class Problem {
  readonly reason: Reason
  constructor(reason: Reason) {
    this.reason = reason
  }
}

type Cells = Array<Cell | undefined>

const emptyRow = ({ target }: Mapping): Cells => new Array<Cell | undefined>(target.columns.length).fill(undefined)

/** How errors show the key of a row. */
export const shownKey = ({ columns, key }: Mapping["target"], row: Row): string =>
  key.map((column) => `${columns[column]!.name}=${row[column] ?? "null"}`).join(" ")

const badValue = ({ target }: Mapping, row: Row, column: string, problem: string): Problem =>
  new Problem(new BadValue({ table: target.name, column, key: shownKey(target, row), problem }))

/** Puts the cells of the key into a row; fields of the record's key win over those of the row. */
const putKey = (mapping: Mapping, row: Cells, key: Values, values: Values): Problem | undefined => {
  const { keyFields, target } = mapping
  for (let i = 0; i < keyFields.length; i++) {
    const field = keyFields[i]!
    const value = key[field] ?? values[field]
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

const millisOf = (value: unknown): Version | undefined => {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value as Version
  if (value instanceof Date) return value.getTime()
  if (typeof value !== "string") return undefined
  if (/^-?\d+$/.test(value)) return BigInt(value)
  const time = Date.parse(value)
  return Number.isNaN(time) ? undefined : time
}

/** The version of a change; `undefined` without a guard. */
const versionOf = (
  { settings: { version } }: Mapping,
  source: SourceVersion | undefined,
  values: Values | undefined
): Version | Problem | undefined => {
  if (version === undefined) return undefined
  const { from } = version
  const found = from === "lsn" ? source?.lsn : from === "timestamp" ? source?.timestamp : millisOf(values?.[from.field])
  const name = typeof from === "string" ? from : `field "${from.field}" that is a whole number or a time`
  return found ?? new Problem(new Malformed({ problem: `the record has no ${name}, which its version comes from` }))
}

const timeOf = (millis: number): string => new Date(millis).toISOString()

const putVersion = ({ target }: Mapping, row: Cells, version: Version | undefined): void => {
  if (target.guard === undefined || version === undefined) return
  const { column } = target.guard
  const isTime = target.columns[column]!.kind.startsWith("timestamp")
  row[column] = isTime ? timeOf(Number(version)) : String(version)
}

const keyText = ({ target }: Mapping, row: Row): string => {
  const { key } = target
  if (key.length === 1) return row[key[0]!]!
  return key.map((column) => row[column]).join("\0")
}

/** Where a record stands, and when it was made. */
export interface Site {
  readonly offset: number
  readonly timestamp: number
}

const opOf = (mapping: Mapping, kind: Op["kind"], row: Row, version: Version | undefined, { offset }: Site): Op => ({
  kind,
  target: mapping.target,
  key: keyText(mapping, row),
  row,
  version,
  instead: undefined,
  offset
})

/** A deletion of this row, as the settings have it. */
const gone = (mapping: Mapping, row: Cells, version: Version | undefined, site: Site): Op => {
  const { softDelete } = mapping.target
  putVersion(mapping, row, version)
  if (softDelete === undefined) return opOf(mapping, "Remove", row, version, site)
  row[softDelete] = mapping.unmarked === null ? timeOf(Math.max(site.timestamp, 0)) : "true"
  return opOf(mapping, "Mark", row, version, site)
}

/** The version of the row that a change replaced, where records say it: the deletion of that has seen no later one. */
const replacedVersion = ({ settings: { version } }: Mapping, before: Values, write: Op): Version | undefined =>
  version === undefined || typeof version.from === "string"
    ? write.version
    : millisOf(before[version.from.field]) ?? write.version

/** The deletion of the row under the key that it had before, if that was another one. */
const insteadOf = (mapping: Mapping, before: Values | undefined, write: Op, site: Site): Op | undefined => {
  if (before === undefined || mapping.settings.deletes === "ignore") return undefined
  if (mapping.keyFields.some((field) => before[field] === undefined || before[field] === null)) return undefined
  const row = emptyRow(mapping)
  // What the row was under is not refused: then nothing is known to be there.
  if (putKey(mapping, row, before, {}) !== undefined || keyText(mapping, row) === write.key) return undefined
  return gone(mapping, row, replacedVersion(mapping, before, write), site)
}

/** Stores a row; `values` are its fields after what the program made of them. */
export const written = (mapping: Mapping, change: Upsert, values: Values, site: Site): Op | Problem => {
  const row = emptyRow(mapping)
  const problem = putKey(mapping, row, change.key, values)
    ?? putValues(mapping, row, values, change.hasUnsureNulls)
  if (problem !== undefined) return problem
  const version = versionOf(mapping, change.version, values)
  if (version instanceof Problem) return version
  putVersion(mapping, row, version)
  const { softDelete } = mapping.target
  if (softDelete !== undefined) row[softDelete] = mapping.unmarked
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
  const version = versionOf(mapping, change.version, change.before)
  if (version instanceof Problem) return version
  const op = gone(mapping, row, version, site)
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
