import { assert, describe, it } from "@effect/vitest"
import { parse } from "../../src/cli/places.ts"
import { nearest, unknown } from "../../src/cli/suggestions.ts"
import { table } from "../../src/cli/table.ts"

describe("places", () => {
  it("are ends, offsets, counts back, and times", () => {
    assert.deepStrictEqual(parse("beginning"), { _tag: "Beginning" })
    assert.deepStrictEqual(parse("latest"), { _tag: "End" })
    assert.deepStrictEqual(parse("42"), { _tag: "Offset", offset: 42 })
    assert.deepStrictEqual(parse("-5"), { _tag: "Back", records: 5 })
    assert.deepStrictEqual(parse("2026-01-31T12:00:00Z"), { _tag: "Time", timestamp: Date.UTC(2026, 0, 31, 12) })
    for (const text of ["", "yesterday", "5x", "--5", "2026-13-01"]) assert.strictEqual(parse(text), undefined, text)
  })
})

describe("suggestions", () => {
  it("name what was probably meant, and nothing far-fetched", () => {
    assert.strictEqual(nearest("biling", ["billing", "audit"]), "billing")
    assert.strictEqual(nearest("zzz", ["billing", "audit"]), undefined)
    assert.include(unknown("consumer", "zzz", ["billing", "audit"]), "billing, audit")
    assert.include(unknown("consumer", "zzz", []), "there is none")
  })
})

describe("tables", () => {
  it("align texts left and numbers right", () => {
    assert.deepStrictEqual(table(["A", "LAG"], [["x", 7], ["long", 12]]), ["A     LAG", "x       7", "long   12"])
  })
})
