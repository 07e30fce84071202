/**
 * Below which id each shard has no rows and will have none: rows that were deleted stay in the index until a vacuum,
 * and reading them again at each look costs more than all else. Pure.
 */
import { shards } from "./shards.ts"

/** What was read: the last id that was drawn, then the transactions that run. */
export interface Observed {
  readonly lastId: bigint
  readonly xmin: bigint
  readonly xmax: bigint
}

export class LowWater {
  private readonly lows = new Array<bigint>(shards).fill(0n)
  /** No id up to this one can appear any more. */
  private settled = 0n
  private pending: Observed | undefined

  /** An id is settled when all transactions that ran when it had been drawn have ended. */
  observe(observed: Observed): void {
    // The ids began at 1 again: the table was truncated, or restored.
    if (observed.lastId < this.settled) this.reset()
    if (this.pending !== undefined && observed.xmin < this.pending.xmax) return
    if (this.pending !== undefined) this.settled = this.pending.lastId
    this.pending = observed
  }

  /** What is settled before a shard is read: it is handed to `emptied` afterwards. */
  get mark(): bigint {
    return this.settled
  }

  /** Nothing is left in a shard of what was visible after `mark` was taken. */
  emptied(shard: number, mark: bigint): void {
    if (mark >= this.lows[shard]!) this.lows[shard] = mark + 1n
  }

  /** The lowest id that a shard may have. */
  of(shard: number): bigint {
    return this.lows[shard]!
  }

  get all(): ReadonlyArray<bigint> {
    return this.lows
  }

  private reset(): void {
    this.lows.fill(0n)
    this.settled = 0n
    this.pending = undefined
  }
}
