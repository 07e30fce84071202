import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { afterAll } from "vitest"
import { derive } from "../../../src/registry/avro/derive/derive.ts"
import { firstDifference } from "../../../src/registry/avro/layout.ts"
import { parse } from "../../../src/registry/avro/parse.ts"
import { textOf } from "../../../src/registry/codec/avro.ts"
import { generate } from "../../../src/registry/generate/avro.ts"
import { anyRecord, schemas } from "./avroSchemas.ts"
import { compile, load, newFolder, removeFolder } from "./modules.ts"

const folder = newFolder()
afterAll(() => removeFolder(folder))

/** The same schema with full names, and without what means nothing. */
const full = (json: unknown, space = ""): unknown => {
  if (Array.isArray(json)) return json.map((each) => full(each, space))
  const primitive = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
  if (typeof json === "string") {
    return primitive.includes(json) || json.includes(".") || space === ""
      ? json
      : `${space}.${json}`
  }
  const { aliases, fields, items, name, namespace = space, type, values, ...others } = json as Record<string, any>
  if (Object.keys(json as object).length === 1) return full(type, space)
  const own = name === undefined || name.includes(".") || namespace === "" ? name : `${namespace}.${name}`
  return {
    ...others,
    ...(aliases === undefined ? {} : { aliases }),
    type: ["record", "enum", "fixed", "array", "map"].includes(type) ? type : full(type, space),
    ...(name === undefined ? {} : { name: own }),
    ...(items === undefined ? {} : { items: full(items, space) }),
    ...(values === undefined ? {} : { values: full(values, space) }),
    ...(fields === undefined ? {} : {
      fields: fields.map(({ type, ...field }: Record<string, unknown>) => ({ ...field, type: full(type, namespace) }))
    })
  }
}

/** The schema that is derived from the module that is generated from a schema. */
const roundTrip = async (schema: unknown, name: string, bigint = false): Promise<string> => {
  const generated = generate(JSON.stringify(schema), [], { name, bigint })
  return textOf(derive(await load(folder, generated.source, generated.name)).json)
}

describe("a module that is generated from an Avro schema", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it(`derives the same schema again: ${name}`, async () => {
      const text = await roundTrip(schema, name)
      assert.isUndefined(firstDifference(parse(text), parse(JSON.stringify(schema))))
      assert.deepStrictEqual(full(JSON.parse(text)), full(schema))
      assert.strictEqual(await roundTrip(schema, name, true), text)
    })
  }

  it.effect.prop("derives the layout of any schema again", [anyRecord], ([schema]) =>
    Effect.promise(async () => {
      const text = await roundTrip(schema, "any")
      assert.isUndefined(firstDifference(parse(text), parse(JSON.stringify(schema))))
    }), { arbitrary: { runs: 60 } })

  it("takes what the schema refers to", async () => {
    const money = JSON.stringify({
      type: "record",
      name: "Money",
      namespace: "shop",
      fields: [{ name: "cents", type: "long" }]
    })
    const invoice = JSON.stringify({ type: "record", name: "Invoice", fields: [{ name: "sum", type: "shop.Money" }] })
    const { name, source } = generate(invoice, [money], { name: "x", bigint: true })
    assert.strictEqual(name, "Invoice")
    assert.include(source, "cents: Schema.BigInt")
    const names = new Map()
    parse(money, names)
    const derived = parse(textOf(derive(await load(folder, source, name)).json))
    assert.isUndefined(firstDifference(derived, parse(invoice, names)))
  })

  it("compiles", async () => assert.strictEqual(await compile(folder), ""))

  it("says what is no schema", () => {
    assert.throws(() => generate("{\"type\":\"recor\"}", [], { name: "x", bigint: false }), /neither a primitive type/)
  })
})
