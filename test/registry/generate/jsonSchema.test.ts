import { assert, describe, it } from "@effect/vitest"
import * as JsonSchema from "effect/JsonSchema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { afterAll } from "vitest"
import { generate } from "../../../src/registry/generate/jsonSchema.ts"
import { compile, load, newFolder, removeFolder } from "./modules.ts"

const folder = newFolder()
afterAll(() => removeFolder(folder))

const order = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Order",
  type: "object",
  additionalProperties: false,
  required: ["id", "total"],
  properties: {
    id: { type: "string", description: "Given, in \"quotes\", (by) the shop.", minLength: 1 },
    total: { type: "number", minimum: 0 },
    kind: { enum: ["web", "shop"] },
    lines: { type: "array", items: { $ref: "#/definitions/Line" } },
    "odd name": { type: ["string", "null"] }
  },
  definitions: {
    Line: {
      type: "object",
      properties: { sku: { $ref: "#/definitions/Sku" }, next: { $ref: "#/definitions/Line" } },
      required: ["sku"]
    },
    Sku: { type: "string", maxLength: 10 }
  }
}

const schemas: { readonly [name: string]: JsonSchema.JsonSchema } = {
  order,
  list: { type: "array", items: { type: "integer" } },
  newer: { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: { a: { const: 1 } } }
}

describe("a module that is generated from a JSON Schema", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it(`means the same: ${name}`, async () => {
      const { name: exported, source } = generate(JSON.stringify(schema), { name })
      const loaded = await load(folder, source, exported)
      const from = String(schema["$schema"]).includes("2020")
        ? JsonSchema.fromSchemaDraft2020_12(schema)
        : JsonSchema.fromSchemaDraft07(schema)
      const expected = SchemaRepresentation.fromJsonSchemaDocument(from)
      const jsonOf = ({ ast }: typeof expected) =>
        SchemaRepresentation.toJsonSchemaDocument(SchemaRepresentation.toRepresentation(ast))
      assert.deepStrictEqual(jsonOf(loaded), jsonOf(expected))
    })
  }

  it("compiles", async () => assert.strictEqual(await compile(folder), ""))

  it("is laid out in lines", () => {
    const { name, source } = generate(JSON.stringify(order), { name: "x" })
    assert.strictEqual(name, "Order")
    assert.include(source, "\n  kind: Schema.optionalKey(Schema.Literals([\"web\", \"shop\"])),\n")
  })

  it("says what cannot be translated", () => {
    assert.throws(() => generate("{\"$ref\":\"http://elsewhere\"}", { name: "x" }))
  })
})
