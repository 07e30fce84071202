import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { allowance, fullAt, isCrowded, limitsFor, shouldPause } from "../../../src/internal/partition/fetchBudget.ts"

const whole = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const inputs = {
  chunkRecords: whole(1, 500),
  extra: whole(0, 20_000),
  maxBytes: whole(1, 100_000),
  records: whole(0, 25_000),
  bytes: whole(0, 120_000),
  partitions: whole(1, 400)
}

const limitsOf = (input: { readonly chunkRecords: number; readonly extra: number; readonly maxBytes: number }) => ({
  chunkRecords: input.chunkRecords,
  maxRecords: input.chunkRecords + input.extra,
  maxBytes: input.maxBytes
})

describe("fetchBudget", () => {
  it.prop("never allows more than what is left, and nothing of one without the other", inputs, (input) => {
    const limits = limitsOf(input)
    const { bytes, records } = allowance(limits, input)
    assert.strictEqual(records === 0, bytes === 0)
    assert.isAtMost(records, limits.chunkRecords)
    if (records === 0) {
      assert.isTrue(input.records >= limits.maxRecords || input.bytes >= limits.maxBytes)
    } else {
      assert.isAtMost(input.records + records, limits.maxRecords)
      assert.isAtMost(input.bytes + bytes, limits.maxBytes)
    }
  })

  it.prop("never lets one partition be worth the whole budget", inputs, (input) => {
    const limits = limitsOf(input)
    const full = fullAt(limits, input.partitions)
    assert.isAtLeast(full, 1)
    if (limits.maxRecords > 1) assert.isAtMost(full * 2, limits.maxRecords)
  })

  it.prop("pauses only while others are hungry, and resumes with hysteresis", inputs, (input) => {
    const limits = limitsOf(input)
    const { bytes, partitions, records } = input
    const paused = (load: number, isPaused: boolean, hungry: boolean) =>
      shouldPause(limits, partitions, { records: load, bytes, paused: isPaused }, hungry, input)
    assert.isFalse(paused(records, false, false))
    // What would be paused now is not resumed at once.
    if (paused(records, false, true)) assert.isTrue(paused(records, true, true))
    // What is empty always goes on.
    assert.isFalse(shouldPause(limits, partitions, { records: 0, bytes: 0, paused: true }, true, input))
  })

  it("keeps room for the others when one of six partitions stands still", () => {
    const limits = { chunkRecords: 500, maxRecords: 20_000, maxBytes: 1 << 26 }
    assert.isAtMost(5 * (fullAt(limits, 6) + limits.chunkRecords - 1), limits.maxRecords - limits.chunkRecords)
  })

  it.prop("always leaves something to a partition that has nothing, however many of them stand still", {
    chunkRecords: whole(1, 500),
    extra: whole(0, 20_000),
    partitions: whole(2, 100),
    turns: Arbitrary.schema(Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))))
  }, ({ chunkRecords, extra, partitions, turns }) => {
    const limits = { chunkRecords, maxRecords: Math.max(chunkRecords + extra, 8 * partitions), maxBytes: 1e9 }
    // All but the last one stand still, and take what they can get; the last one has nothing.
    const loads = Array.from({ length: partitions }, () => ({ records: 0, bytes: 0, paused: false }))
    const buffered = () => ({ records: loads.reduce((sum, { records }) => sum + records, 0), bytes: 0 })
    const standing = partitions - 1
    for (const turn of [...turns, ...Array.from({ length: 20 * partitions }, (_, i) => i)]) {
      const allowed = allowance(limits, buffered(), partitions, true)
      assert.isAbove(allowed.records, 0)
      if (isCrowded(limits, buffered())) {
        for (const load of loads) load.paused = shouldPause(limits, partitions, load, true, buffered())
      }
      const load = loads[turn % standing]!
      if (!load.paused) load.records += allowed.records
    }
    assert.isFalse(shouldPause(limits, partitions, loads[standing]!, true, buffered()))
  })

  it("leaves half of it to what is due, however many partitions of retry topics wait", () => {
    const limits = { chunkRecords: 300, maxRecords: 20_000, maxBytes: 1 << 26 }
    assert.strictEqual(limitsFor({ limits, retrying: false }, 1_000), limits)
    for (const partitions of [1, 4, 100, 5_000]) {
      const each = limitsFor({ limits, retrying: true }, partitions)
      assert.isAtMost(each.chunkRecords, 300)
      assert.isAtMost(2 * each.chunkRecords * partitions, 10_000)
      assert.isAtMost(2 * each.chunkBytes! * partitions, 1 << 25)
      assert.isAtMost(allowance(each, { records: 0, bytes: 0 }).bytes, each.chunkBytes!)
    }
  })
})
