import { assert, describe, it } from "@effect/vitest"
import { statementsIn } from "../../../src/sql/apply/statements.ts"
import { makeTarget } from "../../../src/sql/apply/target.ts"
import { imagined, move, truncate, write } from "./kit.ts"

const items = imagined()
const row = (id: number) => ({ id: String(id), a: "a", b: "b" })
const key = (id: number) => ({ id: String(id) })
const moved = (from: number, to: number) => [move(items, key(from), key(to)), write(items, row(to))]

const howMany = (...ops: Parameters<typeof statementsIn>) => statementsIn(...ops).length

describe("changes of keys", () => {
  it("are as many statements as one, if their rows have nothing to do with each other", () => {
    const one = howMany(moved(1, 1_001))
    const many = Array.from({ length: 500 }, (_, id) => [write(items, row(2_000 + id)), ...moved(id, 1_000 + id)])
    assert.strictEqual(howMany(many.flat()), one)
  })

  it("are one where a connector says it twice", () => {
    const [first, second] = moved(1, 2)
    assert.deepStrictEqual(statementsIn([first!, first!, second!]), statementsIn([first!, second!]))
  })

  it("come in their turn where a row is written before, moved on, or its table is emptied", () => {
    const one = howMany(moved(1, 2))
    assert.isAbove(howMany([write(items, row(1)), ...moved(1, 2)]), one)
    assert.isAbove(howMany([write(items, row(2)), ...moved(1, 2)]), one)
    assert.strictEqual(howMany([...moved(1, 2), ...moved(2, 3)]), 2 * one)
    assert.match(statementsIn([truncate(items), ...moved(1, 2)])[0]!.text, /^TRUNCATE/)
  })

  it("come behind rows of a table that their keys refer to, or that refers to them", () => {
    const refers = { name: "refers", isDeferrable: false, isInitiallyDeferred: false }
    const choices = { key: ["id"], softDelete: undefined, guard: undefined }
    const references = { schema: "public", table: "items", columns: ["id"] }
    const foreignKeys = [{ ...refers, columns: ["id"], references }]
    const parts = makeTarget({ ...items.table, name: "parts", foreignKeys }, choices)
    const referencedBy = [{
      ...refers,
      schema: "public",
      table: "parts",
      columns: ["id"],
      referenced: ["id"],
      onDelete: "cascade"
    }] as const
    const wholes = makeTarget({ ...items.table, referencedBy }, choices)
    for (const [one, other] of [[wholes, parts], [parts, wholes]] as const) {
      const texts = statementsIn([write(one, row(2)), move(other, key(1), key(2))]).map(({ text }) => text)
      assert.match(texts[0]!, /^INSERT/)
      assert.match(texts[1]!, /^UPDATE/)
    }
  })
})
