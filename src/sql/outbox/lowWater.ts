/**
 * Below which id each shard has no rows and will have none: rows that were deleted stay in the index until a vacuum,
 * and reading them again at each look costs more than all else. Pure.
 */
import { queues } from "./shards.ts"

/** What was read: the last id that was drawn, then the transactions that run. */
export interface Observed {
  readonly lastId: bigint
  readonly xmin: bigint
  readonly xmax: bigint
}

/** What is known of a shard that was read without some topics. */
interface Passed {
  readonly topics: ReadonlyArray<string>
  readonly low: bigint
}

const later = (one: bigint, other: bigint): bigint => one > other ? one : other

export class LowWater {
  private readonly lows = new Array<bigint>(queues).fill(0n)
  /** No id up to this one can appear any more. */
  private settled = 0n
  private pending: Observed | undefined
  private readonly passed = new Array<Passed | undefined>(queues).fill(undefined)

  /** An id is settled when all transactions that ran when it had been drawn have ended. */
  observe(observed: Observed): void {
    // The ids began at 1 again, or the transactions did: the table was truncated, or it is another server.
    if (observed.lastId < this.settled || (this.pending !== undefined && observed.xmax < this.pending.xmax)) {
      this.reset()
    }
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

  /** Nothing is left in a shard up to `last`. */
  emptiedTo(shard: number, mark: bigint, last: bigint): void {
    this.lows[shard] = later(this.lows[shard]!, (last < mark ? last : mark) + 1n)
  }

  /** Nothing but rows of these topics is left in a shard of what was visible after `mark` was taken. */
  emptiedBut(shard: number, mark: bigint, topics: ReadonlyArray<string>): void {
    this.passed[shard] = { topics, low: mark + 1n }
  }

  /** The lowest id that a shard may have. */
  of(shard: number): bigint {
    return this.lows[shard]!
  }

  /** The lowest id that a shard may have, of rows of other topics than these. */
  without(shard: number, topics: ReadonlyArray<string>): bigint {
    const low = this.lows[shard]!
    const passed = this.passed[shard]
    return passed !== undefined && passed.topics.every((topic) => topics.includes(topic)) ? later(low, passed.low) : low
  }

  /** Everything is read again: what was noted may be of another server, after a fail-over or a restore. */
  forget(): void {
    this.lows.fill(0n)
    this.passed.fill(undefined)
  }

  get all(): ReadonlyArray<bigint> {
    return this.lows
  }

  private reset(): void {
    this.forget()
    this.settled = 0n
    this.pending = undefined
  }
}
