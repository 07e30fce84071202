/**
 * Receipts: the record in each transaction of a relay that says which rows the transaction published. Pure.
 *
 * `millrace/1 `, then for each row two numbers: how far its id is from that of the row before, and its stamp, as a
 * distance from that of the row before, too.
 */
import * as Vlq from "../../internal/shared/codecs/vlq.ts"

/**
 * A row, as it is known again: its place among all, as digits, and when it was written. The id alone is not enough:
 * after a restore of the database, or with the transactional id of another outbox, the same id is another row's.
 */
export interface Receipted {
  readonly id: string
  /** The lowest 40 bits of the microseconds. */
  readonly stamp: number
}

const prefix = "millrace/1 "

/** Stamps are below this. */
export const stamps = 2 ** 40

/**
 * How many rows a transaction publishes at most: each takes up to 21 characters, 4 as a rule, and brokers take records
 * of 1 MiB by default.
 */
export const mostRows = 20_000

const safe = BigInt(Number.MAX_SAFE_INTEGER)

const written = (number: bigint): string => {
  let text = ""
  let rest = number
  while (rest > safe) {
    text += Vlq.digit(32 + Number(rest % 32n))
    rest /= 32n
  }
  return text + Vlq.write(Number(rest))
}

/** No id has more digits of five bits. */
const mostDigits = 13

const readFrom = (reader: Vlq.Reader): bigint | undefined => {
  let value = 0n
  for (let digit = 0; digit < mostDigits; digit++) {
    const bits = reader.bits()
    if (bits === undefined) return undefined
    value += BigInt(bits % 32) << BigInt(5 * digit)
    if (bits < 32) return value
  }
  return undefined
}

/** Rows in the order of their ids. */
export const encode = (rows: ReadonlyArray<Receipted>): string => {
  let text = prefix
  let [id, stamp] = [0n, 0]
  for (const row of rows) {
    const next = BigInt(row.id)
    text += written(next - id) + Vlq.write((row.stamp - stamp + stamps) % stamps)
    id = next
    stamp = row.stamp
  }
  return text
}

/** The rows of a receipt; `undefined` for what is none. */
export const decode = (text: string): ReadonlyArray<Receipted> | undefined => {
  if (!text.startsWith(prefix)) return undefined
  const reader = new Vlq.Reader(text.slice(prefix.length))
  const rows: Array<Receipted> = []
  let [id, stamp] = [0n, 0]
  while (!reader.isAtEnd) {
    const distance = readFrom(reader)
    const later = reader.number()
    if (distance === undefined || later === undefined || later >= stamps) return undefined
    id += distance
    stamp = (stamp + later) % stamps
    rows.push({ id: String(id), stamp })
  }
  return rows
}
