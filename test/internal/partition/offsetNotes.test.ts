import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import { Failings } from "../../../src/internal/partition/failings.ts"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import type { Run } from "../../../src/internal/partition/offsetTracker.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Attempts = Arbitrary.array(
  Arbitrary.schema(Schema.Struct({
    offset: between(0, 2 ** 52),
    executions: between(1, 2_147_483_647),
    firstFailedAt: between(0, 8_640_000_000_000_000)
  })),
  { maxLength: 40 }
)
const Lengths = Arbitrary.array(Arbitrary.schema(between(1, 40)), { maxLength: 60 })
const Position = Arbitrary.schema(between(0, 2 ** 52))

/** Runs at these distances, of these lengths, in turn. */
const runsOf = (position: number, lengths: ReadonlyArray<number>): ReadonlyArray<Run> => {
  const runs: Array<Run> = []
  let from = position
  for (let i = 0; i + 1 < lengths.length; i += 2) {
    from += lengths[i]!
    runs.push({ from, to: from + lengths[i + 1]! })
    from += lengths[i + 1]!
  }
  return runs
}

const room = 10_000

describe("what is kept with an offset", () => {
  it.prop("comes back as it was: attempts", { attempts: Attempts }, ({ attempts }) => {
    const ordered = [...attempts].sort((a, b) => a.offset - b.offset)
    const text = OffsetNotes.encode({ attempts: ordered, finished: [] }, 0, room)
    assert.deepStrictEqual([...OffsetNotes.decode(0, text).attempts], ordered)
  })

  it.prop(
    "comes back as it was: finished records",
    { position: Position, lengths: Lengths },
    ({ lengths, position }) => {
      const finished = runsOf(position, lengths)
      const text = OffsetNotes.encode({ attempts: [], finished }, position, room)
      assert.deepStrictEqual([...OffsetNotes.decode(position, text).finished], finished)
    }
  )

  it.prop(
    "never is longer than the broker allows, and never says of a record what is not so",
    { lengths: Lengths, attempts: Attempts, limit: Arbitrary.schema(between(0, 200)) },
    ({ attempts, lengths, limit }) => {
      const ordered = [...attempts].sort((a, b) => a.offset - b.offset)
      const finished = runsOf(0, lengths)
      const text = OffsetNotes.encode({ attempts: ordered, finished }, 0, limit)
      if (text === undefined) return
      assert.isAtMost(text.length, limit)
      const kept = OffsetNotes.decode(0, text)
      assert.deepStrictEqual(kept.attempts, ordered.slice(0, kept.attempts.length))
      for (const { from, to } of kept.finished) {
        assert.isTrue(finished.some((run) => run.from <= from && to <= run.to), `${from} to ${to}`)
      }
    }
  )

  it("is compact: 300 records that wait, and every other one of 20,000 finished", () => {
    const attempts = Array.from({ length: 300 }, (_, i) => ({
      offset: 1e9 + 3 * i,
      executions: 3,
      firstFailedAt: 1.7e12 + 1_000 * i
    }))
    const waiting = OffsetNotes.encode({ attempts, finished: [] }, 1e9, OffsetNotes.usualLimit)!
    assert.isBelow(waiting.length, 2_200)
    assert.strictEqual(OffsetNotes.decode(1e9, waiting).attempts.length, 300)
    const finished = runsOf(1e9, Array.from({ length: 20_000 }, () => 1))
    const done = OffsetNotes.encode({ attempts: [], finished }, 1e9, OffsetNotes.usualLimit)!
    assert.isAtMost(done.length, OffsetNotes.usualLimit)
    assert.deepStrictEqual([...OffsetNotes.decode(1e9, done).finished], finished)
  })

  for (
    const [name, text] of [
      ["nothing", undefined],
      ["an empty text", ""],
      ["another tool's", "bjoxMjM0"],
      ["a version to come", "millrace/3 AAAA.rBB"],
      ["cut off", "millrace/2 "],
      ["no numbers", "millrace/2 ä!.r=="],
      ["a run without an end", "millrace/2 .rB"],
      ["too large a number", "millrace/2 .r_________________B"]
    ] as const
  ) {
    it(`says nothing when it is ${name}`, () => {
      const { attempts, finished } = OffsetNotes.decode(0, text)
      assert.deepStrictEqual([attempts.length, finished.length], [0, 0])
    })
  }
})

describe("the failing records of a partition", () => {
  const noted = [
    { offset: 5, executions: 2, firstFailedAt: 100 },
    { offset: 9, executions: 1, firstFailedAt: 200 }
  ]

  it("count on from what was noted", () => {
    const failings = new Failings(true, noted)
    assert.include(failings.failed(5, true, 300, undefined), { executions: 3, firstFailedAt: 100 })
    assert.include(failings.failed(5, true, 400, undefined), { executions: 4, firstFailedAt: 100 })
    assert.include(failings.failed(6, true, 500, undefined), { executions: 1, firstFailedAt: 500 })
  })

  it("count on from what the record carries, and poison counts no execution", () => {
    const failings = new Failings(false)
    const carried = { executions: 3, firstFailedAt: 50 }
    assert.include(failings.failed(1, true, 300, carried), { executions: 4, firstFailedAt: 50 })
    assert.include(failings.failed(2, false, 300, undefined), { executions: 0, firstFailedAt: 300 })
  })

  it("first failed no later than now, whatever is said", () => {
    const failings = new Failings(true, [{ offset: 5, executions: 2, firstFailedAt: 8e15 }])
    assert.include(failings.failed(5, true, 300, undefined), { executions: 3, firstFailedAt: 300 })
    const carried = { executions: 3, firstFailedAt: 301 }
    assert.include(failings.failed(6, true, 300, carried), { executions: 4, firstFailedAt: 300 })
  })

  it("keep with the position what lies behind it, and forget what is done", () => {
    const failings = new Failings(true, noted)
    failings.failed(7, true, 300, undefined)
    const keptAt = (position: number) => failings.at(position).map(({ executions, offset }) => [offset, executions])
    assert.deepStrictEqual(keptAt(5), [[5, 2], [7, 1], [9, 1]])
    failings.settled(7)
    assert.deepStrictEqual(keptAt(6), [[9, 1]])
    assert.deepStrictEqual(keptAt(10), [])
    assert.isTrue(failings.isEmpty)
  })

  it("keep nothing for policies that do not wait in place", () => {
    const failings = new Failings(false, noted)
    failings.failed(5, true, 300, undefined)
    assert.deepStrictEqual(failings.at(0), [])
  })
})
