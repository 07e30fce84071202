/** Dates, times and timestamps as cells, in every `time.precision.mode`. Pure. */
import * as DateTime from "effect/DateTime"
import {
  dateText,
  firstDay,
  lastDate,
  lastTimestampDay,
  microseconds,
  milliseconds,
  nanoseconds,
  timestampText,
  timeText,
  type Unit
} from "./calendar.ts"
import { BadCell, type Cell, type Convert, lost, type Site, unfit } from "./cell.ts"
import { Epoch } from "./epoch.ts"
import { isoDateText, isoTimestampText, isTimeText } from "./iso.ts"

const dayOf = (unit: Unit): number => unit.perSecond * 86_400

/** What the driver of Debezium's connector has for infinity: both fit into 64 bits of microseconds. */
const infinityOf = (value: number | bigint, unit: Unit): string | undefined => {
  // As a number it is rounded, and so is what JSON.parse makes of it.
  const micros = unit === milliseconds ? Number(value) * 1_000 : Number(value)
  if (micros === 9_223_372_036_825_200_000) return "infinity"
  return micros === -9_223_372_036_832_400_000 ? "-infinity" : undefined
}

const fromEpoch = (site: Site, value: number | bigint, unit: Unit, zone: string): Cell | BadCell => {
  const infinity = infinityOf(value, unit)
  if (infinity !== undefined) return infinity
  const perDay = dayOf(unit)
  let days: number
  let ofDay: number
  if (typeof value === "bigint") {
    const rest = BigInt.asIntN(64, value % BigInt(perDay))
    ofDay = Number(rest < 0n ? rest + BigInt(perDay) : rest)
    days = Number((value - BigInt(ofDay)) / BigInt(perDay))
  } else if (Number.isSafeInteger(value)) {
    days = Math.floor(value / perDay)
    ofDay = value - days * perDay
  } else {
    return new BadCell(
      site.name,
      "the number is no integer, or above 2^53; read the topic with Change.debezium or .json"
    )
  }
  return days < firstDay || days > lastTimestampDay
    ? new BadCell(site.name, `the ${site.type.type} is outside of what PostgreSQL can hold`)
    : timestampText(days, ofDay, unit, zone)
}

const unknownUnit = "the unit of an integer depends on the connector's time.precision.mode; say it in times"

const isInteger = (value: unknown): value is number | bigint => typeof value === "number" || typeof value === "bigint"

/** The unit of integers in a column, `undefined` where the mode does not say it. */
const unitIn = ({ modes: { times }, type: { kind, typmod } }: Site): Unit | undefined => {
  if (times === undefined || times === "isostring") return undefined
  if (times === "nanoseconds") return nanoseconds
  if (times === "microseconds") return microseconds
  if (times === "connect") return milliseconds
  if (kind === "time" && times === "adaptive_time_microseconds") return microseconds
  return typmod >= 0 && typmod <= 3 ? milliseconds : microseconds
}

/** The instant of a JavaScript date or an Effect `DateTime`, in milliseconds. */
const instantOf = (value: unknown): number | undefined => {
  if (value instanceof Date) return value.getTime()
  return DateTime.isDateTime(value) ? value.epochMilliseconds : undefined
}

/** `timestamp`, and `timestamptz` with `zone` being `+00`. */
const timestampCells = (site: Site, zone: string): Convert => {
  const unit = unitIn(site)
  return (value) => {
    if (typeof value === "string") {
      return isoTimestampText(value) ?? new BadCell(site.name, `the text is no ${site.type.type}`)
    }
    if (isInteger(value)) {
      return unit === undefined ? new BadCell(site.name, unknownUnit) : fromEpoch(site, value, unit, zone)
    }
    if (value instanceof Epoch) return fromEpoch(site, value.value, value.unit, zone)
    const instant = instantOf(value)
    return instant === undefined ? unfit(site, value) : fromEpoch(site, instant, milliseconds, zone)
  }
}

export const localCells = (site: Site): Convert => timestampCells(site, "")
export const instantCells = (site: Site): Convert => timestampCells(site, "+00")

/** What Debezium makes of infinite dates: overflown 32 bits; in snapshots others, where a zone may shift the day. */
const infiniteDays = (days: number): string | undefined => {
  if (days === -2_147_472_692 || Math.abs(days + 622_191_234) <= 1) return "infinity"
  return days === -2_147_472_691 || Math.abs(days + 625_821_272) <= 1 ? "-infinity" : undefined
}

const fromDays = (site: Site, days: number): Cell | BadCell => {
  if (!Number.isInteger(days)) return new BadCell(site.name, "the days of a date are an integer")
  if (days >= firstDay && days <= lastDate) return dateText(days)
  return infiniteDays(days) ?? new BadCell(site.name, "the date is outside of what PostgreSQL can hold")
}

export const dateCells = (site: Site): Convert => (value) => {
  if (typeof value === "number") return fromDays(site, value)
  if (typeof value === "string") return isoDateText(value) ?? new BadCell(site.name, "the text is no date")
  const instant = instantOf(value)
  return instant === undefined ? unfit(site, value) : fromDays(site, Math.floor(instant / 86_400_000))
}

const timeOf = (site: Site, value: number | bigint, unit: Unit): Cell | BadCell => {
  const ofDay = Number(value)
  return Number.isSafeInteger(ofDay) && ofDay >= 0 && ofDay <= dayOf(unit)
    ? timeText(ofDay, unit)
    : new BadCell(site.name, "the number is no time of a day; check times")
}

export const timeCells = (site: Site): Convert => {
  const unit = unitIn(site)
  return (value) => {
    if (isInteger(value)) {
      return unit === undefined ? new BadCell(site.name, unknownUnit) : timeOf(site, value, unit)
    }
    if (typeof value === "string") return isTimeText(value) ? value : new BadCell(site.name, "the text is no time")
    return value instanceof Epoch ? timeOf(site, value.value, value.unit) : unfit(site, value)
  }
}

/** Times with a zone come as texts alone. */
export const zonedTimeCells = (site: Site): Convert => (value) =>
  typeof value === "string" && isTimeText(value) ? value : unfit(site, value)

/** Elements of `time[]` and `timetz[]`: Debezium cuts the former to milliseconds, the latter to seconds. */
export const cutTimeCells = (site: Site): Convert => {
  const { kind, typmod } = site.type
  const convert = kind === "time" ? timeCells(site) : zonedTimeCells(site)
  const kept = kind === "time" ? 3 : 0
  if (site.modes.source === "plain" || (typmod >= 0 && typmod <= kept)) return convert
  const problem = `Debezium cuts the times of an array to ${kept === 3 ? "milli" : ""}seconds; leave the column out`
  return (value) => {
    const cell = convert(value)
    return typeof cell === "string" ? lost(site, problem, cell) : cell
  }
}
