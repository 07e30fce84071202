/** What Debezium cannot carry of a table, as of Debezium 3.6 on PostgreSQL 18. Pure. */
import type { Column, ColumnType, Table } from "../TableModel.ts"
import type { Modes } from "./modes.ts"
import { isUnknownToDebezium } from "./unknownTypes.ts"

/**
 * Something that Debezium does not carry. `absent`: the column is in no event, or stops the connector. `lossy`:
 * ordinary values come changed. `rare`: only some values do, and nothing shows that they do.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Loss {
  readonly column: string
  readonly kind: "absent" | "lossy" | "rare"
  readonly problem: string
}

type Found = Omit<Loss, "column">

const unknown: Found = {
  kind: "absent",
  problem: "Debezium does not know the type; set include.unknown.datatypes (and unknownTypes), or exclude the column"
}

const isMicro = ({ typmod }: ColumnType): boolean => typmod < 0 || typmod > 3

const elements = new Set(["interval", "geometry", "money"])

const ofArray = (element: ColumnType | undefined): ReadonlyArray<Found> => {
  if (element === undefined) return []
  if (element.kind === "bit") {
    return [{ kind: "absent", problem: "Debezium's connector fails at arrays of bits; exclude the column there" }]
  }
  if (elements.has(element.kind) || element.type === "name" || isUnknownToDebezium(element)) {
    return [{ kind: "absent", problem: `Debezium leaves out arrays of ${element.type}; exclude the column` }]
  }
  const nested: Found = { kind: "rare", problem: "arrays of more than one dimension come as nulls" }
  const isCut = element.kind === "time" ? isMicro(element) : element.kind === "timetz" && element.typmod !== 0
  return isCut ? [{ kind: "lossy", problem: "Debezium cuts the times of an array" }, nested] : [nested]
}

const ofNumeric = ({ decimals }: Modes): ReadonlyArray<Found> => {
  if (decimals === "double") return [{ kind: "lossy", problem: "decimal.handling.mode double keeps some 16 digits" }]
  return decimals === "precise"
    ? [{ kind: "rare", problem: "NaN and infinity come as null or stop the connector; use decimals \"string\"" }]
    : []
}

const ofMoment = (type: ColumnType, { times }: Modes): ReadonlyArray<Found> =>
  times === "connect" && isMicro(type)
    ? [{ kind: "lossy", problem: "time.precision.mode connect cuts microseconds" }]
    : []

const lossesOf = (type: ColumnType, modes: Modes): ReadonlyArray<Found> => {
  if (isUnknownToDebezium(type)) return modes.unknownTypes ? [] : [unknown]
  switch (type.kind) {
    case "array":
      return ofArray(type.element)
    case "numeric":
      return ofNumeric(modes)
    case "date":
      return [{ kind: "rare", problem: "snapshots lose BC: the year 44 BC comes as 44" }]
    case "time":
      return [
        ...ofMoment(type, modes),
        ...(modes.times === "isostring" ? [{ kind: "rare", problem: "24:00 comes as 00:00" } as const] : [])
      ]
    case "timestamp":
      return ofMoment(type, modes)
    case "timetz":
      return [{ kind: "rare", problem: "the offset comes as UTC, and 24:00 as 00:00" }]
    case "interval":
      return [{
        kind: "rare",
        problem: "infinity comes as zero, and microseconds unless interval.handling.mode is string"
      }]
    case "bit":
      return type.type.startsWith("bit varying")
        ? [{ kind: "lossy", problem: "a bit varying loses the zeros that it begins with" }]
        : []
    case "text":
      return type.type === "name" && !modes.unknownTypes
        ? [{
          kind: "lossy",
          problem: "a name comes as null unless include.unknown.datatypes is set; say so in unknownTypes"
        }]
        : []
    default:
      return []
  }
}

/** Types of elements whose arrays have a placeholder for a value that is stored out of line and unchanged. */
const elementsWithPlaceholder = new Set([
  "text",
  "character varying",
  "character",
  "bpchar",
  "json",
  "jsonb",
  "integer",
  "bigint",
  "uuid"
])

const arrayLacksPlaceholder = ({ kind, type }: ColumnType, { binaries, times }: Modes): boolean => {
  if (kind === "bytes") return binaries !== "bytes"
  return kind === "date" ? times === "isostring" || times === "connect" : !elementsWithPlaceholder.has(type)
}

/**
 * Whether Debezium writes null for a value of the type that is stored out of line and was not changed: it puts a text
 * there, and its converter drops that with a warning. Nothing tells it from a null of the row.
 */
export const nullMayBeUnchanged = (type: ColumnType, modes: Modes): boolean => {
  if (modes.source === "plain") return false
  if (type.kind === "array") return type.element !== undefined && arrayLacksPlaceholder(type.element, modes)
  if (type.kind === "numeric") return modes.decimals !== "string"
  if (type.kind === "bit") return type.type.startsWith("bit varying")
  const isBytes = type.kind === "bytes" || isUnknownToDebezium(type)
  return isBytes && modes.binaries !== "bytes" && modes.binaries !== "hex"
}

const unchanged: Found = {
  kind: "rare",
  problem: "a value that is stored out of line comes as null when it is not changed; use REPLICA IDENTITY FULL"
}

/** What would be lost of these columns. Generated ones are never written, so that none of theirs counts. */
export const problemsOf = (
  { columns }: Pick<Table, "columns">,
  modes: Modes,
  isSynced: (column: Column) => boolean = () => true
): ReadonlyArray<Loss> =>
  modes.source === "plain"
    ? []
    : columns
      .filter((column) => !column.isGenerated && isSynced(column))
      .flatMap((column) =>
        [...lossesOf(column, modes), ...(nullMayBeUnchanged(column, modes) ? [unchanged] : [])].map((found) => ({
          column: column.name,
          ...found
        }))
      )
