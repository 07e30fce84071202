/** What kind of values a type of PostgreSQL has, by its name in the catalog. Pure. */
import type { Kind } from "../TableModel.ts"

const kinds: { readonly [typname: string]: Kind } = {
  bool: "boolean",
  int2: "integer",
  int4: "integer",
  int8: "bigint",
  float4: "float",
  float8: "float",
  numeric: "numeric",
  money: "money",
  text: "text",
  varchar: "text",
  citext: "text",
  name: "text",
  xml: "text",
  ltree: "text",
  char: "text",
  bpchar: "char",
  bytea: "bytes",
  date: "date",
  time: "time",
  timetz: "timetz",
  timestamp: "timestamp",
  timestamptz: "timestamptz",
  interval: "interval",
  uuid: "uuid",
  json: "json",
  jsonb: "json",
  bit: "bit",
  varbit: "bit",
  point: "geometry",
  line: "geometry",
  lseg: "geometry",
  box: "geometry",
  path: "geometry",
  polygon: "geometry",
  circle: "geometry",
  geometry: "geometry",
  geography: "geometry",
  hstore: "hstore",
  tsvector: "tsvector",
  oid: "oid"
}

/** A type as the catalog describes it. */
export interface CatalogType {
  readonly typname: string
  /** `b` for a base type, `c` for a composite, `e` for an enum, `r` for a range, `m` for a multirange. */
  readonly typtype: string
  readonly isArray: boolean
}

/** The kind; `"other"` for types whose text form is all that is known of them. */
export const kindOf = ({ isArray, typname, typtype }: CatalogType): Kind => {
  if (isArray) return "array"
  if (typtype === "e") return "enum"
  if (typtype === "r" || typtype === "m") return "range"
  // A composite may have the name of another type.
  return typtype === "b" && Object.hasOwn(kinds, typname) ? kinds[typname]! : "other"
}
