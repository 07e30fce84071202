import { assert, describe, it } from "@effect/vitest"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import { Book } from "./book.ts"

const promised = { topic: "t", attemptIn: () => undefined, attempts: 3 }

/** A book after these lines; the records of a key are two apart. */
const book = (...lines: ReadonlyArray<string>) => {
  const book = new Book({ ...promised, stride: 2 })
  for (const line of lines) book.add(line)
  return book
}

const waits = (member: string, offset: number, n: number, attempts: number) => [
  `${member} started t 0 ${offset} ${n}`,
  `${member} failed t 0 ${offset} ${n}`,
  `${member} decided t 0 ${offset} ${n} error Wait ${attempts}`
]
const handles = (member: string, offset: number, n: number) => [
  `${member} started t 0 ${offset} ${n}`,
  `${member} handled t 0 ${offset} ${n}`
]
const at = (offset: number, metadata?: string) => [{ topic: "t", partition: 0, offset, metadata }]

const assertOne = ({ problems }: Book, pattern: RegExp) => {
  assert.strictEqual(problems.length, 1, problems.join("\n"))
  assert.match(problems[0]!, pattern)
}

describe("the book of a group", () => {
  it("knows what is settled, and finds nothing wrong with what is promised", () => {
    const good = book(
      "a assigned t/0",
      ...handles("a", 0, 0),
      ...waits("a", 1, 1, 1),
      ...waits("a", 1, 1, 2),
      ...handles("a", 2, 2),
      "a started t 0 1 1",
      "a failed t 0 1 1",
      "a decided t 0 1 1 error DeadLetter 3",
      "a decided t 0 3 3 poison DeadLetter 0",
      "a ended Failure"
    )
    assert.deepStrictEqual(good.problems, [])
    assert.deepStrictEqual([[...good.handled], [...good.dead], good.settled], [[0, 2], [1, 3], 4])
    assert.deepStrictEqual(good.tooFar(at(4)), [])
    assert.deepStrictEqual([good.partitionsOf("a", "t"), good.hasEnded("a")], [1, true])
  })

  it("tells of a commit beyond a record that is not done", () => {
    const early = book(...handles("a", 0, 0), ...waits("a", 1, 1, 1), ...handles("a", 2, 2))
    assert.deepStrictEqual(early.tooFar(at(1)), [])
    assert.deepStrictEqual(early.tooFar(at(3)), ["t/0 is committed at 3, and 1 is not done"])
  })

  it("tells of a record that begins before its key is done, and of one that begins twice", () => {
    assertOne(book(...waits("a", 0, 0, 1), ...handles("a", 1, 2)), /begins 2 before 0/)
    const twice = book("a started t 0 0 0", "b started t 0 0 0").problems
    assert.strictEqual(twice.filter((problem) => problem.includes("while a")).length, 2)
  })

  it("lets only repeat what could not be committed before its owner was gone", () => {
    const again = handles("b", 0, 0)
    assertOne(book(...handles("a", 0, 0), ...again), /begins t\/0@0 again, which a had done/)
    // Killed before the commit, and after.
    for (const [committed, problems] of [[0, 0], [1, 1]] as const) {
      const killed = book(...handles("a", 0, 0))
      killed.kill("a", at(committed))
      for (const line of again) killed.add(line)
      assert.strictEqual(killed.problems.length, problems)
      assert.strictEqual(killed.counts.repeated, 1)
    }
    // Handed over: done, but behind one that waits.
    const behind = [...waits("a", 0, 0, 1), ...handles("a", 1, 1), "a revoked t/0", ...handles("b", 0, 0)]
    assert.deepStrictEqual(book(...behind, ...handles("b", 1, 1)).problems, [])
    assertOne(book(...handles("a", 0, 0), "a revoked t/0", ...again), /again/)
    assert.deepStrictEqual(book(...handles("a", 0, 0), ...again, "a lost t/0").problems, [])
  })

  it("counts attempts on from what was committed at a crash", () => {
    const noted = (executions: number) =>
      OffsetNotes.encode({ attempts: [{ offset: 0, executions, firstFailedAt: 1 }], finished: [] }, 0, 100)
    const killed = (note: string | undefined, attempts: number) => {
      const killed = book(...waits("a", 0, 0, 1), ...waits("a", 0, 0, 2))
      killed.kill("a", at(0, note))
      for (const line of waits("b", 0, 0, attempts)) killed.add(line)
      return killed
    }
    assert.deepStrictEqual(killed(undefined, 1).problems, [])
    assert.deepStrictEqual(killed(noted(1), 2).problems, [])
    assertOne(killed(noted(1), 1), /1 attempts are counted after 1/)
    assertOne(book(...waits("a", 0, 0, 2)), /2 attempts are counted, and 1 failed/)
  })

  it("counts what a handover forgets, and tells of what is forgotten without one", () => {
    const handed = book(...waits("a", 0, 0, 1), "a revoked t/0", ...waits("b", 0, 0, 1))
    assert.deepStrictEqual([handed.problems, handed.counts.forgotten], [[], 1])
    const lost = book(...waits("a", 0, 0, 1), "a lost t/0", ...waits("a", 0, 0, 1))
    assert.deepStrictEqual([lost.problems, lost.counts.forgotten], [[], 1])
    assertOne(book(...waits("a", 0, 0, 1), ...waits("a", 0, 0, 1)), /1 attempts are counted after 1/)
  })

  it("tells of an attempt too many, and of a dead letter too early", () => {
    const twice = [...waits("a", 0, 0, 1), ...waits("a", 0, 0, 2)]
    assert.deepStrictEqual(book(...twice).problems, [])
    assertOne(book(...twice, ...waits("a", 0, 0, 3)), /Wait after 3/)
    assertOne(
      book("a started t 0 0 0", "a failed t 0 0 0", "a decided t 0 0 0 error DeadLetter 1"),
      /DeadLetter after 1/
    )
  })
})
