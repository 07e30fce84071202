/** Debezium's envelopes, from JSON or Avro: `before`, `after`, `op`, `source`. Pure. */
import { described } from "./connectSchema.ts"
import { gone, keyIn, splitKey } from "./keys.ts"
import { type Change, type Input, Malformed, type Values, type Version } from "./model.ts"
import type { Reading } from "./reading.ts"
import { withoutUnchanged } from "./toast.ts"
import { bigintOf, isValues, keyValues, kindOf, millisOf } from "./values.ts"

const flattened = "this looks like a flattened row: use Change.flattened, or leave the ExtractNewRecordState out"

const transactionOf = (transaction: unknown): Version["transaction"] => {
  if (!isValues(transaction) || typeof transaction.id !== "string") return undefined
  return { id: transaction.id, order: millisOf(transaction.total_order) ?? 0 }
}

const versionOf = ({ op, transaction, ts_ms }: Values, source: Values): Version => ({
  lsn: bigintOf(source.lsn),
  timestamp: millisOf(source.ts_ms ?? ts_ms),
  transaction: transactionOf(transaction),
  isSnapshot: op === "r"
})

const tableIn = ({ schema, table }: Values): string | undefined =>
  typeof schema === "string" && typeof table === "string" && table !== "" ? `${schema}.${table}` : undefined

const missing = (field: string, value: unknown, op: string): Malformed =>
  new Malformed({ field, problem: `${kindOf(value)} is no row, and op "${op}" needs one` })

/** What is no change of a row, and comes in topics of its own, or in the same if all of them are read. */
const without = (value: Values): Change | Malformed => {
  if (typeof value.status === "string" && "event_count" in value) return { _tag: "Ignore", why: "transaction" }
  if (value.op === undefined && millisOf(value.ts_ms) !== undefined && value.source === undefined) {
    return { _tag: "Ignore", why: "heartbeat" }
  }
  const problem = value.op === undefined ? `there is none; ${flattened}` : `${JSON.stringify(value.op)} is unknown`
  return new Malformed({ field: "value.op", problem })
}

/** Reads what is an envelope. */
export const readEnvelope = (
  reading: Reading,
  record: Input,
  keyFields?: ReadonlyArray<string>
): Change | Malformed => {
  const value = described(record.value)
  const keyGiven = keyValues(described(record.key), keyFields)
  if (keyGiven instanceof Malformed) return keyGiven
  const { key, table: routed } = splitKey(keyGiven, reading.tableField)
  if (value === null || value === undefined) {
    return reading.tombstones === "ignore" ? { _tag: "Ignore", why: "tombstone" } : gone(key, routed, record.headers)
  }
  if (!isValues(value)) return new Malformed({ field: "value", problem: `${kindOf(value)} is no envelope` })
  const { after, op } = value
  if (op === "m") return { _tag: "Ignore", why: "message" }
  if (typeof op !== "string" || !"crudt".includes(op) || op.length !== 1) return without(value)
  const source = isValues(value.source) ? value.source : undefined
  if (source === undefined) {
    return new Malformed({ field: "value.source", problem: `${kindOf(value.source)} is no source of a change` })
  }
  if (reading.isIgnored(source.origin)) return { _tag: "Ignore", why: "origin" }
  const table = routed ?? tableIn(source)
  if (op === "t") return { _tag: "Truncate", table }
  const before = isValues(value.before) ? value.before : undefined
  if (reading.isSkipped(op === "d" ? before : after)) return { _tag: "Ignore", why: "kafkaSkip" }
  const version = versionOf(value, source)
  if (op === "d") {
    const isKeyless = Object.keys(key).length === 0
    if (isKeyless && before === undefined) return missing("value.before", value.before, "d")
    const newKey = keyIn(record.headers, "__debezium.newkey")
    return { _tag: "Delete", table, key: isKeyless ? before! : key, version, before, newKey }
  }
  if (!isValues(after)) return missing("value.after", after, op)
  const row = withoutUnchanged(after, reading.isUnchanged)
  const oldKey = op === "c" ? keyIn(record.headers, "__debezium.oldkey") : undefined
  const hasUnsureNulls = !reading.isFull && before === undefined && (op === "u" || oldKey !== undefined)
  return { _tag: "Upsert", table, key, row, version, before, oldKey, hasUnsureNulls }
}
