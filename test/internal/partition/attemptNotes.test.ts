import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import * as AttemptNotes from "../../../src/internal/partition/attemptNotes.ts"
import { Failings } from "../../../src/internal/partition/failings.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Notes = Arbitrary.array(
  Arbitrary.schema(Schema.Struct({
    offset: between(0, Number.MAX_SAFE_INTEGER),
    executions: between(1, 2_147_483_647),
    firstFailedAt: between(0, 8_640_000_000_000_000)
  })),
  { maxLength: 40 }
)

const byOffset = (notes: ReadonlyArray<AttemptNotes.Note>) => [...notes].sort((a, b) => a.offset - b.offset)

describe("attempts noted with an offset", () => {
  it.prop("come back as they were", { notes: Notes }, ({ notes }) => {
    assert.deepStrictEqual([...AttemptNotes.decode(AttemptNotes.encode(notes))], byOffset(notes))
  })

  it("fit into what brokers allow, those with the lowest offsets", () => {
    const notes = Array.from({ length: 1_000 }, (_, i) => ({ offset: 999 - i, executions: 7, firstFailedAt: 1e12 }))
    const text = AttemptNotes.encode(notes)!
    assert.isBelow(text.length, 4_096)
    const kept = AttemptNotes.decode(text)
    assert.isAbove(kept.length, 100)
    assert.deepStrictEqual(kept.map(({ offset }) => offset), Array.from(kept, (_, i) => i))
  })

  for (
    const [name, text] of [
      ["nothing", undefined],
      ["an empty text", ""],
      ["another tool's", "bjoxMjM0"],
      ["a version to come", "millrace/2 1:1:1;"],
      ["bytes that are none", "millrace/1 a:b:c;;1:2;-1:1:1;1:99999999999:1;1e3:1:1;"]
    ] as const
  ) {
    it(`tell nothing when they are ${name}`, () => assert.deepStrictEqual([...AttemptNotes.decode(text)], []))
  }
})

describe("the failing records of a partition", () => {
  const noted = "millrace/1 5:2:100;9:1:200;"

  it("count on from what was noted", () => {
    const failings = new Failings(true, noted)
    assert.include(failings.failed(5, true, 300, undefined), { executions: 3, firstFailedAt: 100 })
    assert.include(failings.failed(5, true, 400, undefined), { executions: 4, firstFailedAt: 100 })
    assert.include(failings.failed(6, true, 500, undefined), { executions: 1, firstFailedAt: 500 })
  })

  it("count on from what the record carries, and poison counts no execution", () => {
    const failings = new Failings(false, undefined)
    const carried = { executions: 3, firstFailedAt: 50 }
    assert.include(failings.failed(1, true, 300, carried), { executions: 4, firstFailedAt: 50 })
    assert.include(failings.failed(2, false, 300, undefined), { executions: 0, firstFailedAt: 300 })
  })

  it("first failed no later than now, whatever is said", () => {
    const failings = new Failings(true, "millrace/1 5:2:8000000000000000;")
    assert.include(failings.failed(5, true, 300, undefined), { executions: 3, firstFailedAt: 300 })
    const carried = { executions: 3, firstFailedAt: 301 }
    assert.include(failings.failed(6, true, 300, carried), { executions: 4, firstFailedAt: 300 })
  })

  it("keep with the position what lies behind it, and forget what is done", () => {
    const failings = new Failings(true, noted)
    failings.failed(7, true, 300, undefined)
    assert.strictEqual(failings.metadataAt(5), "millrace/1 5:2:100;7:1:300;9:1:200;")
    failings.settled(7)
    assert.strictEqual(failings.metadataAt(6), "millrace/1 9:1:200;")
    assert.isUndefined(failings.metadataAt(10))
    assert.isTrue(failings.isEmpty)
  })

  it("keep nothing for policies that do not wait in place", () => {
    const failings = new Failings(false, noted)
    failings.failed(5, true, 300, undefined)
    assert.isUndefined(failings.metadataAt(0))
  })
})
