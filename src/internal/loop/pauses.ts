/**
 * Fairness between partitions: which ones the client pauses, so that full ones leave room for hungry ones.
 */
import type { Assignment } from "../partition/assignment.ts"
import { isTight, type Limits, restingAt, shouldPause } from "../partition/fetchBudget.ts"
import type { PartitionState } from "../partition/partitionState.ts"

/**
 * How long before its time a waiting partition is resumed, in milliseconds: a client that resumes first waits for the
 * broker's answer to its last request, up to half a second.
 */
const ahead = 1_500

const isWaiting = (state: PartitionState, now: number): boolean => (state.waitsUntil ?? 0) - now > ahead

/**
 * While the budget is tight, a partition with more than its part is paused when it still has that after this long, in
 * milliseconds. Until then nothing is polled: one that is handled soon needs no pause, after which it would idle.
 */
const patience = 200

/** Whether a paused partition is empty enough to go on. */
export const mayResume = (limits: Limits, assignment: Assignment, state: PartitionState, now: number): boolean =>
  state.paused && isOurs(state) && !wanted(limits, assignment, state, true, now)

/** Which partitions are to be paused and resumed now. */
export interface Choice {
  readonly pause: ReadonlyArray<PartitionState>
  readonly resume: ReadonlyArray<PartitionState>
  /** Whether to poll nothing until partitions with more than their part are handled, or paused. */
  readonly holdsBack: boolean
}

/** Owned by the run loop. */
export class Pauses {
  private excess = new Map<PartitionState, number>()

  choose(limits: Limits, assignment: Assignment, now: number): Choice {
    const pause: Array<PartitionState> = []
    const resume: Array<PartitionState> = []
    const excess = new Map<PartitionState, number>()
    const tight = isTight(limits, assignment.size, assignment.buffered)
    let hungry: boolean | undefined
    for (const state of assignment) {
      if (!isOurs(state)) continue
      const waiting = isWaiting(state, now)
      if (!state.paused && !waiting && state.bufferedRecords === 0 && state.bufferedBytes === 0) continue
      hungry ??= anyHungry(assignment)
      const paused = wanted(limits, assignment, state, hungry, now)
      if (!paused && state.paused) resume.push(state)
      if (!paused || state.paused) continue
      const since = this.excess.get(state) ?? now
      if (!tight || waiting || now - since >= patience) pause.push(state)
      else excess.set(state, since)
    }
    this.excess = excess
    return { pause, resume, holdsBack: excess.size > 0 }
  }
}

/**
 * Partitions that the user paused, or that are draining, held or read to the end, are not paused or resumed for the
 * budget.
 */
const isOurs = (state: PartitionState): boolean => state.phase === "active" && !state.suspended && !state.isDelivered

/** Whether any partition has nothing queued although its worker could go on. */
export const anyHungry = (assignment: Assignment): boolean => {
  for (const state of assignment) if (isOurs(state) && state.goesOn && state.bufferedRecords === 0) return true
  return false
}

const wanted = (
  limits: Limits,
  assignment: Assignment,
  state: PartitionState,
  hungry: boolean,
  now: number
): boolean => {
  const { bufferedBytes: bytes, bufferedRecords: records, paused } = state
  if (isWaiting(state, now)) {
    // What waits for its time needs no more than is there; fetched on, it would use up the budget of the others.
    const resting = restingAt(limits, assignment.size)
    if (records >= resting.records || bytes >= resting.bytes) return true
  }
  return shouldPause(limits, assignment.size, { records, bytes, paused }, hungry, assignment.buffered)
}
