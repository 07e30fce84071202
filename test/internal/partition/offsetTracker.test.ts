import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { OffsetTracker, type Ticket } from "../../../src/internal/partition/offsetTracker.ts"
import { collect } from "../../kit/garbage.ts"
import { randomOf } from "../loop/random.ts"

const Gaps = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 }))),
  { minLength: 1, maxLength: 60 }
)
const Seed = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })))

const shuffled = (length: number, seed: number): Array<number> => {
  const random = randomOf(seed)
  const order = Array.from({ length }, (_, i) => i)
  for (let i = length - 1; i > 0; i--) {
    const j = random.between(0, i)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

describe("OffsetTracker", () => {
  it.prop("is at the end of the finished prefix, whatever the order", { gaps: Gaps, seed: Seed }, ({ gaps, seed }) => {
    const tracker = new OffsetTracker()
    let position = 0
    const positions = gaps.map((gap) => position += gap)
    const tickets = positions.map((position, i) => tracker.deliver(positions[i - 1] ?? 0, position, i))
    const done = new Set<number>()
    for (const i of shuffled(gaps.length, seed)) {
      const before = tracker.position
      const moved = tracker.finish(tickets[i]!)
      done.add(i)
      let prefix = 0
      while (done.has(prefix)) prefix++
      assert.strictEqual(tracker.position, prefix === 0 ? undefined : positions[prefix - 1])
      assert.strictEqual(tracker.leaderEpoch, prefix === 0 ? undefined : prefix - 1)
      assert.strictEqual(tracker.pending, gaps.length - prefix)
      assert.strictEqual(tracker.passed, prefix)
      assert.strictEqual(moved, tracker.position !== before)
      const runs = [...tracker.finished()]
      const inRuns = positions.filter((position) => runs.some(({ from, to }) => from < position && position <= to))
      assert.deepStrictEqual(inRuns, positions.filter((_, i) => i > prefix && done.has(i)))
      runs.forEach(({ from }, i) => assert.isAbove(from, runs[i - 1]?.to ?? tracker.position ?? 0))
    }
  })

  it("keeps its place over many records that finish a little out of order", () => {
    const tracker = new OffsetTracker()
    const window: Array<Ticket> = []
    for (let offset = 0; offset < 20_000; offset++) {
      window.push(tracker.deliver(offset, offset + 1, undefined))
      if (window.length === 8) { for (const ticket of window.splice(0).reverse()) tracker.finish(ticket) }
    }
    assert.strictEqual(tracker.position, 20_000)
    assert.strictEqual(tracker.pending, 0)
  })

  it("behind a record that waits remembers runs, not records", () => {
    const tracker = new OffsetTracker()
    const first = tracker.deliver(0, 1, 7)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let offset = 1; offset <= 300_000; offset++) tracker.finish(tracker.deliver(offset, offset + 1, undefined))
    collect()
    assert.isBelow(process.memoryUsage().heapUsed - before, 1_000_000)
    assert.deepStrictEqual([...tracker.finished()], [{ from: 1, to: 300_001 }])
    assert.strictEqual(tracker.pending, 300_001)
    assert.isTrue(tracker.finish(first))
    assert.strictEqual(tracker.position, 300_001)
    assert.strictEqual(tracker.lastOffset, 300_000)
  })
})
