import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { fold, type Op, type Row, shapeOf, type Work } from "../../../src/sql/apply/fold.ts"
import { imagined, mark, remove, truncate, write } from "./kit.ts"

type Table = Map<string, Row>

const items = imagined()
const marking = { ...items, softDelete: 2 }
const guarded = { ...marking, guard: { column: 1, deleted: "x", isOfRows: false } }

const cell = Schema.Literals(["x", "y", "z"])
const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literal("write"), id: cell, a: Schema.optionalKey(cell), b: cell }),
  Schema.Struct({ do: Schema.Literals(["remove", "mark"]), id: cell }),
  Schema.Struct({ do: Schema.Literal("truncate") })
])

const opOf = (step: typeof Step.Type): Op => {
  switch (step.do) {
    case "write":
      // A write says of each row that it is not marked, or what its mark is.
      return write(marking, { id: step.id, ...(step.a !== undefined && { a: step.a }), b: step.b })
    case "remove":
      return remove(marking, { id: step.id })
    case "mark":
      return mark(marking, { id: step.id, b: "gone" })
    case "truncate":
      return truncate(marking)
  }
}

const merged = (before: Row, after: Row): Row => after.map((cell, i) => cell === undefined ? before[i] : cell)

/** What a database does with one operation. Columns that an insert does not name are null. */
const run = (table: Table, { key, kind, row }: Op): void => {
  const before = table.get(key)
  if (kind === "Truncate") table.clear()
  if (kind === "Remove") table.delete(key)
  if (kind === "Mark" && before !== undefined) table.set(key, merged(before, row))
  if (kind === "Write") table.set(key, merged(before ?? [null, null, null], row))
}

const runFolded = (table: Table, works: ReadonlyArray<Work>): void => {
  for (const { isTruncated, marks, removes, removesFirst, writes } of works) {
    if (isTruncated) table.clear()
    for (const op of removesFirst) run(table, op)
    for (const [shape, ops] of writes) {
      for (const op of ops) {
        assert.strictEqual(shapeOf(op.row), shape)
        run(table, op)
      }
    }
    for (const op of [...marks, ...removes]) run(table, op)
  }
}

describe("folding", () => {
  it.prop("leaves a table as its operations do one by one, with each key once", [
    Schema.Array(Step),
    Schema.Array(cell)
  ], ([steps, ids]) => {
    const before = (): Table => new Map(ids.map((id) => [id, [id, "old", "old"]]))
    const ops = steps.map(opOf)
    const one = before()
    for (const op of ops) run(one, op)
    const folded = before()
    const works = fold(ops)
    runFolded(folded, works)
    assert.deepStrictEqual([...folded].sort(), [...one].sort())
    for (const { removes, removesFirst, writes } of works) {
      for (const list of [[...writes.values()].flat(), [...removes, ...removesFirst]]) {
        assert.strictEqual(new Set(list.map(({ key }) => key)).size, list.length)
      }
    }
  })

  it("keeps the newest version of a key, not the last one, and the last of equal ones", () => {
    const ops = [
      write(guarded, { id: "x", a: "5", b: "first" }, 5),
      write(guarded, { id: "x", a: "4", b: "older" }, 4),
      write(guarded, { id: "x", a: "5", b: "second" }, 5n),
      remove(guarded, { id: "x", a: "3" }, 3)
    ]
    const [work] = fold(ops)
    assert.deepStrictEqual([...work!.writes.values()].flat().map(({ row }) => row), [["x", "5", "second"]])
    assert.deepStrictEqual([...work!.removes, ...work!.removesFirst], [])
  })

  it("removes rows before others are written where they may hold unique values", () => {
    const ops = (target: Op["target"]) => [write(target, { id: "x", a: "1", b: null }), remove(target, { id: "y" })]
    assert.deepStrictEqual(fold(ops(items)).map(({ removesFirst }) => removesFirst.length), [0])
    assert.deepStrictEqual(fold(ops(imagined(["a"]))).map(({ removesFirst }) => removesFirst.length), [1])
  })

  it("lets a changed key go before the row comes under its new one", () => {
    const old = remove(items, { id: "x" })
    const [work] = fold([{ ...write(items, { id: "y", a: "1", b: "1" }), instead: old }])
    assert.deepStrictEqual(work!.removes, [old])
    assert.deepStrictEqual([...work!.writes.values()].flat().map(({ key }) => key), ["y"])
  })
})
