import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Codec } from "millrace/registry"
import { derive } from "../../../src/registry/json/derive.ts"

const jsonOf = (schema: Schema.Top) =>
  derive(schema, { name: undefined, draft: "draft-07", additionalProperties: false }).json

const $schema = "http://json-schema.org/draft-07/schema#"

describe("whole numbers in JSON Schema", () => {
  it("are integers as other programs register them, with the bounds of checks alone", () => {
    assert.deepStrictEqual(jsonOf(Schema.Int), { $schema, type: "integer" })
    assert.deepStrictEqual(jsonOf(Schema.Int.check(Schema.isGreaterThan(0))), {
      ...{ $schema, type: "integer", exclusiveMinimum: 0 }
    })
    assert.deepStrictEqual(jsonOf(Schema.Int.check(Schema.isInt32())), {
      ...{ $schema, type: "integer" },
      allOf: [{ minimum: -2_147_483_648, maximum: 2_147_483_647 }]
    })
  })

  it("leave properties as they are that are called like keywords", () => {
    const { properties } = jsonOf(Schema.Struct({ allOf: Schema.Int, minimum: Schema.Int, maximum: Schema.String }))
    assert.deepStrictEqual(properties, {
      ...{ allOf: { type: "integer" }, minimum: { type: "integer" }, maximum: { type: "string" } }
    })
  })

  it("have the layout of a text without bounds, and of one with them", () => {
    const object = (n: object) =>
      JSON.stringify({ type: "object", additionalProperties: false, required: ["n"], properties: { n } })
    for (const n of [{ type: "integer" }, { type: "integer", minimum: 0, maximum: 10 }]) {
      assert.doesNotThrow(() => Codec.jsonSchema(Schema.Struct({ n: Schema.Int }), { schema: object(n) }))
    }
  })
})
