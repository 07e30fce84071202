/** What becomes of rows that were handed to the broker. Pure. */
import { isDelivered, type Settlement } from "../../internal/produce/delivering.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { OutboxRow } from "./rows.ts"

export interface Settled {
  /** Rows that are done. */
  readonly published: ReadonlyArray<OutboxRow>
  /** Rows that will never be taken as they are. */
  readonly refused: ReadonlyArray<{ readonly row: OutboxRow; readonly problem: string }>
  /** The first error of each topic with rows that are tried again. */
  readonly failed: ReadonlyMap<string, KafkaError>
  /** The rows that are in none of these were taken back with those that are: a batch without these is next. */
  readonly isAborted?: boolean | undefined
}

const keyOf = ({ message: { key, topic } }: OutboxRow): string | undefined =>
  key === null ? undefined : `${topic}\0${Buffer.from(key).toString("latin1")}`

/**
 * A row whose sending failed is sent again, and with it every later one of its key, also those that arrived: the last
 * record of a key has to be the last one written.
 */
export const settle = (
  rows: ReadonlyArray<OutboxRow>,
  settlements: ReadonlyArray<Settlement>,
  isTemporary: (error: KafkaError) => boolean
): Settled => {
  const published: Array<OutboxRow> = []
  const refused: Array<{ readonly row: OutboxRow; readonly problem: string }> = []
  const held = new Set<string>()
  const failed = new Map<string, KafkaError>()
  rows.forEach((row, i) => {
    const settlement = settlements[i]!
    const key = keyOf(row)
    if (key !== undefined && held.has(key)) return
    if (isDelivered(settlement)) published.push(row)
    else if (isTemporary(settlement)) {
      if (!failed.has(row.message.topic)) failed.set(row.message.topic, settlement)
      if (key !== undefined) held.add(key)
    } else refused.push({ row, problem: settlement.message })
  })
  return { published, refused, failed }
}
