/** Rows of `ExtractNewRecordState`: fields of the row, and fields and headers about the change. Pure. */
import type * as Headers from "../../Headers.ts"
import { readText } from "../../internal/shared/utf8.ts"
import { described } from "./connectSchema.ts"
import { gone, keyIn, splitKey } from "./keys.ts"
import { type Change, type Input, Malformed, type Values, type Version } from "./model.ts"
import type { Reading } from "./reading.ts"
import { bigintOf, isValues, keyValues, kindOf, millisOf, put } from "./values.ts"

/** The fields of envelopes that `add.fields` and `add.headers` can name, without those of the source. */
const own = ["deleted", "op", "ts_ms", "ts_us", "ts_ns", "source", "transaction", "before", "after"]
const ofSource = [
  "version",
  "connector",
  "name",
  "ts_ms",
  "ts_us",
  "ts_ns",
  "snapshot",
  "db",
  "sequence",
  "schema",
  "table",
  "txId",
  "lsn",
  "xmin",
  "origin",
  "origin_lsn"
]
const ofTransaction = ["id", "total_order", "data_collection_order"]

/** The names of the fields that are about the change, with the prefix that the connector gives them. */
export const metadataNames = (prefix: string, more: ReadonlyArray<string>): ReadonlySet<string> =>
  new Set([
    ...[...own, ...ofSource].map((name) => `${prefix}${name}`),
    ...ofSource.map((name) => `${prefix}source_${name}`),
    ...ofTransaction.map((name) => `${prefix}transaction_${name}`),
    "__deleted",
    ...more
  ])

/** What a record may say of its change, each under two names: of the envelope, and of its source. */
const saidOf = [
  "op",
  "deleted",
  "lsn",
  "ts_ms",
  "schema",
  "table",
  "origin",
  "transaction_id",
  "transaction_total_order"
]
type Said = { readonly [name: string]: unknown }

/** {@link Reading}, and what only flattened rows need. */
export interface FlatReading extends Reading {
  readonly prefix: string
  readonly metadata: ReadonlySet<string>
  /** The fields and headers that say something, with the names that it is known by. */
  readonly said: ReadonlyMap<string, string>
  /** Whether any origins are ignored, so that records have to say theirs. */
  readonly needsOrigin: boolean
}

/** The fields and headers that say something of a change. What is of the source is `source_…`. */
export const saidNames = (prefix: string): ReadonlyMap<string, string> =>
  new Map([
    ...saidOf.flatMap((name) => [[`${prefix}${name}`, name], [`${prefix}source_${name}`, `source_${name}`]] as const),
    ["__deleted", "deleted"]
  ])

/** What the headers say; the last one of a name counts, and a field of the same name more. */
const saidInHeaders = ({ said }: FlatReading, headers: Headers.Headers): { [name: string]: unknown } => {
  const found: { [name: string]: unknown } = {}
  for (const [header, value] of headers) {
    const name = said.get(header)
    if (name !== undefined) found[name] = value === null ? null : readText(value)
  }
  return found
}

const versionOf = (said: Said): Version | undefined => {
  const lsn = bigintOf(said.lsn ?? said.source_lsn)
  const timestamp = millisOf(said.source_ts_ms ?? said.ts_ms)
  const id = said.transaction_id
  const transaction = typeof id === "string"
    ? { id, order: millisOf(said.transaction_total_order) ?? 0 }
    : undefined
  const { op } = said
  if (lsn === undefined && timestamp === undefined && transaction === undefined && op === undefined) return undefined
  return { lsn, timestamp, transaction, isSnapshot: op === undefined ? undefined : op === "r" }
}

/** `schema.table`, the table alone where the schema is not said, or `undefined`. */
const tableIn = (said: Said): string | undefined => {
  const table = said.table ?? said.source_table
  if (typeof table !== "string") return undefined
  const schema = said.schema ?? said.source_schema
  return typeof schema === "string" ? `${schema}.${table}` : table
}

const noOrigin = (prefix: string, where: "row" | "null"): Malformed =>
  new Malformed({
    field: where === "row" ? `value.${prefix}origin` : `headers.${prefix}origin`,
    problem: where === "row"
      ? "origins are to be ignored, and the row does not say its own; add origin to the connector's add.fields"
      : "origins are to be ignored, and a null has no field for its own; add origin to the connector's add.headers, or "
        + "set delete.tombstone.handling.mode to rewrite and tombstones to \"ignore\""
  })

/** The origin is ignored, is not, or is not said although it has to be. */
const ofOrigin = (reading: FlatReading, said: Said, where: "row" | "null"): Change | Malformed | undefined => {
  if (!reading.needsOrigin) return undefined
  const origin = said.origin === undefined ? said.source_origin : said.origin
  if (origin === undefined) return noOrigin(reading.prefix, where)
  return reading.isIgnored(origin) ? { _tag: "Ignore", why: "origin" } : undefined
}

const isTrue = (deleted: unknown): boolean =>
  deleted === true || (typeof deleted === "string" && deleted.toLowerCase() === "true")

/** A message of `pg_logical_emit_message`, which no transform flattens. */
const isMessage = ({ message, op, source }: Values): boolean =>
  op === "m" && isValues(message) && isValues(source) && "connector" in source

const isEnvelope = (value: Values): boolean =>
  typeof value.op === "string" && isValues(value.source) && "connector" in value.source
  && ("after" in value || "before" in value)

/** A null: the row is gone. */
const flatTombstone = (reading: FlatReading, { headers }: Input, key: Values, routed: string | undefined) => {
  const said = saidInHeaders(reading, headers)
  return ofOrigin(reading, said, "null") ?? gone(key, routed ?? tableIn(said), headers, versionOf(said))
}

/** Reads what is a flattened row. */
export const readFlattened = (
  reading: FlatReading,
  record: Input,
  keyFields?: ReadonlyArray<string>
): Change | Malformed => {
  const { headers } = record
  const value = described(record.value)
  const keyGiven = keyValues(described(record.key), keyFields)
  if (keyGiven instanceof Malformed) return keyGiven
  const { key, table: routed } = splitKey(keyGiven, reading.tableField)
  if (value === null || value === undefined) {
    return reading.tombstones === "ignore"
      ? { _tag: "Ignore", why: "tombstone" }
      : flatTombstone(reading, record, key, routed)
  }
  if (!isValues(value)) return new Malformed({ field: "value", problem: `${kindOf(value)} is no row` })
  if (isMessage(value)) return { _tag: "Ignore", why: "message" }
  if (isEnvelope(value)) {
    return new Malformed({ field: "value", problem: "this is a whole envelope: use Change.envelope" })
  }
  const said = saidInHeaders(reading, headers)
  const row: { [field: string]: unknown } = {}
  for (const field of Object.keys(value)) {
    const one = value[field]
    if (reading.metadata.has(field)) {
      const name = reading.said.get(field)
      if (name !== undefined) said[name] = one
    } else if (field !== reading.tableField && !reading.isUnchanged(one)) put(row, field, one)
  }
  const ended = ofOrigin(reading, said, "row")
  if (ended !== undefined) return ended
  if (reading.isSkipped(row)) return { _tag: "Ignore", why: "kafkaSkip" }
  const { op } = said
  const table = routed ?? tableIn(said)
  const version = versionOf(said)
  if (op === "d" || isTrue(said.deleted)) {
    const isKeyless = Object.keys(key).length === 0
    const newKey = keyIn(headers, "__debezium.newkey")
    return { _tag: "Delete", table, key: isKeyless ? row : key, version, before: row, newKey }
  }
  const oldKey = keyIn(headers, "__debezium.oldkey")
  const isWhole = reading.isFull || op === "r" || (op === "c" && oldKey === undefined)
  return { _tag: "Upsert", table, key, row, version, before: undefined, oldKey, hasUnsureNulls: !isWhole }
}
