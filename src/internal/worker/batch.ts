/** A batch of one partition, from its first record until all of it is done. */
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import type { Outcome } from "../../Outcome.ts"
import type * as Record from "../../Record.ts"
import type { Undecoded } from "../shared/undecoded.ts"
import type { Waits } from "./judge.ts"

export type AnyRecord = Record.Record<any, any, any>

/** What a handler of batches is given. */
export type Item = AnyRecord | Undecoded<AnyRecord>

/** A batch that is being collected: all raw records that it covers, and those that its handler gets. */
export interface Batch {
  raws: Array<RawRecord>
  records: Array<Item>
  exceptions: Array<Outcome>
  start: number
  next: number
  /** How far an owner of offsets has stored it: where it begins, or at a record that failed behind others. */
  stored: number
  bytes: number
  /** When its handler was called first, in milliseconds since the epoch. */
  startedAt: number
  /** A record that was judged ahead, and waits once those before it are done. */
  ahead: { readonly offset: number; readonly verdict: Waits } | undefined
}

export const emptyBatch = (start: number): Batch => ({
  raws: [],
  records: [],
  exceptions: [],
  start,
  next: start,
  stored: start,
  bytes: 0,
  startedAt: 0,
  ahead: undefined
})

/** Records of a batch are done without its handler. */
export const takeOut = (batch: Batch, outcomes: ReadonlyArray<Outcome>): void => {
  batch.exceptions = batch.exceptions.concat(outcomes).sort((a, b) => a.offset - b.offset)
  const gone = new Set(outcomes.map(({ offset }) => offset))
  const isGone = ({ raw }: Item) => gone.has(raw.offset)
  // Often it is the first one: what is behind is not looked at, as many may fail one after the other.
  let first = 0
  while (first < gone.size && first < batch.records.length && isGone(batch.records[first]!)) first++
  batch.records = batch.records.slice(first)
  if (first < gone.size) batch.records = batch.records.filter((record) => !isGone(record))
}

/**
 * Ends the batch before the record where its partition stops, which was judged before those in front of it were done.
 * Returns whether any of them are left.
 */
export const cutAt = (batch: Batch, offset: number): boolean => {
  const isBefore = (record: { readonly offset: number }) => record.offset < offset
  if (!batch.records.some(({ raw }) => isBefore(raw))) return false
  batch.raws = batch.raws.filter(isBefore)
  batch.records = batch.records.filter(({ raw }) => isBefore(raw))
  batch.exceptions = batch.exceptions.filter(isBefore)
  batch.next = offset
  return true
}

/** Whether records behind others are done already: the next owner of the partition would do them again. */
export const isAhead = ({ exceptions, records }: Batch): boolean =>
  records.length > 0 && exceptions.some(({ offset }) => offset > records[0]!.raw.offset)
