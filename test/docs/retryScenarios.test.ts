import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { root } from "../../scripts/check/step.ts"

const document = readFileSync(join(root, "docs/retry-scenarios.md"), "utf8")

interface Named {
  readonly file: string
  readonly title: string
}

/** The tests that a row of the table names; a file counts until the next one. */
const testsOf = (row: string): ReadonlyArray<Named> => {
  const named: Array<Named> = []
  let file = ""
  for (const [, link, title] of row.matchAll(/\]\(([^)]+)\)|"([^"]+)"/g)) {
    if (link === undefined) named.push({ file, title: title! })
    else file = join("docs", link)
  }
  return named
}

const rows = document.split("\n").filter((line) => /^\| (\d+ )?\|/.test(line))

describe("the table of retry scenarios", () => {
  it("names tests that exist", () => {
    assert.isAbove(rows.length, 30)
    for (const row of rows) {
      const tests = testsOf(row)
      assert.isAbove(tests.length, 0, row)
      for (const { file, title } of tests) {
        const source = readFileSync(join(root, file), "utf8")
        assert.isTrue(source.includes(`"${title}"`), `${file} has no test "${title}"`)
      }
    }
  })

  it("has every scenario of the matrix", () => {
    const numbers = rows.flatMap((row) => Number(/^\| (\d+)/.exec(row)?.[1] ?? NaN) || [])
    assert.deepStrictEqual(numbers, Array.from({ length: 24 }, (_, i) => i + 1))
  })

  it("is read by files and titles", () => {
    assert.deepStrictEqual(
      testsOf("| 1 | x | [a.ts](../test/a.ts) \"one\"<br>\"two\"<br>[b.ts](../b.ts) \"three\" |"),
      [
        { file: "test/a.ts", title: "one" },
        { file: "test/a.ts", title: "two" },
        { file: "b.ts", title: "three" }
      ]
    )
  })
})
