import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { literalOf } from "../../../src/sql/apply/literals.ts"

/** What PostgreSQL reads an array literal as, whose elements are quoted or NULL. */
const read = (literal: string): ReadonlyArray<string | null> => {
  const cells: Array<string | null> = []
  for (const [, quoted] of literal.slice(1, -1).matchAll(/(?:"((?:[^"\\]|\\.)*)"|NULL)(?:,|$)/gs)) {
    cells.push(quoted === undefined ? null : quoted.replaceAll(/\\(.)/gs, "$1"))
  }
  return cells
}

describe("array literals", () => {
  it.prop("are read back as what they were made of", [Schema.Array(Schema.NullOr(Schema.String))], ([cells]) => {
    assert.deepStrictEqual(read(literalOf(cells, (cell) => cell)), cells)
  })

  it("tell the text NULL, an empty text and nothing apart", () => {
    assert.strictEqual(literalOf(["NULL", "", null], (cell) => cell), `{"NULL","",NULL}`)
  })
})
