import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Schema from "effect/Schema"
import { exactJson } from "../../../src/sql/cells/json.ts"
import { parseExact } from "../../../src/sql/change/exactJson.ts"

const big = BigDecimal.fromStringUnsafe

describe("parseExact", () => {
  it("keeps the digits of numbers that a double cannot hold", () => {
    assert.deepStrictEqual(
      parseExact("{\"a\":9223372036854775807,\"b\":[-9007199254740993, 1],\"c\":{\"d\": 12345678901234567890.5}}"),
      { a: 9223372036854775807n, b: [-9007199254740993n, 1], c: { d: big("12345678901234567890.5") } }
    )
    assert.deepStrictEqual(parseExact("12345678901234567890"), 12345678901234567890n)
    assert.deepStrictEqual(parseExact("1.23456789012345678e-5"), big("0.0000123456789012345678"))
  })

  it("leaves numbers that a double holds as they are, however long", () => {
    const json =
      "[9007199254740991, 0.30000000000000004, 1.7976931348623157e308, 1795444929126535, 100.000000000000000]"
    assert.deepStrictEqual(parseExact(json), JSON.parse(json))
  })

  it("leaves exponents to the parser", () => {
    assert.deepStrictEqual(parseExact("[1e12345678901234567890, 1e-12345678901234567890]"), [Infinity, 0])
  })

  it("looks for numbers outside of texts alone", () => {
    const cases = [
      { text: "1: 12345678901234567890, 2" },
      { text: "a\"12345678901234567890", "\\": "\\12345678901234567890" },
      { "12345678901234567890": "x\\" },
      { "\\\"": ["12345678901234567890", "\\\\", "\"12345678901234567890\""] }
    ]
    for (const value of cases) {
      assert.deepStrictEqual(parseExact(JSON.stringify(value)), value)
      const json = JSON.stringify([value, 0, value]).replace(",0,", ",12345678901234567891,")
      assert.deepStrictEqual(parseExact(json), [value, 12345678901234567891n, value])
    }
  })

  it("does not take a text with its own mark for a number", () => {
    const json = "{\"a\":\"\\u00015\",\"b\":12345678901234567890,\"c\":1.5}"
    assert.deepStrictEqual(parseExact(json), { a: "\u00015", b: 12345678901234567890n, c: 1.5 })
  })

  it("rounds nothing but the nanoseconds that Debezium adds to its events", () => {
    const event = "{\"ts_ms\":1795444929126,\"ts_us\":1795444929126535,\"ts_ns\":1795444929126535001}"
    assert.strictEqual((parseExact(event) as { readonly ts_ns: number }).ts_ns, 1795444929126535000)
    assert.deepStrictEqual(parseExact("{\"ts_ns\":1795444929126535001}"), { ts_ns: 1795444929126535001n })
  })

  it("makes an own property of __proto__", () => {
    const value = parseExact("{\"__proto__\":12345678901234567890,\"a\":{\"__proto__\":{\"b\":12345678901234567890}}}")
    assert.deepStrictEqual(Object.keys(value as object), ["__proto__", "a"])
    assert.strictEqual(Object.getOwnPropertyDescriptor(value, "__proto__")?.value, 12345678901234567890n)
  })

  it("refuses what is no JSON", () => {
    for (
      const text of [
        "",
        "{",
        "12345678901234567890,",
        "{\"a\":012345678901234567890}",
        "[1.2.34567890123456789]",
        "[x12345678901234567]"
      ]
    ) {
      assert.throws(() => parseExact(text), SyntaxError)
    }
  })

  const Leaf = Schema.Union([
    Schema.BigInt,
    Schema.Finite,
    Schema.String,
    Schema.Boolean,
    Schema.Null,
    Schema.BigDecimal
  ])
  const Tree = Schema.Record(Schema.String, Schema.Union([Leaf, Schema.Array(Leaf)]))

  /** What a parser can know: a number that a double holds is one, and one with more digits is none. */
  const known = (value: unknown): unknown => {
    if (typeof value === "number" && /^-?\d{16,}$/.test(String(value)) && !Number.isSafeInteger(value)) {
      return BigInt(String(value))
    }
    if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value
    if (BigDecimal.isBigDecimal(value)) return BigDecimal.format(value)
    if (Array.isArray(value)) return value.map(known)
    if (typeof value !== "object" || value === null) return value === 0 ? 0 : value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, known(one)]))
  }
  const decimals = (value: unknown, like: unknown): unknown => {
    if (BigDecimal.isBigDecimal(like)) {
      const read = typeof value === "object" && BigDecimal.isBigDecimal(value) ? value : big(String(value))
      return BigDecimal.equals(read, like) ? BigDecimal.format(like) : read
    }
    if (Array.isArray(value)) return value.map((one, i) => decimals(one, (like as ReadonlyArray<unknown>)[i]))
    if (typeof value !== "object" || value === null) return value === 0 ? 0 : value
    return Object.fromEntries(
      Object.entries(value).map((
        [key, one]
      ) => [key, decimals(one, (like as { readonly [key: string]: unknown })[key])])
    )
  }

  it.prop("reads back what was written, to the last digit", [Tree], ([tree]) => {
    const json = exactJson(tree)!
    assert.deepStrictEqual(decimals(parseExact(json), tree), known(tree))
  })
})
