import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { wavesOf } from "../../../src/sql/apply/unique.ts"

const place = Schema.Literals([0, 1, 2, 3, 4, 5])

describe("waves", () => {
  it.prop("have each row once, and each holder before its takers, unless there is a circle", [
    Schema.Array(Schema.Tuple([place, place]))
  ], ([pairs]) => {
    const waves = wavesOf(6, pairs)
    const reaches = (from: number, seen = new Set<number>()): ReadonlySet<number> => {
      for (const [taker, holder] of pairs) {
        if (taker !== from || holder === taker || seen.has(holder)) continue
        seen.add(holder)
        reaches(holder, seen)
      }
      return seen
    }
    const isCircle = [0, 1, 2, 3, 4, 5].some((row) => reaches(row).has(row))
    assert.strictEqual(waves === undefined, isCircle)
    if (waves === undefined) return
    assert.deepStrictEqual(waves.flat().sort(), [0, 1, 2, 3, 4, 5])
    const waveOf = (row: number) => waves.findIndex((wave) => wave.includes(row))
    for (const [taker, holder] of pairs) if (taker !== holder) assert.isBelow(waveOf(holder), waveOf(taker))
  })
})
