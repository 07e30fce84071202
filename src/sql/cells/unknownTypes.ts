/** Which types Debezium's connector for PostgreSQL does not know. Pure; as of Debezium 3.6. */
import type { ColumnType } from "../TableModel.ts"

const known: ReadonlySet<string> = new Set([
  "point",
  "geometry",
  "geography",
  "int4range",
  "int8range",
  "numrange",
  "tsrange",
  "tstzrange",
  "daterange",
  "inet",
  "cidr",
  "macaddr",
  "macaddr8",
  "citext",
  "ltree",
  "isbn",
  "vector",
  "halfvec"
])

/** The name without its schema: extensions may be installed into any. */
const nameOf = (type: string): string => type.slice(type.lastIndexOf(".") + 1)

/** Such a type is absent from events, or the bytes of its text form with `include.unknown.datatypes`. */
export const isUnknownToDebezium = ({ kind, type }: ColumnType): boolean =>
  (kind === "other" || kind === "geometry" || kind === "range") && !known.has(nameOf(type))
