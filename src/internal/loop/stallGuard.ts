/** Notices handlers that make no progress. */
import type { Slot } from "../partition/inWork.ts"
import type { PartitionState } from "../partition/partitionState.ts"

interface Seen {
  readonly turn: number
  readonly since: number
}

/** What is in work, and how often something was: the partition as a whole, or each of its slots. */
function* inWork(
  state: PartitionState
): Iterable<{ readonly of: PartitionState | Slot; readonly offset: number; readonly turn: number }> {
  if (state.slots.size === 0) {
    if (state.current !== undefined) yield { of: state, offset: state.current, turn: state.turns }
    return
  }
  for (const slot of state.slots) {
    if (slot.offset !== undefined) yield { of: slot, offset: slot.offset, turn: slot.turn }
  }
}

/** Looks at the partitions now and then; remembers nothing of those that are gone. */
export class StallGuard {
  private seen = new Map<PartitionState | Slot, Seen>()
  private readonly maxStall: number

  constructor(maxStall: number) {
    this.maxStall = maxStall
  }

  /** A partition whose handler has been at the same execution for too long, and for how many milliseconds. */
  look(
    states: Iterable<PartitionState>,
    now: number
  ): { readonly state: PartitionState; readonly offset: number; readonly stalledMs: number } | undefined {
    const seen = new Map<PartitionState | Slot, Seen>()
    for (const state of states) {
      if (state.ended) continue
      for (const { of, offset, turn } of inWork(state)) {
        const before = this.seen.get(of)
        const entry = before?.turn === turn ? before : { turn, since: now }
        seen.set(of, entry)
        if (now - entry.since >= this.maxStall) return { state, offset, stalledMs: now - entry.since }
      }
    }
    this.seen = seen
    return undefined
  }
}
