import { assert, describe, it } from "@effect/vitest"
import { Change, type Table } from "millrace/sql"
import { mappingProblems } from "../../../src/sql/check/mappingProblems.ts"
import { mappingOf } from "../../../src/sql/sync/mapping.ts"
import { column, indexOf, type Short } from "../columns.ts"

const id: Short = ["integer", "integer"]
const bool: Short = ["boolean", "boolean"]
const text: Short = ["text", "text"]
const numeric: Short = ["numeric", "numeric", (10 << 16 | 2) + 4]
const date: Short = ["date", "date"]
const time: Short = ["time", "time without time zone"]
const local: Short = ["timestamp", "timestamp without time zone"]
const instant: Short = ["timestamptz", "timestamp with time zone"]
const json: Short = ["json", "jsonb"]
const bytes: Short = ["bytes", "bytea"]
const bit: Short = ["bit", "\"bit\"", 1]
const bits: Short = ["bit", "\"bit\"", 5]
const integers: Short = ["array", "integer[]", -1, { kind: "integer", type: "integer", typmod: -1 }]
const texts: Short = ["array", "text[]", -1, { kind: "text", type: "text", typmod: -1 }]

const tableOf = (columns: ReadonlyArray<Table.Column>): Table.Table => ({
  schema: "public",
  name: "t",
  columns,
  primaryKey: ["id"],
  uniques: [indexOf("t_pkey", ["id"], true)],
  foreignKeys: [],
  referencedBy: []
})

const problemsOf = (from: Short, to: Short, format: Change.Format) => {
  const [source, target] = [from, to].map((type) => tableOf([column("id", id), column("c", type)]))
  const mapping = mappingOf({ table: "public.t" }, target!, format.modes, {})
  return "problem" in mapping ? [] : mappingProblems(source!, mapping, format.modes)
}

const formats = (["isostring", "connect", "microseconds", "adaptive"] as const).flatMap((times) =>
  (["string", "precise", "double"] as const).map((decimals) =>
    Change.envelope({ times, decimals, binaries: decimals === "string" ? "hex" : "base64" })
  )
)

describe("columns of another type", () => {
  it("are none where both sides have the same, in each form", () => {
    for (const format of formats) {
      for (
        const type of [id, bool, text, numeric, date, time, local, instant, json, bytes, bit, bits, integers, texts]
      ) {
        assert.deepStrictEqual(problemsOf(type, type, format), [], `${type[1]} ${JSON.stringify(format.modes)}`)
      }
    }
  })

  it("are found before their records come, with what mends them", () => {
    const format = Change.envelope()
    const wrong: ReadonlyArray<readonly [Short, Short]> = [
      [id, text],
      [bool, text],
      [instant, id],
      [json, integers],
      [integers, texts],
      [date, bool]
    ]
    for (const [from, to] of wrong) {
      const [found, ...others] = problemsOf(from, to, format)
      assert.deepStrictEqual(others, [])
      assert.include(found?.problem, `column c is ${to[1]}, and public.t.c is ${from[1]}: `)
      assert.strictEqual(
        found?.mend,
        `ALTER TABLE "public"."t" ALTER COLUMN "c" TYPE ${from[1]} USING "c"::text::${from[1]}`
      )
    }
    // A text may be what the other column reads.
    for (const to of [id, instant, json]) assert.deepStrictEqual(problemsOf(text, to, format), [])
    for (const [from, to] of wrong) assert.deepStrictEqual(problemsOf(from, to, Change.plain), [])
  })
})
