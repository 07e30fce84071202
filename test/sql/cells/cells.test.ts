import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Change, type Table } from "millrace/sql"
import { literalOf } from "../../../src/sql/cells/arrays.ts"
import { dateText } from "../../../src/sql/cells/calendar.ts"
import { BadCell } from "../../../src/sql/cells/cell.ts"
import { cellsOf } from "../../../src/sql/cells/cellsOf.ts"
import { problemsOf } from "../../../src/sql/cells/losses.ts"
import { column, columnsOf } from "../columns.ts"

const plain = Change.plain.modes
const debezium = (options: Change.ConnectorOptions = {}) => Change.envelope(options).modes

type Short = Parameters<typeof column>[1]

/** The cell of a value, or what is wrong with it. */
const cellOf = (type: Short, value: unknown, modes: Change.Modes = plain) => {
  const cell = cellsOf(column("c", type), modes)(value)
  return cell instanceof BadCell ? `bad: ${cell.problem}` : cell
}
const isBad = (type: Short, value: unknown, modes?: Change.Modes) => {
  assert.match(String(cellOf(type, value, modes)), /^bad: /, `${type[0]} ${String(value)}`)
}

const text: Short = ["text", "text"]
const integer: Short = ["bigint", "bigint"]
const numeric: Short = ["numeric", "numeric"]
const price: Short = ["numeric", "numeric", (10 << 16 | 2) + 4]
const timestamp: Short = ["timestamp", "timestamp without time zone"]
const instant: Short = ["timestamptz", "timestamp with time zone"]
const date: Short = ["date", "date"]
const time: Short = ["time", "time without time zone"]
const json: Short = ["json", "jsonb"]
const bytes: Short = ["bytes", "bytea"]
const interval: Short = ["interval", "interval"]
const hstore: Short = ["hstore", "hstore"]
const arrayOf = (element: Table.ColumnType): Short => ["array", `${element.type}[]`, -1, element]
const texts = arrayOf({ kind: "text", type: "text", typmod: -1 })
const integers = arrayOf({ kind: "integer", type: "integer", typmod: -1 })

describe("cells", () => {
  it("are null for null, nothing and none, whatever the column", () => {
    for (const type of [text, integer, numeric, timestamp, json, bytes, texts, hstore]) {
      for (const value of [null, undefined, Option.none(), Option.some(null)]) {
        assert.strictEqual(cellOf(type, value), null)
      }
    }
  })

  it("are made of what programs have", () => {
    assert.strictEqual(cellOf(integer, 9007199254740993n), "9007199254740993")
    assert.strictEqual(cellOf(integer, "-12"), "-12")
    assert.strictEqual(cellOf(numeric, BigDecimal.fromStringUnsafe("1.50")), "1.50")
    assert.strictEqual(cellOf(numeric, BigDecimal.make(15n, -3)), "15000")
    assert.strictEqual(cellOf(numeric, BigDecimal.make(-5n, 3)), "-0.005")
    assert.strictEqual(cellOf(["float", "double precision"], -0), "-0")
    assert.strictEqual(cellOf(["float", "double precision"], NaN), "NaN")
    assert.strictEqual(cellOf(["boolean", "boolean"], Option.some(true)), "t")
    assert.strictEqual(cellOf(bytes, new Uint8Array([0, 255])), "\\x00ff")
    assert.strictEqual(cellOf(bytes, "AP8="), "\\x00ff")
    assert.strictEqual(cellOf(interval, Duration.millis(1500)), "1500000 microseconds")
    assert.strictEqual(cellOf(["bit", "\"bit\"", 3], "101"), "101")
    assert.strictEqual(cellOf(["other", "public.vector"], [1, 2.5]), "[1,2.5]")
    const moment = new Date("2026-01-02T03:04:05.678Z")
    assert.strictEqual(cellOf(instant, moment), "2026-01-02 03:04:05.678+00")
    assert.strictEqual(cellOf(timestamp, moment), "2026-01-02 03:04:05.678")
    assert.strictEqual(cellOf(date, moment), "2026-01-02")
    const zoned = DateTime.makeZonedUnsafe(moment, { timeZone: "Europe/Berlin" })
    assert.strictEqual(cellOf(instant, zoned), "2026-01-02 03:04:05.678+00")
    assert.strictEqual(cellOf(instant, new Date(-62135596800001)), "0001-12-31 23:59:59.999+00 BC")
  })

  it("are refused where the database would cut a text without a word", () => {
    const single: Short = ["text", "\"char\""]
    const name: Short = ["text", "name"]
    for (const value of ["", "a", "\\303"]) assert.strictEqual(cellOf(single, value), value)
    for (const value of ["ab", "ä", "\\309"]) isBad(single, value)
    for (const value of ["n".repeat(63), "ä".repeat(31)]) assert.strictEqual(cellOf(name, value), value)
    for (const value of ["n".repeat(64), "ä".repeat(32), "nul\0"]) isBad(name, value)
    isBad(arrayOf({ kind: "text", type: "name", typmod: -1 }), ["n".repeat(64)])
  })

  it("keep the digits of JSON, and the difference of its null and that of SQL", () => {
    assert.strictEqual(
      cellOf(json, { a: 12345678901234567890n, b: [BigDecimal.fromStringUnsafe("0.10")] }),
      "{\"a\":12345678901234567890,\"b\":[0.10]}"
    )
    assert.strictEqual(cellOf(json, "{}"), "\"{}\"")
    assert.strictEqual(cellOf(json, "null", debezium()), "null")
    assert.strictEqual(cellOf(json, null, debezium()), null)
    isBad(json, () => 1)
  })

  it("are not of JSON that would lose something", () => {
    const lossy = [new Map([[1, 2]]), new Set([1]), Promise.resolve(1), NaN, -Infinity, () => 1]
    for (const value of lossy) for (const holder of [value, [value], { a: { b: value } }]) isBad(json, holder)
    class Pairs extends Map<number, number> {
      toJSON(): ReadonlyArray<readonly [number, number]> {
        return [...this]
      }
    }
    assert.strictEqual(cellOf(json, { pairs: new Pairs([[1, 2]]), none: undefined }), "{\"pairs\":[[1,2]]}")
  })

  it("of arrays are literals, with as many dimensions as there are", () => {
    assert.strictEqual(
      cellOf(texts, ["a\"b\\c", null, "", "NULL", "{}"]),
      "{\"a\\\"b\\\\c\",NULL,\"\",\"NULL\",\"{}\"}"
    )
    assert.strictEqual(cellOf(integers, [[1, 2], [3, null]]), "{{1,2},{3,NULL}}")
    assert.strictEqual(cellOf(integers, []), "{}")
    assert.strictEqual(cellOf(texts, "{a,b}"), "{a,b}")
    isBad(integers, [1, "x"])
    isBad(integers, [[1], null])
  })

  it("of an hstore are made of objects, Maps and JSON", () => {
    const literal = "\"a\"=>\"1\", \"b\\\"\\\\\"=>NULL"
    assert.strictEqual(cellOf(hstore, { a: "1", "b\"\\": null }), literal)
    assert.strictEqual(cellOf(hstore, new Map([["a", "1"], ["b\"\\", null]])), literal)
    assert.strictEqual(cellOf(hstore, "{\"a\":\"1\",\"b\\\"\\\\\":null}"), literal)
    assert.strictEqual(cellOf(hstore, "\"a\"=>\"1\""), "\"a\"=>\"1\"")
    isBad(hstore, { a: 1 })
  })

  it("are refused where a value is none of the column", () => {
    isBad(integer, 1.5)
    isBad(integer, "1_000")
    isBad(integer, 2 ** 53)
    isBad(numeric, 2 ** 60)
    isBad(numeric, "EtaA")
    isBad(text, 5)
    isBad(text, {})
    isBad(["boolean", "boolean"], 1)
    isBad(date, "now")
    isBad(date, 3_000_000_000)
    isBad(timestamp, "today")
    isBad(timestamp, 1767323045678)
    isBad(timestamp, new Date(NaN))
    isBad(instant, new Date(8.64e15 + 1))
    isBad(time, 86_400_001, Change.plainWith({ times: "connect" }).modes)
    isBad(bytes, "not base64!")
    isBad(bytes, "abc")
    isBad(["bit", "\"bit\"", 3], "1/1=")
    isBad(["geometry", "point"], { x: 1 })
    isBad(price, "EtaA", debezium())
    assert.strictEqual(cellOf(price, "EtaA", debezium({ decimals: "precise" })), "12345.60")
    isBad(numeric, "EtaA", debezium({ decimals: "precise" }))
  })

  it("have no NUL and no half of a surrogate pair, and name the column", () => {
    for (
      const [type, value] of [
        [text, "a\0"],
        [text, "a\ud800"],
        [["enum", "mood"], "\0"],
        [["other", "inet"], "\0"],
        [hstore, { a: "\0" }],
        [texts, ["a", "\udc00"]],
        [json, "\"\0\""]
      ] as ReadonlyArray<readonly [Short, unknown]>
    ) {
      const cell = cellsOf(column("name", type), debezium({ lossy: "accept" }))(value)
      assert.instanceOf(cell, BadCell)
      assert.strictEqual(cell.column, "name")
    }
  })

  it("know the units of integers by the mode and the column's precision", () => {
    const at = (precision: number, times: NonNullable<Change.Modes["times"]>, value: number | bigint) =>
      cellOf(["timestamp", "timestamp without time zone", precision], value, debezium({ times }))
    const [millis, micros] = ["2026-01-02 03:04:05.678", "2026-01-02 03:04:05.678901"]
    assert.strictEqual(at(3, "adaptive", 1767323045678), millis)
    assert.strictEqual(at(-1, "adaptive", 1767323045678901), micros)
    assert.strictEqual(at(3, "microseconds", 1767323045678000), `${millis}000`)
    assert.strictEqual(at(-1, "connect", 1767323045678), millis)
    assert.strictEqual(at(-1, "nanoseconds", 1767323045678901000n), `${micros}000`)
    const of = (precision: number, times: NonNullable<Change.Modes["times"]>, value: number) =>
      cellOf(["time", "time without time zone", precision], value, debezium({ times }))
    assert.strictEqual(of(3, "adaptive", 11045678), "03:04:05.678")
    assert.strictEqual(of(3, "adaptive_time_microseconds", 11045678000), "03:04:05.678000")
    assert.strictEqual(of(-1, "connect", 86400000), "24:00:00")
    isBad(time, 11045678901, debezium())
  })

  it("of Debezium's infinities are infinite", () => {
    const modes = debezium({ times: "adaptive" })
    assert.strictEqual(cellOf(timestamp, 9223372036825200000n, modes), "infinity")
    // As JSON.parse rounds it.
    assert.strictEqual(cellOf(timestamp, 9223372036825200000, modes), "infinity")
    assert.strictEqual(cellOf(timestamp, -9223372036832400000n, modes), "-infinity")
    assert.strictEqual(cellOf(instant, "infinity", modes), "infinity")
    assert.deepStrictEqual(
      [-2147472692, -2147472691, -622191234, -625821272].map((days) => cellOf(date, days, modes)),
      ["infinity", "-infinity", "infinity", "-infinity"]
    )
  })

  it("of years that PostgreSQL writes in another way are rewritten", () => {
    assert.strictEqual(cellOf(instant, "-0043-03-15T12:00:00.000000Z"), "0044-03-15 12:00:00.000000Z BC")
    assert.strictEqual(cellOf(instant, "0000-01-01T00:00:00Z"), "0001-01-01 00:00:00Z BC")
    assert.strictEqual(cellOf(instant, "+294276-12-31T23:59:59Z"), "294276-12-31 23:59:59Z")
    assert.strictEqual(cellOf(date, "-0043-03-15Z"), "0044-03-15 BC")
    assert.strictEqual(cellOf(date, "2026-01-02Z"), "2026-01-02Z")
    assert.strictEqual(cellOf(date, -735160), "0044-03-15 BC")
    assert.strictEqual(dateText(0), "1970-01-01")
  })

  const Days = Schema.Int.check(Schema.isBetween({ minimum: -719_162, maximum: 2_932_896 }))
  it.prop("of days are the dates of a calendar", [Days], ([days]) => {
    assert.strictEqual(dateText(days), new Date(days * 86_400_000).toISOString().slice(0, 10))
  })

  const Millis = Schema.Int.check(Schema.isBetween({ minimum: -62_135_596_800_000, maximum: 253_402_300_799_999 }))
  it.prop("of timestamps are the same in every unit", [Millis], ([millis]) => {
    const [seconds] = new Date(millis).toISOString().replace("T", " ").split(".")
    const fraction = ((millis % 1_000) + 1_000) % 1_000
    const micros = BigInt(millis) * 1_000n
    const expected = (digits: number) =>
      fraction === 0 ? seconds : `${seconds}.${String(fraction).padStart(3, "0").padEnd(digits, "0")}`
    assert.strictEqual(cellOf(timestamp, millis, debezium({ times: "connect" })), expected(3))
    assert.strictEqual(cellOf(timestamp, micros, debezium({ times: "microseconds" })), expected(6))
    assert.strictEqual(cellOf(timestamp, micros * 1_000n, debezium({ times: "nanoseconds" })), expected(9))
  })

  const Scale = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 }))
  it.prop("of precise decimals are those of Java's BigDecimal", [Schema.BigInt, Scale], ([unscaled, scale]) => {
    const length = Math.max(1, Math.ceil((unscaled < 0n ? -unscaled : unscaled).toString(2).length / 8 + 0.25))
    const hex = BigInt.asUintN(length * 8, unscaled).toString(16).padStart(length * 2, "0")
    const value = Buffer.from(hex, "hex").toString("base64")
    const cell = cellOf(numeric, { scale, value }, debezium())
    assert.isTrue(BigDecimal.equals(BigDecimal.fromStringUnsafe(String(cell)), BigDecimal.make(unscaled, scale)))
  })

  /** What PostgreSQL does with an array literal of one dimension. */
  const parsed = (literal: string): ReadonlyArray<string | null> => {
    const found: Array<string | null> = []
    const element = /"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gs
    for (const [, inQuotes, bare] of literal.slice(1, -1).matchAll(element)) {
      found.push(inQuotes === undefined ? bare === "NULL" ? null : bare! : inQuotes.replace(/\\(.)/gs, "$1"))
    }
    return found
  }
  const Cells = Schema.Array(Schema.NullOr(Schema.String))
  it.prop("of a column come back out of its literal", [Cells], ([cells]) => {
    assert.deepStrictEqual(parsed(literalOf(cells, "text")), cells)
  })
})

describe("problemsOf", () => {
  const table = {
    columns: columnsOf({
      id: integer,
      price,
      name: ["text", "name"],
      at: ["timestamp", "timestamp without time zone", 3],
      exact: timestamp,
      flags: ["bit", "bit varying"],
      shape: ["geometry", "polygon"],
      tags: texts,
      spans: arrayOf({ kind: "interval", type: "interval", typmod: -1 }),
      times: arrayOf({ kind: "time", type: "time without time zone", typmod: -1 })
    })
  }
  const found = (options: Change.ConnectorOptions) =>
    problemsOf(table, debezium(options)).map(({ column, kind }) => `${column} ${kind}`)

  it("tells what a connector would lose of a table", () => {
    const always = [
      "name lossy",
      "flags lossy",
      "flags rare",
      "shape absent",
      "tags rare",
      "spans absent",
      "spans rare"
    ]
    const times = ["times lossy", "times rare", "times rare"]
    assert.deepStrictEqual(found({ times: "isostring" }), [...always, ...times])
    assert.deepStrictEqual(found({ times: "connect", decimals: "double" }), [
      "price lossy",
      "price rare",
      always[0]!,
      "exact lossy",
      ...always.slice(1),
      ...times
    ])
  })

  it("has nothing to say of plain topics, generated columns, and those that are not synced", () => {
    assert.deepStrictEqual(problemsOf(table, plain), [])
    assert.deepStrictEqual(problemsOf(table, debezium(), ({ name }) => name === "id"), [])
    const generated = table.columns.map((column) => ({ ...column, isGenerated: true }))
    assert.deepStrictEqual(problemsOf({ columns: generated }, debezium()), [])
  })
})
