/** What the failure of a batch's handler says. Pure. */
import * as Cause from "effect/Cause"
import { isBatchFailed } from "../../BatchFailed.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"

/** What is to be judged: one record with its own cause, or the batch as a whole (`failed` is `undefined`). */
export interface BatchFailure {
  readonly failed: RawRecord | undefined
  readonly cause: Cause.Cause<unknown>
}

/** Finds out whether a handler said which of its records failed. */
export const failureIn = (
  records: ReadonlyArray<{ readonly raw: RawRecord }>,
  cause: Cause.Cause<unknown>
): BatchFailure => {
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason) || !isBatchFailed(reason.error)) continue
    const { cause: own, offset } = reason.error
    const failed = records.find(({ raw }) => raw.offset === offset)?.raw
    if (failed !== undefined) return { failed, cause: Cause.isCause(own) ? own : Cause.fail(own) }
    const range = records.length === 0
      ? "has none"
      : `has ${records[0]!.raw.offset} to ${records[records.length - 1]!.raw.offset}`
    const problem = `the handler failed with BatchFailed at offset ${offset}, but its batch ${range}`
    return { failed: undefined, cause: Cause.die(new Error(problem, { cause: reason.error })) }
  }
  return { failed: undefined, cause }
}
