/** The versions of rows: where they come from, and how they are kept. Pure. */
import * as DateTime from "effect/DateTime"
import type { Row, Version } from "../apply/fold.ts"
import { Epoch } from "../cells/epoch.ts"
import type { Values, Version as SourceVersion } from "../change/model.ts"
import { own } from "../change/values.ts"
import { Malformed } from "../SyncErrorReason.ts"
import type { Column } from "../TableModel.ts"
import { destinationOf, type Mapping } from "./mapping.ts"
import { Problem } from "./problem.ts"

const time = /^([-+]?\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?)? ?(Z|[-+]\d\d(?::?\d\d)?)?( BC)?$/

const minutesOf = (zone: string): number => {
  if (zone === "" || zone === "Z") return 0
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(":", ""))
  return zone.startsWith("-") ? -minutes : minutes
}

/** Milliseconds since the epoch, with the microseconds behind the point. A text without a zone counts as UTC. */
const millisOfText = (text: string): number | undefined => {
  if (text === "infinity") return Infinity
  if (text === "-infinity") return -Infinity
  const found = time.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = ".0", zone = "", era] = found
  const date = new Date(0)
  date.setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day))
  const millis = date.setUTCHours(Number(hour), Number(minute) - minutesOf(zone), Number(second))
  if (Number.isNaN(millis)) return undefined
  return millis + Math.round(Number(`0${fraction}`) * 1e6) / 1e3
}

const versionOfText = (text: string): Version | undefined => /^-?\d+$/.test(text) ? BigInt(text) : millisOfText(text)

/** The version that a value is; `undefined` for what is neither a whole number nor a time. */
const versionOfValue = (value: unknown): Version | undefined => {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value as Version
  if (typeof value === "string") return versionOfText(value)
  if (value instanceof Epoch) return Number(value.value) / (value.unit.perSecond / 1_000)
  const millis = value instanceof Date
    ? value.getTime()
    : DateTime.isDateTime(value)
    ? value.epochMilliseconds
    : NaN
  return Number.isNaN(millis) ? undefined : millis
}

/** The version in a field: of one that is stored as the column has it, which knows the units of integers. */
const versionIn = (mapping: Mapping, field: string, values: Values, row: Row | undefined): Version | undefined => {
  const column = destinationOf(mapping, field)
  if (typeof column === "number" && mapping.target.columns[column]!.kind.startsWith("timestamp")) {
    const cell = row === undefined ? mapping.converts[column]!(own(values, field)) : row[column]
    return typeof cell === "string" ? millisOfText(cell) : undefined
  }
  return versionOfValue(own(values, field))
}

/** The version of a change; `undefined` without a guard. `row`: its cells, where it has them. */
export const versionOf = (
  mapping: Mapping,
  source: SourceVersion | undefined,
  values: Values | undefined,
  row: Row | undefined
): Version | Problem | undefined => {
  const { version } = mapping.settings
  if (version === undefined) return undefined
  const { from } = version
  const found = from === "lsn"
    ? source?.lsn
    : from === "timestamp"
    ? source?.timestamp
    : values === undefined
    ? undefined
    : versionIn(mapping, from.field, values, row)
  const name = typeof from === "string" ? from : `field "${from.field}" that is a whole number or a time`
  return found ?? new Problem(new Malformed({ problem: `the record has no ${name}, which its version comes from` }))
}

/** The version of the row that a change replaced, where records say it: the deletion of that has seen no later one. */
export const replacedVersion = (
  mapping: Mapping,
  before: Values,
  version: Version | undefined
): Version | undefined => {
  const from = mapping.settings.version?.from
  return typeof from === "object" ? versionIn(mapping, from.field, before, undefined) ?? version : version
}

/** What a `Date` can hold, in milliseconds on both sides of the epoch. */
const farthest = 8.64e15

/** The text of a time in milliseconds since the epoch, to the microsecond; `undefined` outside of a date's reach. */
export const timeText = (millis: number): string | undefined => {
  if (millis === Infinity) return "infinity"
  if (millis === -Infinity) return "-infinity"
  if (!(Math.abs(millis) <= farthest)) return undefined
  const whole = Math.floor(millis)
  const iso = new Date(whole).toISOString()
  const micros = Math.round((millis - whole) * 1e3)
  if (/^[-+]/.test(iso)) return undefined
  return micros === 0 || micros === 1_000 ? iso : iso.replace("Z", `${String(micros).padStart(3, "0")}Z`)
}

/** A version as the cell of the column that keeps it; `undefined` if that cannot hold it. */
export const versionCell = ({ kind }: Column, version: Version): string | undefined => {
  if (kind.startsWith("timestamp")) return timeText(Number(version))
  if (kind !== "bigint" || typeof version === "bigint") return String(version)
  return Number.isFinite(version) ? String(Math.floor(version)) : undefined
}
