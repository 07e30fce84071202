/** Measures for how long a partition made no progress, with a record in work or although one should be. */
import type { TopicPartition } from "../../../engine/KafkaEngine.ts"
import type { Slot } from "../../partition/inWork.ts"
import type { PartitionState } from "../../partition/partitionState.ts"

/** A partition where nothing moves. */
export interface Stall extends TopicPartition {
  /** The record in work, or where the partition goes on; -1 where that is not known. */
  readonly offset: number
  readonly stalledMs: number
  /** What it waits for. */
  readonly problem: string
}

/** Why something should move, and for how many milliseconds it may take its time. */
export interface Expectation {
  readonly problem: string
  readonly patience: number
}

interface Seen {
  readonly turn: number
  readonly since: number
}

/** What is in work, with a count that changes with each execution: the partition as a whole, or each of its slots. */
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

/** Looks at the partitions from time to time, and forgets those that are gone. */
export class StallGuard {
  private working = new Map<PartitionState | Slot, Seen>()
  private idle = new Map<PartitionState, Seen>()

  /** Of each partition, the execution that has been under way longest. */
  handlers(states: Iterable<PartitionState>, now: number): ReadonlyArray<Stall> {
    const working = new Map<PartitionState | Slot, Seen>()
    const stalls: Array<Stall> = []
    for (const state of states) {
      if (state.ended) continue
      let oldest: { readonly offset: number; readonly since: number } | undefined
      for (const { of, offset, turn } of inWork(state)) {
        const entry = seen(this.working, of, turn, now)
        working.set(of, entry)
        if (oldest === undefined || entry.since < oldest.since) oldest = { offset, since: entry.since }
      }
      if (oldest === undefined) continue
      const { partition, topic } = state
      const { offset, since } = oldest
      stalls.push({ topic, partition, offset, stalledMs: now - since, problem: "its handler has not returned" })
    }
    this.working = working
    return stalls
  }

  /** The partitions where nothing is in work although something should be. */
  others(
    states: Iterable<PartitionState>,
    expected: (state: PartitionState) => Expectation | undefined,
    now: number
  ): ReadonlyArray<Stall> {
    const idle = new Map<PartitionState, Seen>()
    const stalls: Array<Stall> = []
    for (const state of states) {
      const isBusy = state.current !== undefined || state.phase !== "active" || state.suspended
      const should = isBusy ? undefined : expected(state)
      if (should === undefined) continue
      const entry = seen(this.idle, state, state.turns + (state.position ?? 0), now)
      idle.set(state, entry)
      const { partition, topic } = state
      const stalledMs = Math.max(0, now - entry.since - should.patience)
      stalls.push({ topic, partition, offset: state.position ?? state.start ?? -1, stalledMs, problem: should.problem })
    }
    this.idle = idle
    return stalls
  }
}

const seen = <K>(map: ReadonlyMap<K, Seen>, key: K, turn: number, now: number): Seen => {
  const before = map.get(key)
  return before?.turn === turn ? before : { turn, since: now }
}
