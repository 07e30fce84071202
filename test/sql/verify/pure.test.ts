import { assert, describe, it } from "@effect/vitest"
import { differingKeys, type Look, lookOf, partsOf } from "../../../src/sql/verify/differences.ts"
import { tableOfTopic } from "../../../src/sql/verify/pair.ts"
import { splitAt, stepOf } from "../../../src/sql/verify/ranges.ts"

const row = (key: string, checksum: string) => ({ key: [key], checksum })

describe("ranges", () => {
  it("are alike when counts and checksums are", () => {
    assert.strictEqual(stepOf({ count: 3, checksum: "7" }, { count: 3, checksum: "7" }, 10), "equal")
    assert.strictEqual(stepOf({ count: 3, checksum: "7" }, { count: 3, checksum: "8" }, 10), "rows")
    // Two rows of checksum 0 are not alike to none.
    assert.strictEqual(stepOf({ count: 2, checksum: "0" }, { count: 0, checksum: "0" }, 10), "rows")
  })

  it("are split by the side that has too many rows, and alike ones are not", () => {
    assert.deepStrictEqual(stepOf({ count: 10, checksum: "1" }, { count: 21, checksum: "2" }, 10), {
      splitBy: "target"
    })
    assert.deepStrictEqual(stepOf({ count: 21, checksum: "1" }, { count: 0, checksum: "0" }, 10), {
      splitBy: "source"
    })
    assert.strictEqual(stepOf({ count: 21, checksum: "1" }, { count: 21, checksum: "1" }, 10), "equal")
    assert.deepStrictEqual(splitAt({ after: undefined, upTo: ["9"] }, ["5"]), [
      { after: undefined, upTo: ["5"] },
      { after: ["5"], upTo: ["9"] }
    ])
  })
})

describe("differences", () => {
  it("are rows of one side, and rows with other checksums", () => {
    const source = [row("1", "a"), row("2", "b"), row("3", "c")]
    const target = [row("1", "a"), row("2", "x"), row("4", "d")]
    assert.deepStrictEqual(differingKeys(source, target, true), [["2"], ["3"], ["4"]])
    assert.deepStrictEqual(differingKeys(source, target, false), [["2"], ["3"]])
  })

  it("tell null from a value, and one look from another", () => {
    assert.isUndefined(lookOf(["1"], ["a", null], ["a", null], true))
    assert.deepStrictEqual(lookOf(["1"], ["a", null], ["a", "b"], true)?.places, [1])
    assert.strictEqual(lookOf(["1"], undefined, ["a"], true)?.kind, "extra")
    assert.isUndefined(lookOf(["1"], undefined, ["a"], false))
    assert.strictEqual(lookOf(["1"], ["a"], undefined, true)?.kind, "missing")
    assert.notStrictEqual(lookOf(["1"], ["a"], ["b"], true)?.state, lookOf(["1"], ["a"], ["c"], true)?.state)
  })
})

it("a topic of Debezium says its table", () => {
  assert.strictEqual(tableOfTopic("shop.public.users"), "public.users")
  assert.strictEqual(tableOfTopic("eu.shop.public.users"), "public.users")
  assert.isUndefined(tableOfTopic("users"))
})

describe("rows that are copied at once", () => {
  it("have few bytes together, and large ones are alone", () => {
    const mebibytes = [3, 4, 2, 0, 9, 0, 8, 0.5, 8.5]
    const looks = mebibytes.map((_, i): Look => ({ key: [String(i)], kind: "missing", places: [], state: "" }))
    const parts = partsOf(looks, ({ key }) => mebibytes[Number(key[0])]! * 1_024 * 1_024)
    assert.deepStrictEqual(parts.map(({ looks }) => looks.map(({ key }) => mebibytes[Number(key[0])])), [
      [3, 4],
      [2, 0],
      [9],
      [0, 8],
      [0.5],
      [8.5]
    ])
    assert.deepStrictEqual(parts.map(({ isWide }) => isWide), [false, false, true, false, false, true])
  })
})
