import { assert, describe, it } from "@effect/vitest"
import { DeadLetterCount } from "../../../src/internal/worker/deadLetterLimit.ts"

/** Which of the steps, each the number of records done before it, were one too many. */
const exceeding = (limit: ConstructorParameters<typeof DeadLetterCount>[0], steps: ReadonlyArray<number>) => {
  const letters = new DeadLetterCount(limit)
  return steps.filter((step) => letters.exceeds([step]) !== undefined)
}

describe("a limit of dead letters", () => {
  it("in a row counts those without a record between them", () => {
    assert.deepStrictEqual(exceeding({ consecutive: 3 }, [0, 1, 2, 3]), [3])
    assert.deepStrictEqual(exceeding({ consecutive: 3 }, [0, 1, 3, 4, 5, 6]), [6])
    assert.deepStrictEqual(exceeding({ consecutive: 1 }, [0, 2, 4, 6]), [])
  })

  it("in a row counts one that failed after some behind it by its neighbours", () => {
    assert.deepStrictEqual(exceeding({ consecutive: 2 }, [9, 1, 3, 5, 7]), [])
    assert.deepStrictEqual(exceeding({ consecutive: 2 }, [9, 1, 3, 2, 8, 7, 10]), [2, 7, 10])
    assert.deepStrictEqual(exceeding({ consecutive: 3 }, [5, 1, 2, 4, 6, 3]), [3])
  })

  it("stays exceeded when the same record is tried again", () => {
    const letters = new DeadLetterCount({ consecutive: 2 })
    for (const step of [0, 1]) assert.isUndefined(letters.exceeds([step]))
    assert.isDefined(letters.exceeds([2]))
    assert.isDefined(letters.exceeds([2]))
  })

  it("by ratio looks at the last records alone", () => {
    const even = Array.from({ length: 20 }, (_, i) => i * 10)
    assert.deepStrictEqual(exceeding({ ratio: 0.1, window: 100 }, even), [])
    assert.deepStrictEqual(exceeding({ ratio: 0.05, window: 100 }, even.slice(0, 7)), [50, 60])
    assert.deepStrictEqual(exceeding({ ratio: 0.02, window: 100 }, [0, 1, 200, 201, 202]), [202])
  })

  it("says how it was exceeded", () => {
    const letters = new DeadLetterCount({ consecutive: 1, ratio: 0.5 })
    letters.exceeds([0])
    assert.include(letters.exceeds([1]), "1 records in a row")
  })
})
