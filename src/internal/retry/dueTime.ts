/** When a record of a retry topic is to be handled. Pure. */
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import * as RetryHeaders from "./retryHeaders.ts"

/** The longest delay accepted in an orphan tier, a retry topic that the policy no longer has: its own is not known. */
const orphanDelay = 7 * 24 * 60 * 60 * 1000

/**
 * When records of a retry topic are due. `delay`: the tier's, or `undefined` for a retry topic left by an earlier
 * policy. `tiers`: those of the current policy. All times are in milliseconds.
 */
export const dueTime = (
  delay: number | undefined,
  tiers: ReadonlyArray<{ readonly delay: number }>
): (record: RawRecord, now: number) => number => {
  const maxDelay = Math.max(delay ?? orphanDelay, ...tiers.map(({ delay }) => delay))
  return (record, now) => {
    const due = RetryHeaders.readDue(record)
    const tierDelay = delay ?? (due === undefined ? 0 : orphanDelay)
    return RetryHeaders.clampDue({ timestamp: record.timestamp, due }, { tierDelay, maxDelay, now })
  }
}
