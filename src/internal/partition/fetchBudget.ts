/**
 * How much may be fetched, and which partitions must pause, from how much is buffered.
 *
 * Memory is bounded by a global budget of records and bytes. A partition is paused only while it is full and others are
 * hungry: pausing makes clients throw prefetched data away (librdkafka #1447), so pausing around chunks would multiply
 * the traffic. It is rare and has hysteresis.
 */

/** The limits of one consumer. */
export interface Limits {
  readonly chunkRecords: number
  readonly maxRecords: number
  readonly maxBytes: number
  /** The most bytes fetched in one step, if they are fewer than those of the budget. */
  readonly chunkBytes?: number | undefined
}

/** What is buffered now, over all partitions. */
export interface Buffered {
  readonly records: number
  readonly bytes: number
}

/** A partition in the eyes of the budget. */
export interface Load {
  readonly records: number
  readonly bytes: number
  readonly paused: boolean
}

/** How much the next poll may bring; nothing while the budget is used up. */
export const allowance = (limits: Limits, buffered: Buffered): { readonly records: number; readonly bytes: number } => {
  const records = limits.maxRecords - buffered.records
  const bytes = limits.maxBytes - buffered.bytes
  return records <= 0 || bytes <= 0
    ? { records: 0, bytes: 0 }
    : { records: Math.min(limits.chunkRecords, records), bytes: Math.min(limits.chunkBytes ?? bytes, bytes) }
}

/**
 * The limits of a consumer with this many partitions. In retry topics all of them may have to wait for hours. Each
 * keeps at most two chunks then, all together half of the budget; the other half is for records that are due.
 */
export const limitsFor = (
  { limits, retrying }: { readonly limits: Limits; readonly retrying: boolean },
  partitions: number
): Limits => {
  if (!retrying) return limits
  const steps = 4 * Math.max(1, partitions)
  return {
    ...limits,
    chunkRecords: Math.max(1, Math.min(limits.chunkRecords, Math.floor(limits.maxRecords / steps))),
    chunkBytes: Math.max(1, Math.floor(limits.maxBytes / steps))
  }
}

/**
 * At how many records a partition counts as full: an equal share of the budget less the chunk that may come on top, or
 * two chunks when that is more, but never more than half of the budget: one that stands still must not take it all.
 */
export const fullAt = (limits: Limits, partitions: number): number => {
  const share = Math.floor(limits.maxRecords / Math.max(1, partitions)) - limits.chunkRecords
  return Math.max(1, Math.min(Math.max(2 * limits.chunkRecords, share), Math.floor(limits.maxRecords / 2)))
}

/** Whether a partition should be paused: when it is full and somebody else is hungry, and then until it is at half. */
export const shouldPause = (limits: Limits, partitions: number, load: Load, othersHungry: boolean): boolean => {
  const full = fullAt(limits, partitions)
  const fullBytes = Math.min(
    Math.max(limits.maxBytes / Math.max(1, partitions), limits.maxBytes / 8),
    limits.maxBytes / 2
  )
  if (load.paused) return load.records > full / 2 || load.bytes > fullBytes / 2
  return othersHungry && (load.records >= full || load.bytes >= fullBytes)
}
