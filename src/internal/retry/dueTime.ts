/** When a record of a retry topic is to be handled. Pure. */
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import * as RetryHeaders from "./retryHeaders.ts"

/** A retry topic that the policy no longer has does not tell its delay; a due time is believed this far. */
const orphanDelay = 7 * 24 * 60 * 60 * 1000

/** For a topic with this delay, `undefined` where an earlier policy left it, beside others. All in milliseconds. */
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
