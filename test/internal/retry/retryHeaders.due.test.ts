import { assert, describe, it } from "@effect/vitest"
import * as RetryHeaders from "../../../src/internal/retry/retryHeaders.ts"
import { now, whole } from "./records.ts"

describe("the time at which a retry is due", () => {
  const limits = { tierDelay: 10_000, maxDelay: 60_000, now }
  const year = 365 * 86_400_000
  const table: ReadonlyArray<readonly [string, number, number | undefined, number]> = [
    ["is the header's", now, now + 10_000, now + 10_000],
    ["may be long past", now - 3_600_000, now - 3_590_000, now - 3_590_000],
    ["may be now, as after a redrive", now, now, now],
    ["is the tier's without a header", now - 2000, undefined, now + 8000],
    ["is now when nothing is known", -1, undefined, now],
    ["may be a little later than the tier says", now, now + 10_900, now + 10_900],
    ["is no later than the tier says plus a second", now, now + 59_000, now + 11_000],
    ["is the tier's when the header is ten years ahead", now, now + 10 * year, now + 11_000],
    ["is the header's when the record has no timestamp", -1, now + 30_000, now + 30_000],
    ["is bounded when the record has no timestamp either", -1, now + 10 * year, now + 10_000],
    ["is bounded when the record is of the future", now + 10 * year, now + 10 * year, now + 10_000],
    ["is bounded when the producer's clock is ahead", now + 55_000, now + 65_000, now + 60_000]
  ]
  for (const [what, timestamp, due, expected] of table) {
    it(what, () => assert.strictEqual(RetryHeaders.clampDue({ timestamp, due }, limits), expected))
  }

  it.prop("is never further ahead than allowed, nor early beyond a second past the tier", {
    timestamp: whole(now - 2 * year, now + 2 * year),
    due: whole(now - 2 * year, now + 2 * year),
    tierDelay: whole(0, 60_000)
  }, ({ due, tierDelay, timestamp }) => {
    const at = RetryHeaders.clampDue({ timestamp, due }, { tierDelay, maxDelay: 60_000, now })
    assert.isAtMost(at, now + 60_000)
    if (timestamp <= now) assert.isAtLeast(at, Math.min(due, timestamp + tierDelay))
  })
})
