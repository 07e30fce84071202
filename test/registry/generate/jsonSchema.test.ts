import { assert, describe, it } from "@effect/vitest"
import * as JsonSchema from "effect/JsonSchema"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import { Codec } from "millrace/registry"
import { afterAll } from "vitest"
import { generate } from "../../../src/registry/generate/jsonSchema.ts"
import { differences } from "../../../src/registry/json/compatibility.ts"
import { documentOf } from "../../../src/registry/json/document.ts"
import { firstDifference } from "../../../src/registry/json/layout.ts"
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

const closed = { type: "object", additionalProperties: false }

/** What may be registered, in the ways in which schemas are written. */
const registered: { readonly [name: string]: JsonSchema.JsonSchema } = {
  order,
  list: schemas["list"]!,
  newer: schemas["newer"]!,
  primitive: { type: "string", minLength: 1, maxLength: 3, pattern: "^a" },
  described: {
    ...closed,
    title: "Note",
    description: "A note.",
    properties: { a: { type: "string", description: "Of it." } }
  },
  numbers: {
    ...closed,
    title: "Numbers",
    properties: {
      int: { type: "integer", minimum: -5, maximum: 5 },
      number: { type: "number", exclusiveMinimum: 0, multipleOf: 0.5 },
      nullable: { type: ["integer", "null"] },
      either: { anyOf: [{ type: "string" }, { type: "integer" }] },
      one: { oneOf: [{ type: "boolean" }, { type: "null" }] },
      fixed: { const: "a" },
      listed: { enum: ["a", 1, null] }
    }
  },
  maps: {
    ...closed,
    properties: {
      map: { type: "object", additionalProperties: { type: "integer" } },
      tuple: { type: "array", items: [{ type: "string" }, { type: "number" }], additionalItems: false },
      list: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 3, uniqueItems: true }
    }
  },
  events: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Event",
    oneOf: [{ $ref: "#/$defs/Placed" }, { $ref: "#/$defs/Shipped" }],
    $defs: {
      Placed: { ...closed, required: ["type"], properties: { type: { const: "placed" }, id: { type: "string" } } },
      Shipped: { ...closed, required: ["type"], properties: { type: { const: "shipped" }, at: { type: "number" } } }
    }
  },
  tree: {
    ...closed,
    title: "Tree",
    required: ["children"],
    properties: { value: { type: "number" }, children: { type: "array", items: { $ref: "#" } } }
  },
  inherited: {
    title: "Inherited",
    allOf: [
      { type: "object", required: ["a"], properties: { a: { type: "string" } } },
      { type: "object", properties: { b: { type: "integer" } } }
    ]
  },
  open: { type: "object", required: ["a"], properties: { a: { type: "string" }, b: {} } }
}

describe("a module that is generated from a JSON Schema", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it(`means the same: ${name}`, async () => {
      const { name: exported, source } = generate(JSON.stringify(schema), [], { name })
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

  for (const [name, schema] of Object.entries(registered)) {
    it(`has a Schema whose codec registers an equivalent text: ${name}`, async () => {
      const isOpen = !JSON.stringify(schema).includes("\"additionalProperties\":false")
      const draft = String(schema["$schema"]).includes("2020") ? "draft-2020-12" : "draft-07"
      const text = JSON.stringify(schema)
      const { name: exported, source } = generate(text, [], { name })
      const loaded = await load(folder, source, exported)
      const codec = Codec.jsonSchema(loaded, { draft, additionalProperties: isOpen })
      const written = codec.registration!({ topic: "t", part: "value" }).schema.text
      const [one, other] = [documentOf({ text, needed: [] }), documentOf({ text: written, needed: [] })]
      const found = [firstDifference(one, other), ...differences(one, other), ...differences(other, one)]
      assert.deepStrictEqual(found, [undefined], `${text}\n${written}\n${source}`)
      const titled = JSON.parse(written) as { readonly title?: string; readonly description?: string }
      assert.deepInclude(
        titled,
        Object.fromEntries(
          Object.entries(schema).filter(([key]) => key === "title" || key === "description")
        )
      )
    })
  }

  it("declares what it refers to in other subjects, by names of its own", async () => {
    const open = { $schema: "http://json-schema.org/draft-07/schema#", type: "object" }
    const text = JSON.stringify({
      ...open,
      title: "Order",
      required: ["price", "tree"],
      properties: {
        price: { $ref: "money.json" },
        tax: { $ref: "money.json" },
        own: { $ref: "#/definitions/Money" },
        code: { $ref: "https://example.com/codes.json#/definitions/Code" },
        tree: { $ref: "tree.json" }
      },
      definitions: { Money: { type: "string", maxLength: 3 } }
    })
    const of = (name: string, schema: object) => ({ name, text: JSON.stringify(schema) })
    const needed = [
      of("codes.json", {
        ...open,
        $id: "https://example.com/codes.json",
        definitions: { Code: { enum: ["EUR", "USD"] } }
      }),
      of("money.json", {
        ...open,
        title: "Money",
        required: ["amount"],
        properties: { amount: { $ref: "#/definitions/Amount" }, code: { $ref: "codes.json#/definitions/Code" } },
        definitions: { Amount: { type: "number", minimum: 0 } }
      }),
      of("tree.json", { ...open, properties: { children: { type: "array", items: { $ref: "#" } } } })
    ]
    const { name, source } = generate(text, needed, { name: "x" })
    assert.strictEqual(name, "Order")
    const derived = Codec.jsonSchema(await load(folder, source, name), { additionalProperties: true })
    const registration = derived.registration!({ topic: "t", part: "value" })
    assert.strictEqual(
      firstDifference(documentOf({ text, needed }), documentOf({ ...registration.schema, needed: [] })),
      undefined
    )
    for (const declaration of ["const Money2 =", "const Amount =", "const Code =", "const Tree ="]) {
      assert.include(source, declaration)
    }
  })

  it("compiles", async () => assert.strictEqual(await compile(folder), ""))

  it("is laid out in lines", () => {
    const { name, source } = generate(JSON.stringify(order), [], { name: "x" })
    assert.strictEqual(name, "Order")
    assert.include(source, "\n  kind: Schema.optionalKey(Schema.Literals([\"web\", \"shop\"])),\n")
  })

  it("says what cannot be translated", () => {
    assert.throws(() => generate("{\"$ref\":\"http://elsewhere\"}", [], { name: "x" }))
    const missing = { properties: { price: { $ref: "money.json" } } }
    assert.throws(
      () => generate(JSON.stringify(missing), [{ name: "other.json", text: "{}" }], { name: "x" }),
      "the reference \"money.json\" leads nowhere"
    )
  })
})
