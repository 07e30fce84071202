import { assert, describe, it } from "@effect/vitest"
import { differingKeys, lookOf } from "../../../src/sql/verify/differences.ts"
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
