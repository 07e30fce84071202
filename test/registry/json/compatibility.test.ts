import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { differences } from "../../../src/registry/json/compatibility.ts"
import { derive } from "../../../src/registry/json/derive.ts"
import { documentOf } from "../../../src/registry/json/document.ts"
import { firstDifference } from "../../../src/registry/json/layout.ts"

const documentFrom = (json: unknown, named: { readonly [name: string]: unknown } = {}) =>
  documentOf({
    text: JSON.stringify(json),
    needed: Object.entries(named).map(([name, each]) => ({ name, text: JSON.stringify(each) }))
  })

/** Why a reader does not take what a writer may write. */
const why = (reader: unknown, writer: unknown) =>
  differences(documentFrom(reader), documentFrom(writer)).map(({ path, type }) => `${type} ${path}`)

const object = (properties: object, required: ReadonlyArray<string> = [], more: object = {}) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
  ...more
})
const [text, number, integer] = [{ type: "string" }, { type: "number" }, { type: "integer" }]
const open = { additionalProperties: true }

describe("a reader's JSON Schema", () => {
  it("takes whole numbers where it takes numbers, and not the other way round", () => {
    assert.deepStrictEqual(why(number, integer), [])
    assert.deepStrictEqual(why(integer, number), ["TYPE "])
    assert.deepStrictEqual(why({ type: ["string", "null"] }, text), [])
    assert.deepStrictEqual(why({ anyOf: [text, { type: "null" }] }, { type: ["null", "string"] }), [])
    assert.deepStrictEqual(why(text, { type: ["string", "null"] }), ["TYPE "])
    assert.deepStrictEqual(why({}, number), [])
    assert.deepStrictEqual(why(number, {}), ["TYPE "])
  })

  it("takes fewer listed values, and wider limits", () => {
    assert.deepStrictEqual(why({ enum: ["a", "b"] }, { enum: ["a"] }), [])
    assert.deepStrictEqual(why({ enum: ["a"] }, { enum: ["a", "b"] }), ["VALUE "])
    assert.deepStrictEqual(why({ enum: ["a"] }, text), ["VALUE "])
    assert.deepStrictEqual(why(text, { const: "a" }), [])
    assert.deepStrictEqual(why({ ...number, minimum: 0 }, { ...number, minimum: 1 }), [])
    assert.deepStrictEqual(why({ ...number, minimum: 1 }, { ...number, minimum: 0 }), ["LIMIT "])
    assert.deepStrictEqual(why({ ...text, maxLength: 3 }, text), ["LIMIT "])
    assert.deepStrictEqual(why({ ...text, pattern: "a" }, { ...text, pattern: "b" }), ["LIMIT "])
    assert.deepStrictEqual(why({ not: text }, { type: "number" }), ["LIMIT "])
    assert.deepStrictEqual(why({ ...text, format: "email" }, text), [])
  })

  it("takes new optional properties only of closed objects, and must not require them", () => {
    const old = object({ id: text }, ["id"])
    assert.deepStrictEqual(why(object({ id: text, note: text }, ["id"]), old), [])
    assert.deepStrictEqual(why(object({ id: text, note: text }, ["id", "note"]), old), ["REQUIRED /properties/note"])
    const openOld = object({ id: text }, ["id"], open)
    assert.deepStrictEqual(why(object({ id: text, note: text }, ["id"], open), openOld), ["TYPE /properties/note"])
    assert.deepStrictEqual(why(object({ id: text, note: {} }, ["id"], open), openOld), [])
    assert.deepStrictEqual(why(object({}), old), ["PROPERTY /properties/id"])
    assert.deepStrictEqual(why(object({}, [], open), old), [])
    assert.deepStrictEqual(why(old, openOld), ["ADDITIONAL "])
    assert.deepStrictEqual(why(object({ a: number }), object({ a: text })), ["TYPE /properties/a"])
  })

  it("takes items, maps, and one of several objects", () => {
    const map = (additionalProperties: object) => ({ type: "object", additionalProperties })
    assert.deepStrictEqual(why(map(number), map(integer)), [])
    assert.deepStrictEqual(why(map(integer), map(number)), ["TYPE /additionalProperties"])
    const array = (items: unknown) => ({ type: "array", items })
    assert.deepStrictEqual(why(array(integer), array(number)), ["TYPE /items"])
    assert.deepStrictEqual(why(array([text]), array([text, text])), ["ITEMS /items"])
    const tagged = (tag: string, more: object) => object({ _tag: { const: tag }, ...more }, ["_tag"])
    const both = { oneOf: [tagged("A", { a: text }), tagged("B", { b: text })] }
    assert.deepStrictEqual(why(both, tagged("B", { b: text })), [])
    assert.include(why(tagged("A", { a: text }), both).join(), "VALUE /properties/_tag")
    // The same pair is compared again for the alternative that does not fit.
    assert.isNotEmpty(why({ anyOf: [tagged("A", { a: text }), number] }, { anyOf: [tagged("C", {}), tagged("C", {})] }))
  })

  it("may be recursive", () => {
    const tree = (value: object) => object({ value, next: { $ref: "#" } })
    assert.deepStrictEqual(why(tree(number), tree(integer)), [])
    assert.deepStrictEqual(why(tree(integer), tree(number)), ["TYPE /properties/value"])
    assert.deepStrictEqual(why({ anyOf: [{ $ref: "#" }, text] }, text), ["REFERENCE "])
    assert.deepStrictEqual(why({ $ref: "gone.json" }, text), ["REFERENCE "])
  })
})

interface Tree {
  readonly value: string
  readonly nodes: ReadonlyArray<Tree>
}
const Tree = Schema.Struct({
  value: Schema.String,
  nodes: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
}).annotate({ identifier: "Tree/of~texts" })

class Money extends Schema.Class<Money>("Money")({ cents: Schema.Int }) {}
class Order extends Schema.Class<Order>("Order")({
  id: Schema.String.annotate({ description: "of the shop" }),
  one: Money,
  other: Schema.NullOr(Money),
  kind: Schema.Literals(["web", "shop"]),
  tags: Schema.Record(Schema.String, Schema.Finite),
  pair: Schema.Tuple([Schema.String, Schema.Finite]),
  note: Schema.optionalKey(Schema.String)
}) {}

const usual = { draft: "draft-07", additionalProperties: false, name: undefined } as const
const own = (schema: Schema.Top, options: object = {}) => derive(schema, { ...usual, ...options })

describe("the JSON Schema of a Schema", () => {
  it("has its root in place, definitions behind it, and a title", () => {
    const { json, name } = own(Order)
    assert.deepStrictEqual(Object.keys(json).slice(0, 3), ["$schema", "title", "type"])
    assert.strictEqual(name, "Order")
    assert.deepStrictEqual(Object.keys(json["definitions"] as object), ["MoneyEncoded"])
    assert.strictEqual(JSON.stringify(own(Order).json), JSON.stringify(json))
    const next = own(Order, { draft: "draft-2020-12", name: "Bill", additionalProperties: true }).json
    assert.deepInclude(next, {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      title: "Bill",
      additionalProperties: true
    })
    assert.deepStrictEqual(Object.keys(next["$defs"] as object), ["MoneyEncoded"])
  })

  it("refers to its root where it is recursive", () => {
    const { json } = own(Tree)
    assert.deepInclude(json, { title: "Tree/of~texts", type: "object" })
    assert.deepStrictEqual((json["properties"] as { readonly nodes: object }).nodes, {
      type: "array",
      items: { $ref: "#" }
    })
    assert.notProperty(json, "definitions")
  })

  it("has no title without a name, and no root of a whole object otherwise", () => {
    assert.deepStrictEqual(own(Schema.String).json, {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "string"
    })
    assert.strictEqual(own(Schema.String).name, undefined)
  })

  it("has the layout of itself in both drafts, with objects open or closed", () => {
    for (const schema of [Order, Tree, Schema.String, Schema.Unknown]) {
      const here = documentFrom(own(schema).json)
      const there = documentFrom(own(schema, { draft: "draft-2020-12", additionalProperties: true }).json)
      assert.strictEqual(firstDifference(here, there), undefined)
      assert.deepStrictEqual(differences(here, here), [])
    }
  })
})

describe("the first difference in layout", () => {
  const at = (one: unknown, other: unknown, named = {}) =>
    firstDifference(documentFrom(one, named), documentFrom(other))

  it("has a path", () => {
    const old = object({ a: { type: "array", items: object({ b: text }) } }, ["a"])
    const next = object({ a: { type: "array", items: object({ b: number }) } }, ["a"])
    assert.strictEqual(at(old, next), "/properties/a/items/properties/b: string instead of number")
    assert.strictEqual(at(old, object({ a: text }, ["a"])), "/properties/a: array instead of string")
    assert.strictEqual(at(object({ a: text }), object({ a: text }, ["a"])), "/: required none instead of required a")
    assert.strictEqual(at(object({ a: text }), object({ b: text })), "/: the properties a instead of the properties b")
    assert.strictEqual(at({ enum: ["a", "b"] }, text), "/: \"a\", \"b\" instead of any string")
    assert.strictEqual(at(object({}, [], { additionalProperties: text }), object({})), "/: a map instead of no map")
    assert.strictEqual(at({ type: "array", items: [text] }, { type: "array", items: text })?.slice(0, 7), "/: 1 it")
  })

  it("is none where the same is said in other words", () => {
    assert.strictEqual(at({ type: ["null", "string"] }, { anyOf: [text, { type: "null" }] }), undefined)
    assert.strictEqual(at({ const: "a" }, { type: "string", enum: ["a"] }), undefined)
    assert.strictEqual(
      at({ allOf: [object({ a: text }), object({ b: text })] }, object({ b: text, a: text })),
      undefined
    )
    assert.strictEqual(at({ ...text, format: "email", maxLength: 3, title: "x" }, text), undefined)
    const money = object({ cents: number })
    const named = { "money.json": { ...money, definitions: { euro: money } } }
    assert.strictEqual(at({ $ref: "money.json" }, money, named), undefined)
    assert.strictEqual(at({ $ref: "money.json#/definitions/euro" }, money, named), undefined)
    assert.strictEqual(
      at({ $id: "http://shop/bill.json", ...object({ a: { $ref: "money.json" } }) }, object({ a: money }), {
        "http://shop/money.json": money
      }),
      undefined
    )
    assert.throws(() => at({ $ref: "#/nothing" }, text), /"#\/nothing" leads nowhere/)
  })
})
