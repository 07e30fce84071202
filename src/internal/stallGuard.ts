/** Notices handlers that make no progress. */
import type { PartitionState } from "./partitionState.ts"

interface Seen {
  readonly steps: number
  readonly since: number
}

/** Looks at the partitions now and then; remembers nothing of those that are gone. */
export class StallGuard {
  private seen = new Map<PartitionState, Seen>()
  private readonly maxStall: number

  constructor(maxStall: number) {
    this.maxStall = maxStall
  }

  /** A partition whose handler has been in the same step for too long, and for how many milliseconds. */
  look(
    states: Iterable<PartitionState>,
    now: number
  ): { readonly state: PartitionState; readonly offset: number; readonly stalledMs: number } | undefined {
    const seen = new Map<PartitionState, Seen>()
    for (const state of states) {
      if (state.current === undefined || state.ended) continue
      const before = this.seen.get(state)
      const entry = before?.steps === state.steps ? before : { steps: state.steps, since: now }
      seen.set(state, entry)
      if (now - entry.since >= this.maxStall) {
        return { state, offset: state.current, stalledMs: now - entry.since }
      }
    }
    this.seen = seen
    return undefined
  }
}
