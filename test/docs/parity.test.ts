import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/check/step.ts"

const features = 73
const weakPoints = 28

const rows = Array.from(
  readFileSync(join(root, "docs", "parity.md"), "utf8").matchAll(/^\| (W?\d+) \| ([^|]+) \| (.+) \|$/gm),
  ([, number, , here]) => ({ number: number!, here: here! })
)

const planned = /planned \(part: (?:registry|connect|sql)\)/g

/** What is wrong with what a line says, if anything. */
const problemOf = (here: string): string | undefined => {
  if (here.replaceAll(planned, "").includes("planned")) return "names no part that is planned"
  if (here.startsWith("planned")) return undefined
  if (here.startsWith("better: ")) return undefined
  return /^done: \[[^\]]+\]\(\.\.\/test\/[^)]+\)/.test(here)
    ? undefined
    : "is neither done by a test, better, nor planned"
}

describe("docs/parity.md", () => {
  it("has a line for each feature and each weak point, in order", () => {
    const numbers = (count: number, prefix: string) => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)
    assert.deepStrictEqual(rows.map(({ number }) => number), [...numbers(features, ""), ...numbers(weakPoints, "W")])
  })

  it("says of each what is done, better or planned", () => {
    const wrong = rows.flatMap(({ here, number }) => {
      const problem = problemOf(here)
      return problem === undefined ? [] : [`${number} ${problem}`]
    })
    assert.deepStrictEqual(wrong, [])
    assert.isDefined(problemOf("done"))
    assert.isDefined(problemOf("planned"))
    assert.isDefined(problemOf("better: so; the rest is planned"))
  })
})
