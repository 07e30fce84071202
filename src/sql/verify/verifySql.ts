/** The statements that compare tables. Pure. */
import type { Column } from "../TableModel.ts"
import { pieceLength } from "../tables/messages.ts"
import { literal, quoted } from "../tables/names.ts"
import type { Compared, Pair } from "./pair.ts"
import type { Key, Range } from "./ranges.ts"

export type Side = "source" | "target"

/** What texts of values depend on, for the transaction. */
export const session = `SELECT ${
  [
    ["TimeZone", "UTC"],
    ["DateStyle", "ISO, YMD"],
    ["IntervalStyle", "postgres"],
    ["extra_float_digits", "1"],
    ["bytea_output", "hex"]
  ].map(([name, value]) => `set_config('${name}', '${value}', true)`).join(", ")
}`

export const readOnly = "SET TRANSACTION READ ONLY"

const columnOf = (side: Side, one: Compared): string => `t.${quoted(one[side].name)}`

const textOf = (side: Side, one: Compared): string => one.texts[side](columnOf(side, one))

const tableOf = (side: Side, pair: Pair): string => side === "source" ? pair.sql : pair.target.sql

const orderOf = (side: Side, one: Compared): string =>
  one.finding.isOrdered ? columnOf(side, one) : `(${textOf(side, one)}) COLLATE "C"`

/** The column that marks deleted rows. A source may have it, too. */
const markOf = (side: Side, { columns, target }: Pair): Column | undefined =>
  target.softDelete === undefined || side === "target"
    ? target.columns[target.softDelete ?? -1]
    : columns.find(({ place }) => place === target.softDelete)?.source

/** Rows that are marked as deleted are gone. */
const conditions = (side: Side, pair: Pair): ReadonlyArray<string> => {
  const mark = markOf(side, pair)
  const there = mark === undefined
    ? []
    : [`t.${quoted(mark.name)} ${mark.kind === "boolean" ? "IS NOT TRUE" : "IS NULL"}`]
  const keyed = pair.key.filter((one) => one[side].isNullable).map((one) => `${columnOf(side, one)} IS NOT NULL`)
  return [...there, ...keyed]
}

const bound = (side: Side, pair: Pair, operator: string, from: number): string => {
  const values = pair.key.map((one, i) =>
    one.finding.isOrdered ? `$${from + i}::text::${one[side].type}` : `$${from + i}::text COLLATE "C"`
  )
  const orders = pair.key.map((one) => orderOf(side, one))
  return values.length === 1
    ? `${orders[0]} ${operator} ${values[0]}`
    : `(${orders.join(", ")}) ${operator} (${values.join(", ")})`
}

/** A statement, and its parameters. */
export interface Query {
  readonly text: string
  readonly params: ReadonlyArray<string>
}

const inRange = (side: Side, pair: Pair, { after, upTo }: Range): Query => {
  const all = [...conditions(side, pair)]
  if (after !== undefined) all.push(bound(side, pair, ">", 1))
  if (upTo !== undefined) all.push(bound(side, pair, "<=", 1 + (after?.length ?? 0)))
  return { text: all.length === 0 ? "" : ` WHERE ${all.join(" AND ")}`, params: [...after ?? [], ...upTo ?? []] }
}

/** 60 bits of a row: their sum is the same in any order. */
const hashOf = (side: Side, pair: Pair): string => {
  const texts = pair.columns.map((one) => textOf(side, one))
  return `('x' || left(encode(sha256(convert_to(ARRAY[${
    texts.join(", ")
  }]::text, 'UTF8')), 'hex'), 15))::bit(60)::bigint`
}

const keyTexts = (side: Side, pair: Pair): string => pair.key.map((one) => textOf(side, one)).join(", ")

/** The key of the row at a place of a range, from 1; no row if there are less. */
export const boundary = (side: Side, pair: Pair, range: Range, place: number): Query => {
  const { params, text } = inRange(side, pair, range)
  const order = pair.key.map((one) => orderOf(side, one)).join(", ")
  return {
    text: `SELECT ${keyTexts(side, pair)} FROM ${tableOf(side, pair)} AS t${text} ORDER BY ${order} OFFSET ${
      place - 1
    } LIMIT 1`,
    params
  }
}

/** How many rows a range has, and their checksum. */
export const summary = (side: Side, pair: Pair, range: Range): Query => {
  const { params, text } = inRange(side, pair, range)
  return {
    text: `SELECT count(*)::text, coalesce(sum(h), 0)::text FROM (SELECT ${hashOf(side, pair)} AS h FROM ${
      tableOf(side, pair)
    } AS t${text}) AS s`,
    params
  }
}

/** The keys of a range, and the checksum of each row. */
export const rows = (side: Side, pair: Pair, range: Range): Query => {
  const { params, text } = inRange(side, pair, range)
  return {
    text: `SELECT ${keyTexts(side, pair)}, (${hashOf(side, pair)})::text FROM ${tableOf(side, pair)} AS t${text}`,
    params
  }
}

/** `{"a",…}` of one part of each key. */
const literals = (pair: Pair, keys: ReadonlyArray<Key>): ReadonlyArray<string> =>
  pair.key.map((_, i) => `{${keys.map((key) => `"${key[i]!.replaceAll(/[\\"]/g, "\\$&")}"`).join(",")}}`)

const byKeys = (
  side: Side,
  pair: Pair,
  cells: ReadonlyArray<string>,
  more: ReadonlyArray<string>,
  joined = ""
): string => {
  const types = pair.key.map((one, i) => `$${i + 1}::text::${one.finding.byValue[side] ? one[side].type : "text"}[]`)
  const names = pair.key.map((_, i) => `k${i}`)
  const joins = pair.key.map((one, i) =>
    one.finding.byValue[side]
      ? `${columnOf(side, one)} = s.k${i}`
      : `(${textOf(side, one)}) COLLATE "C" = s.k${i} COLLATE "C"`
  )
  const where = more.length === 0 ? "" : ` WHERE ${more.join(" AND ")}`
  return `SELECT ${[keyTexts(side, pair), ...cells].join(", ")} FROM ${tableOf(side, pair)} AS t JOIN unnest(${
    types.join(", ")
  }) AS s(${names.join(", ")}) ON ${joins.join(" AND ")}${joined}${where}`
}

/** The rows with these keys: a digest of each value, for values may be large. */
export const digests = (side: Side, pair: Pair, keys: ReadonlyArray<Key>): Query => ({
  text: byKeys(
    side,
    pair,
    pair.columns.map((one) => `left(encode(sha256(convert_to(${textOf(side, one)}, 'UTF8')), 'hex'), 32)`),
    conditions(side, pair)
  ),
  params: literals(pair, keys)
})

/** A value as a statement that writes it reads it: the text of money depends on the locale of the server. */
const cellOf = (side: Side, one: Compared): string =>
  one[side].kind === "money" ? `${columnOf(side, one)}::numeric::text` : `${columnOf(side, one)}::text`

/** The rows of the source with these keys: their values as the target reads them. */
export const cells = (pair: Pair, keys: ReadonlyArray<Key>): Query => ({
  text: byKeys("source", pair, pair.columns.map((one) => cellOf("source", one)), []),
  params: literals(pair, keys)
})

/** How many bytes the rows of the source with these keys have, as the target reads them. */
export const sizes = (pair: Pair, keys: ReadonlyArray<Key>): Query => {
  const bytes = pair.columns.map((one) => `coalesce(octet_length(${cellOf("source", one)}), 0)::int8`)
  return { text: byKeys("source", pair, [`(${bytes.join(" + ")})::text`], []), params: literals(pair, keys) }
}

/** The values of a row in pieces, in their order: the place of the column, and a piece. Nulls have one, a null. */
export const pieces = (pair: Pair, key: Key): Query => {
  const values = pair.columns.map((one, place) => `(${place}, ${cellOf("source", one)})`).join(", ")
  const joined = ` CROSS JOIN LATERAL (VALUES ${values}) AS c(place, value)`
    + ` CROSS JOIN LATERAL generate_series(1, greatest(length(c.value), 1), ${pieceLength}) AS n`
  const cells = ["c.place::text", `substring(c.value FROM n FOR ${pieceLength})`]
  return {
    text: `${byKeys("source", pair, cells, [], joined)} ORDER BY c.place, n`,
    params: literals(pair, [key])
  }
}

/** The keys of the target as it has them, also of rows that are marked as deleted. */
export const ownKeys = (pair: Pair, keys: ReadonlyArray<Key>): Query => ({
  text: byKeys("target", pair, pair.key.map((one) => cellOf("target", one)), []),
  params: literals(pair, keys)
})

/** Keeps others from writing into the table until the transaction ends. */
export const lock = ({ target }: Pair): string => `LOCK TABLE ${target.sql} IN SHARE ROW EXCLUSIVE MODE`

export const lockTimeout = "SELECT set_config('lock_timeout', $1::text, true)"

/** A condition over the table of the source, for rows with these keys. */
export const filterOf = ({ key }: Pair, keys: ReadonlyArray<Key>): string => {
  const names = key.map(({ finding, source, texts }) => {
    const name = quoted(source.name)
    return finding.byValue.source ? name : `(${texts.source(name)})`
  })
  return key.length === 1
    ? `${names[0]} IN (${keys.map(([part]) => literal(part!)).join(", ")})`
    : `(${names.join(", ")}) IN (${keys.map((parts) => `(${parts.map(literal).join(", ")})`).join(", ")})`
}

/** Asks Debezium for rows, through the table that its connector watches, quoted. */
export const signal = (table: string): string =>
  `INSERT INTO ${table} (id, type, data) VALUES (gen_random_uuid()::text, 'execute-snapshot', $1::text)`
