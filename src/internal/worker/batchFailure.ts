/** What the failure of a batch's handler says. Pure. */
import * as Cause from "effect/Cause"
import { type Failed, FailedAhead, isBatchFailed } from "../../BatchFailed.ts"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import { keyText } from "./keyText.ts"

/** A record that fails, behind others that may not. */
export interface Ahead {
  readonly raw: RawRecord
  readonly cause: Cause.Cause<unknown>
}

/** What is to be judged: one record with its own cause, or the batch as a whole (`failed` is `undefined`). */
export interface BatchFailure {
  readonly failed: RawRecord | undefined
  readonly cause: Cause.Cause<unknown>
  /** Records behind it that fail, too, in their order. */
  readonly ahead: ReadonlyArray<Ahead>
}

const none: ReadonlyArray<Ahead> = []

/** Those that may be judged before the records in front of them: none of these has the same key, and may fail, too. */
const aheadIn = (
  records: ReadonlyArray<{ readonly raw: RawRecord }>,
  first: number,
  failures: ReadonlyArray<Failed>
): ReadonlyArray<Ahead> => {
  if (failures.length === 0) return none
  const causes = new Map(failures.map(({ cause, offset }) => [offset, cause]))
  const open = new Set<string>()
  const ahead: Array<Ahead> = []
  for (let i = first + 1; i < records.length; i++) {
    const { raw } = records[i]!
    const cause = causes.get(raw.offset)
    const key = keyText(raw.key)
    if (cause === undefined || open.has(key)) open.add(key)
    else ahead.push({ raw, cause })
  }
  return ahead
}

/** Finds out whether a handler said which of its records failed. */
export const failureIn = (
  records: ReadonlyArray<{ readonly raw: RawRecord }>,
  cause: Cause.Cause<unknown>
): BatchFailure => {
  for (const reason of cause.reasons) {
    if (!Cause.isFailReason(reason) || !isBatchFailed(reason.error)) continue
    const { cause: own, offset } = reason.error
    const place = records.findIndex(({ raw }) => raw.offset === offset)
    const failed = records[place]?.raw
    if (failed !== undefined) {
      const ahead = reason.error instanceof FailedAhead ? aheadIn(records, place, reason.error.ahead) : none
      return { failed, cause: Cause.isCause(own) ? own : Cause.fail(own), ahead }
    }
    const range = records.length === 0
      ? "has none"
      : `has ${records[0]!.raw.offset} to ${records[records.length - 1]!.raw.offset}`
    const problem = `the handler failed with BatchFailed at offset ${offset}, but its batch ${range}`
    return { failed: undefined, cause: Cause.die(new Error(problem, { cause: reason.error })), ahead: none }
  }
  return { failed: undefined, cause, ahead: none }
}
