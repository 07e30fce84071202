/** The records that wait in the partitions of a run, and what an operator may do with them: retry now, or skip. */
import type { Waiting } from "../../ConsumerControl.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import { tp } from "../loop/ownership.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"

const held = (state: PartitionState): ReadonlyArray<Waiting> => {
  const record = state.gate?.held
  const until = state.gate?.dueAt
  if (record === undefined || until === undefined) return []
  const { executions } = RetryHeaders.read(record)
  const { offset } = record
  return [{ ...tp(state), offset, kind: "due", attempts: executions, since: undefined, until, cause: undefined }]
}

/** All waiting records, by partition and offset. */
export const waitingIn = (states: Iterable<PartitionState>): ReadonlyArray<Waiting> =>
  Array.from(states).flatMap((state) => [
    ...Array.from(state.waits, ({ attempts, cause, kind, offset, since, until }): Waiting => ({
      ...tp(state),
      offset,
      kind,
      attempts,
      since,
      until,
      cause
    })).sort((a, b) => a.offset - b.offset),
    ...held(state)
  ])

/** Ends the waits of a partition, or of one of its records, now. Returns how many. */
export const retryNow = (
  state: PartitionState | undefined,
  { offset }: TopicPartition & { readonly offset?: number | undefined }
): number => {
  if (state === undefined) return 0
  let count = 0
  for (const wait of state.waits) {
    if (offset !== undefined && wait.offset !== offset) continue
    wait.order ??= "now"
    wait.signal.raise()
    count++
  }
  const { gate } = state
  if (gate?.held !== undefined && (offset === undefined || gate.held.offset === offset)) {
    gate.force()
    state.signal.raise()
    count++
  }
  return count
}

/** Gives a waiting record up, so that its partition goes on with the next one. Returns whether it was waiting. */
export const skip = (state: PartitionState | undefined, offset: number): boolean => {
  for (const wait of state?.waits ?? []) {
    if (wait.offset !== offset) continue
    wait.order = "skip"
    wait.signal.raise()
    return true
  }
  if (state?.gate?.held?.offset !== offset) return false
  state.gate.skip()
  state.signal.raise()
  return true
}
