import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { readFileSync } from "node:fs"
import { afterAll } from "vitest"
import { generate } from "../../../src/registry/generate/protobuf.ts"
import { reading } from "../../../src/registry/protobuf/binary/reading.ts"
import { writing } from "../../../src/registry/protobuf/binary/writing.ts"
import { derive } from "../../../src/registry/protobuf/derive/derive.ts"
import { firstDifference } from "../../../src/registry/protobuf/layout.ts"
import { parser } from "../../../src/registry/protobuf/library.ts"
import { print } from "../../../src/registry/protobuf/print.ts"
import { compile, load, newFolder, removeFolder } from "./modules.ts"
import { anyText, order, texts } from "./protoTexts.ts"

const folder = newFolder()
afterAll(() => removeFolder(folder))

/** What is derived from the module that is generated from a text, with the first message of both. */
const roundTrip = Effect.fnUntraced(function*(text: string, bigint = false, references: ReadonlyArray<string> = []) {
  const parse = yield* parser
  const file = parse(text, references.map((text) => ({ text })))
  const { name, source } = generate(file, { bigint })
  const schema = yield* Effect.promise(() => load(folder, source, name))
  const derived = derive(schema, { package: file.package })
  const given = file.messages[0]!.message
  assert.isUndefined(firstDifference(given, derived.shape.type, { others: false }))
  const printed = print(derived)
  // An enum of proto2 may begin with another number than 0.
  if (!text.includes("proto2")) {
    assert.isUndefined(firstDifference(given, parse(printed, []).messages[0]!.message, { others: false }))
  }
  return { name, source, schema, printed, shape: derived.shape }
})

describe("a module that is generated from Protobuf", () => {
  for (const [name, text] of Object.entries(texts)) {
    it.effect(`derives the same fields again: ${name}`, () =>
      Effect.gen(function*() {
        const { printed } = yield* roundTrip(text)
        assert.strictEqual((yield* roundTrip(text, true)).printed, printed)
      }))
  }

  it.effect("derives a text as it is", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* roundTrip(order)).printed, order)
    }))

  it.effect.prop("derives the fields of any message again", [anyText], ([text]) => roundTrip(text), {
    arbitrary: { runs: 30 }
  })

  it.effect("has what the text says of its parts, where it is shown", () =>
    Effect.gen(function*() {
      const { source } = yield* roundTrip(texts["nested"]!)
      assert.include(source, "/**\n * An order, as *\\/ it came in.\n * Of any channel.\n */\nexport class Order ")
      assert.include(source, "description: \"Given by the shop.\"")
      assert.include(source, "/**\n * In which state.\n * - REFURBISHED: As new.\n */\nexport const Kind = ")
    }))

  it.effect("takes what the text imports, and descriptors in Base64", () =>
    Effect.gen(function*() {
      const money = "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }"
      const invoice = "syntax = \"proto3\"; import \"money.proto\"; message Invoice { shop.Money sum = 1; }"
      const { source } = yield* roundTrip(invoice, true, [money])
      assert.include(source, "export class Money ")
      assert.include(source, "cents: Schema.BigInt.annotateKey({ protobuf: { field: 1 } })")
      const fixture = new URL("../../fixtures/registry/version-proto.json", import.meta.url)
      const { response } = JSON.parse(readFileSync(fixture, "utf8"))
      assert.include((yield* roundTrip(response.body.schema)).source, "export class Order ")
    }))

  it.effect("reads and writes what the oneofs and maps of any writer hold", () =>
    Effect.gen(function*() {
      const { schema, shape } = yield* roundTrip(order)
      const codec = schema as unknown as Schema.Codec<Record<string, unknown>, any>
      const zero = Schema.decodeUnknownSync(codec)(reading(shape, shape.type)(new Uint8Array()))
      const through = (fields: object) => {
        const value = Schema.decodeUnknownSync(codec)({ ...zero, ...fields })
        const bytes = writing(shape)(Schema.encodeSync(codec)(value))
        return Schema.decodeUnknownSync(codec)(reading(shape, shape.type)(bytes))
      }
      for (
        const payment of [
          { _tag: "card", value: { number: "1" } },
          { _tag: "voucher", value: "" },
          { _tag: "paid_at", value: new Date(1_700_000_000_123) },
          { _tag: "channel", value: "TO_SHOP" },
          { _tag: "credit", value: -5 }
        ]
      ) {
        const read = through({ payment })["payment"] as { readonly _tag: string; readonly value: unknown }
        assert.deepStrictEqual(JSON.parse(JSON.stringify(read)), JSON.parse(JSON.stringify(payment)))
      }
      assert.isFalse("payment" in through({}))
      const line = { sku: "a", amount: 1, hash: 2 }
      assert.deepStrictEqual(Object.keys(through({ by_number: { "-1": line, "0": line } })["by_number"] as object), [
        "0",
        "-1"
      ])
      for (const name of ["", "01", "-0", "1.5", "2147483648"]) {
        assert.throws(() => through({ by_number: { [name]: line } }), /by_number: /)
      }
    }))

  it.effect("compiles", () => Effect.promise(async () => assert.strictEqual(await compile(folder), "")))

  it.effect("says what has no Schema", () =>
    Effect.gen(function*() {
      const parse = yield* parser
      const group = "syntax = \"proto2\"; message M { optional group G = 1 { optional string a = 1; } }"
      assert.throws(() => generate(parse(group, []), { bigint: false }), /M\.g: a group of proto2 has no Schema/)
      assert.throws(() => generate(parse("syntax = \"proto3\";", []), { bigint: false }), /declares no message/)
    }))
})
