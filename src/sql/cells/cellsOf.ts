/** What converts the values of a column into cells. Pure; prepared once per column. */
import * as Option from "effect/Option"
import type { Column, Kind } from "../TableModel.ts"
import { arrayCells } from "./arrays.ts"
import { bitCells, byteCells } from "./bytes.ts"
import { BadCell, type Cell, type Convert, type Site } from "./cell.ts"
import { jsonCells } from "./json.ts"
import { nullMayBeUnchanged } from "./losses.ts"
import type { Modes } from "./modes.ts"
import { floatCells, integerCells, numericCells } from "./numbers.ts"
import { anyTextCells, geometryCells, hstoreCells, intervalCells, unknownCells } from "./others.ts"
import { cutTimeCells, dateCells, instantCells, localCells, timeCells, zonedTimeCells } from "./temporal.ts"
import { booleanCells, textCells, uuidCells } from "./texts.ts"
import { isUnknownToDebezium } from "./unknownTypes.ts"

const kinds: { readonly [K in Exclude<Kind, "array">]: (site: Site) => Convert } = {
  boolean: booleanCells,
  integer: integerCells,
  bigint: integerCells,
  oid: integerCells,
  float: floatCells,
  numeric: numericCells,
  money: numericCells,
  text: textCells,
  char: textCells,
  bytes: byteCells,
  date: dateCells,
  time: timeCells,
  timetz: zonedTimeCells,
  timestamp: localCells,
  timestamptz: instantCells,
  interval: intervalCells,
  uuid: uuidCells,
  json: jsonCells,
  bit: bitCells,
  enum: textCells,
  range: textCells,
  geometry: geometryCells,
  hstore: hstoreCells,
  tsvector: textCells,
  other: anyTextCells
}

const elementOf = (site: Site): Convert => {
  const { element } = site.type
  const inner: Site = { ...site, type: element ?? { type: "text", typmod: -1, kind: "other" } }
  return inner.type.kind === "time" || inner.type.kind === "timetz" ? cutTimeCells(inner) : convertOf(inner)
}

const convertOf = (site: Site): Convert => {
  const { kind } = site.type
  if (kind === "array") return arrayCells(site, elementOf(site))
  return site.modes.source === "debezium" && isUnknownToDebezium(site.type) ? unknownCells(site) : kinds[kind](site)
}

const unsure = "a null may be a value that is stored out of line and was not changed, for which Debezium has no "
  + "placeholder here; give the source's table REPLICA IDENTITY FULL (and say so in replicaIdentity)"

const nameless = "Debezium streams a name as null unless include.unknown.datatypes is set (say so in unknownTypes); "
  + "leave the column out"

/** What a null is: null, or the loss of a value. */
const nullOf = (site: Site): (isUnsure: boolean) => null | undefined | BadCell => {
  const { modes, name, type } = site
  const refused = (problem: string) => new BadCell(name, `${problem}, or set lossy to "accept"`, true)
  if (modes.source === "debezium" && type.type === "name" && !modes.unknownTypes) {
    const lost = modes.lossy === "accept" ? null : refused(nameless)
    return () => lost
  }
  if (!nullMayBeUnchanged(type, modes)) return () => null
  const lost = modes.lossy === "accept" ? undefined : refused(unsure)
  return (isUnsure) => isUnsure ? lost : null
}

/** Converts the values of a column. */
export interface CellOf {
  (value: unknown): Cell | BadCell
  (value: unknown, isUnsure: boolean): Cell | undefined | BadCell
}

/**
 * Prepares the conversion of a column's values. What it returns takes what codecs and Schemas make of a record: texts,
 * numbers, bigints, booleans, bytes, arrays, objects, `Date`, and Effect's `Option`, `BigDecimal`, `DateTime` and
 * `Duration`. Null, `undefined` and `Option.none()` are null. Whatever else is a {@link BadCell}.
 *
 * `isUnsure` says that a null of the record may stand for an unchanged value (`hasUnsureNulls` of its change): it is
 * refused then in columns where that can be, or `undefined`, for a column that stays as it is, where losses are
 * accepted.
 */
export const cellsOf = (column: Column, modes: Modes): CellOf => {
  const site: Site = { name: column.name, type: column, modes }
  const convert = convertOf(site)
  const ofNull = nullOf(site)
  const opened = (value: object, isUnsure: boolean): Cell | undefined | BadCell => {
    if (!Option.isOption(value)) return convert(value)
    const inner = Option.getOrNull(value)
    return inner === null || inner === undefined ? ofNull(isUnsure) : convert(inner)
  }
  const cellOf = (value: unknown, isUnsure = false) => {
    if (value === null || value === undefined) return ofNull(isUnsure)
    return typeof value === "object" ? opened(value, isUnsure) : convert(value)
  }
  // Nothing is undefined where a null is sure.
  return cellOf as CellOf
}
