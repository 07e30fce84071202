import { assert, describe, it } from "@effect/vitest"
import { parse } from "../../../src/registry/avro/parse.ts"
import { differences } from "../../../src/registry/avro/resolution.ts"

const types = (reader: unknown, writer: unknown) =>
  differences(parse(JSON.stringify(reader)), parse(JSON.stringify(writer))).map(({ type }) => type)

const record = (name: string, ...fields: ReadonlyArray<object>) => ({ type: "record", name, fields })

describe("Avro's schema resolution", () => {
  const primitives = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
  const promoted = new Set([
    "int>long",
    "int>float",
    "int>double",
    "long>float",
    "long>double",
    "float>double",
    "string>bytes",
    "bytes>string"
  ])
  for (const writer of primitives) {
    it(`reads ${writer} as what the specification allows, and nothing else`, () => {
      for (const reader of primitives) {
        const matches = reader === writer || promoted.has(`${writer}>${reader}`)
        assert.deepStrictEqual(types(reader, writer), matches ? [] : ["TYPE_MISMATCH"], `${writer} as ${reader}`)
      }
    })
  }

  it("matches names without namespaces, and by the reader's aliases", () => {
    assert.deepStrictEqual(types({ ...record("A"), namespace: "x" }, { ...record("A"), namespace: "y" }), [])
    assert.deepStrictEqual(types(record("A"), record("B")), ["NAME_MISMATCH"])
    assert.deepStrictEqual(types({ ...record("A"), aliases: ["B"] }, record("B")), [])
    const renamed = record("A", { name: "n", type: "int", aliases: ["old"] })
    assert.deepStrictEqual(types(renamed, record("A", { name: "old", type: "int" })), [])
  })

  it("compares fields, items, values and fixed sizes", () => {
    assert.deepStrictEqual(types(record("A", { name: "n", type: "int" }), record("A", { name: "n", type: "string" })), [
      "TYPE_MISMATCH"
    ])
    const list = (items: string) => ({ type: "array", items })
    const map = (values: string) => ({ type: "map", values })
    assert.deepStrictEqual(types(list("long"), list("int")), [])
    assert.deepStrictEqual(types(map("int"), map("long")), ["TYPE_MISMATCH"])
    const fixed = (size: number) => ({ type: "fixed", name: "F", size })
    assert.deepStrictEqual(types(fixed(4), fixed(8)), ["FIXED_SIZE_MISMATCH"])
  })

  it("knows symbols, and their default", () => {
    const symbols = (list: ReadonlyArray<string>, other?: string) => ({
      type: "enum",
      name: "E",
      symbols: list,
      ...(other === undefined ? {} : { default: other })
    })
    assert.deepStrictEqual(types(symbols(["A", "B"]), symbols(["A"])), [])
    assert.deepStrictEqual(types(symbols(["A"]), symbols(["A", "B"])), ["MISSING_ENUM_SYMBOLS"])
    assert.deepStrictEqual(types(symbols(["A"], "A"), symbols(["A", "B"])), [])
  })

  it("needs a branch for each of the writer's", () => {
    assert.deepStrictEqual(types(["null", "string"], "string"), [])
    assert.deepStrictEqual(types("string", ["null", "string"]), ["TYPE_MISMATCH"])
    assert.deepStrictEqual(types(["null", "long"], ["int", "string"]), ["MISSING_UNION_BRANCH"])
  })

  it("ends at recursive types", () => {
    const node = (value: string) =>
      record("Node", { name: "value", type: value }, { name: "next", type: ["null", "Node"], default: null })
    assert.deepStrictEqual(types(node("long"), node("int")), [])
    assert.include(types(node("int"), node("long")), "TYPE_MISMATCH")
  })

  it("says where a schema is none", () => {
    const bad = (json: unknown, problem: RegExp) => assert.throws(() => parse(JSON.stringify(json)), problem)
    bad({ type: "recor" }, /"recor" is neither a primitive type nor a name/)
    bad(record("A", { name: "x", type: "nope" }), /\/fields\/x: "nope"/)
    bad(record("A", { name: "x", type: "int" }, { name: "x", type: "int" }), /the record has "x" twice/)
    bad(["int", "int"], /the union has "int" twice/)
    bad([["int"]], /may not hold a union/)
    bad(record("1a"), /"1a" is not a name/)
    bad({ type: "enum", name: "E", symbols: ["A"], default: "B" }, /not one of its symbols/)
  })
})
