/**
 * Fairness between partitions: which ones the client pauses, so that full ones leave room for hungry ones.
 */
import type { Assignment } from "../partition/assignment.ts"
import { type Limits, restingAt, shouldPause } from "../partition/fetchBudget.ts"
import type { PartitionState } from "../partition/partitionState.ts"

/**
 * How long before its time a waiting partition is resumed, in milliseconds: a client that resumes first waits for the
 * broker's answer to its last request, up to half a second.
 */
const ahead = 1_500

const isWaiting = (state: PartitionState, now: number): boolean => (state.waitsUntil ?? 0) - now > ahead

/** Whether a paused partition is empty enough to go on. */
export const mayResume = (limits: Limits, assignment: Assignment, state: PartitionState, now: number): boolean =>
  state.paused && isOurs(state) && !wanted(limits, assignment, state, true, now)

/** Which partitions are to be paused and resumed now. */
export const choosePauses = (
  limits: Limits,
  assignment: Assignment,
  now: number
): { readonly pause: ReadonlyArray<PartitionState>; readonly resume: ReadonlyArray<PartitionState> } => {
  const pause: Array<PartitionState> = []
  const resume: Array<PartitionState> = []
  let hungry: boolean | undefined
  for (const state of assignment) {
    if (!isOurs(state)) continue
    if (!state.paused && !isWaiting(state, now) && state.bufferedRecords === 0 && state.bufferedBytes === 0) continue
    hungry ??= anyHungry(assignment)
    const paused = wanted(limits, assignment, state, hungry, now)
    if (paused && !state.paused) pause.push(state)
    if (!paused && state.paused) resume.push(state)
  }
  return { pause, resume }
}

/** Partitions that the user paused, or that are draining or held, are not paused or resumed for the budget. */
const isOurs = (state: PartitionState): boolean => state.phase === "active" && !state.suspended

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
