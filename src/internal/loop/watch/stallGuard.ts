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

interface Execution {
  readonly of: PartitionState | Slot
  readonly offset: number
  readonly turn: number
  /** Its codec waits, for a registry for example; its handler has not been called yet. */
  readonly decodes: boolean
}

/** A handler's time begins when its record is decoded. */
const execution = (state: PartitionState, of: PartitionState | Slot, offset: number, turn: number): Execution => {
  const decodes = state.awaited.has(offset)
  return { of, offset, turn: decodes ? turn + 0.5 : turn, decodes }
}

/** What is in work, with a count that changes with each execution: the partition as a whole, or each of its slots. */
function* inWork(state: PartitionState): Iterable<Execution> {
  if (state.slots.size === 0) {
    const [offset = state.current] = state.awaited
    if (offset !== undefined) yield execution(state, state, offset, state.turns)
    return
  }
  for (const slot of state.slots) {
    if (slot.offset !== undefined) yield execution(state, slot, slot.offset, slot.turn)
  }
}

/** The executions under way longest, one of each partition. */
interface Oldest {
  /** Of handlers. */
  readonly handlers: ReadonlyArray<Stall>
  /** Of codecs that wait. */
  readonly codecs: ReadonlyArray<Stall>
}

/** Looks at the partitions from time to time, and forgets those that are gone. */
export class StallGuard {
  private working = new Map<PartitionState | Slot, Seen>()
  private idle = new Map<PartitionState, Seen>()

  /** Of each partition, the executions that have been under way longest. */
  oldest(states: Iterable<PartitionState>, now: number): Oldest {
    const working = new Map<PartitionState | Slot, Seen>()
    const handlers: Array<Stall> = []
    const codecs: Array<Stall> = []
    for (const state of states) {
      if (state.ended) continue
      const { partition, topic } = state
      let handler: Stall | undefined
      let codec: Stall | undefined
      for (const { decodes, of, offset, turn } of inWork(state)) {
        const entry = seen(this.working, of, turn, now)
        working.set(of, entry)
        const stalledMs = now - entry.since
        if (stalledMs <= ((decodes ? codec : handler)?.stalledMs ?? -1)) continue
        const stall = { topic, partition, offset, stalledMs }
        if (decodes) codec = { ...stall, problem: "its codec waits, and has not decoded it" }
        else handler = { ...stall, problem: "its handler has not returned" }
      }
      if (handler !== undefined) handlers.push(handler)
      if (codec !== undefined) codecs.push(codec)
    }
    this.working = working
    return { handlers, codecs }
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
      const isBusy = state.current !== undefined || state.awaited.size > 0 || state.phase !== "active" ||
        state.suspended
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
