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

/** The part of a partition that the budget needs. */
export interface Load {
  readonly records: number
  readonly bytes: number
  readonly paused: boolean
}

const isOver = (used: number, max: number, eighths: number): boolean => used * 8 > max * eighths

/** Whether more than half of the budget is used: from then on it is checked how much each partition uses. */
export const isCrowded = (limits: Limits, { bytes, records }: Buffered): boolean =>
  isOver(records, limits.maxRecords, 4) || isOver(bytes, limits.maxBytes, 4)

/** With several partitions, the last eighth of the budget is reserved for those that have nothing. */
export const isReserved = (limits: Limits, partitions: number, { bytes, records }: Buffered): boolean =>
  partitions > 1 && (records * 8 >= limits.maxRecords * 7 || bytes * 8 >= limits.maxBytes * 7)

/** With several partitions, whether so little is left that each may only have its part of it. */
export const isTight = (limits: Limits, partitions: number, { bytes, records }: Buffered): boolean =>
  partitions > 1 && (isOver(records, limits.maxRecords, 6) || isOver(bytes, limits.maxBytes, 6))

/** The part of what is left that one partition may take: however many stand still, three quarters remain. */
const partOf = (max: number, used: number, partitions: number): number =>
  Math.max(1, Math.floor((max - used) / (4 * partitions)))

/** With several partitions no poll skips over the last quarter of the budget, where each may only have its part. */
const chunkOf = (chunk: number, max: number, used: number, partitions: number): number => {
  if (partitions === 1) return Math.min(chunk, max - used)
  return isOver(used, max, 6)
    ? Math.min(chunk, partOf(max, used, partitions))
    : Math.min(chunk, Math.max(1, Math.floor(max / 8)))
}

/**
 * How much the next poll may return; nothing while the budget is used up. `hungry`: whether a partition has nothing, so
 * that the reserve may be used.
 */
export const allowance = (
  limits: Limits,
  buffered: Buffered,
  partitions = 1,
  hungry = true
): { readonly records: number; readonly bytes: number } => {
  const { chunkBytes, chunkRecords, maxBytes, maxRecords } = limits
  const { bytes, records } = buffered
  const isUsedUp = records >= maxRecords || bytes >= maxBytes || !hungry && isReserved(limits, partitions, buffered)
  return isUsedUp ? { records: 0, bytes: 0 } : {
    records: chunkOf(chunkRecords, maxRecords, records, partitions),
    bytes: chunkOf(chunkBytes ?? maxBytes, maxBytes, bytes, partitions)
  }
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
 * At how many records a partition counts as full: an equal share of the budget, minus the chunk that may come in
 * addition; or two chunks, if that is more. Never more than half of the budget, so that one partition cannot use it
 * all.
 */
export const fullAt = (limits: Limits, partitions: number): number => {
  const share = Math.floor(limits.maxRecords / Math.max(1, partitions)) - limits.chunkRecords
  return Math.max(1, Math.min(Math.max(2 * limits.chunkRecords, share), Math.floor(limits.maxRecords / 2)))
}

/** How much a partition keeps whose records are not due; all of those together keep a quarter of the budget. */
export const restingAt = (
  limits: Limits,
  partitions: number
): { readonly records: number; readonly bytes: number } => ({
  records: Math.min(limits.chunkRecords, partOf(limits.maxRecords, 0, partitions)),
  bytes: Math.min(limits.chunkBytes ?? limits.maxBytes, partOf(limits.maxBytes, 0, partitions))
})

/** From where on one dimension of a partition is too much, and until where it then stays paused. */
const bounds = (full: number, max: number, used: number, partitions: number) => {
  if (partitions > 1 && isOver(used, max, 6)) {
    const pause = Math.min(full, partOf(max, used, partitions))
    return { pause, resume: pause / 2 }
  }
  return { pause: full, resume: isOver(used, max, 4) ? Math.min(full / 2, max / (16 * partitions)) : full / 2 }
}

/**
 * Whether a partition should be paused: when it is full and another is hungry, and then until it is half full. The less
 * budget is left, the earlier it counts as full.
 */
export const shouldPause = (
  limits: Limits,
  partitions: number,
  load: Load,
  othersHungry: boolean,
  buffered: Buffered
): boolean => {
  const fullBytes = Math.min(
    Math.max(limits.maxBytes / Math.max(1, partitions), limits.maxBytes / 8),
    limits.maxBytes / 2
  )
  const records = bounds(fullAt(limits, partitions), limits.maxRecords, buffered.records, partitions)
  const bytes = bounds(fullBytes, limits.maxBytes, buffered.bytes, partitions)
  if (load.paused) return load.records > records.resume || load.bytes > bytes.resume
  return othersHungry && (load.records >= records.pause || load.bytes >= bytes.pause)
}
