import { assert, describe, it } from "@effect/vitest"
import { Pace } from "../../../src/internal/run/pace.ts"

const sizesOf = (tooks: ReadonlyArray<number>) => {
  const pace = new Pace()
  let now = 0
  return tooks.map((took) => {
    pace.handed(now)
    now += took
    pace.asked(now)
    return pace.size
  })
}

describe("Pace", () => {
  it("grows for a quick reader and shrinks for a slow one", () => {
    assert.deepStrictEqual(sizesOf([0, 0, 19, 20, 200, 201, 5_000, 5_000, 5_000]), [2, 4, 8, 8, 8, 4, 2, 1, 1])
    assert.strictEqual(sizesOf(Array.from({ length: 50 }, () => 0)).at(-1), 512)
  })
})
