import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { derive } from "../../../src/registry/avro/derive/derive.ts"
import { binaries } from "../../../src/registry/avro/library.ts"
import type { Shape } from "../../../src/registry/avro/shape.ts"

const jsonOf = (schema: Schema.Top, name = "R") => derive(schema, { name }).json
const field = (schema: Schema.Top) =>
  (jsonOf(Schema.Struct({ f: schema })) as unknown as { readonly fields: ReadonlyArray<object> }).fields[0]

const call = (convert: Shape["toAvro"], value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** Encodes with the Schema and Avro, and back. */
const there = Effect.fnUntraced(function*<A>(schema: Schema.Codec<A, any>, value: A) {
  const shape = derive(schema, { name: "R" })
  const binary = (yield* binaries)(shape.json)
  const bytes = binary.write(call(shape.toAvro, Schema.encodeSync(schema)(value)))
  return { bytes, back: Schema.decodeUnknownSync(schema)(call(shape.fromAvro, binary.read(bytes))) }
})

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

interface Node {
  readonly value: number
  readonly next: Node | null
}
const Node: Schema.Codec<Node> = Schema.Struct({
  value: Schema.Finite,
  next: Schema.NullOr(Schema.suspend((): Schema.Codec<Node> => Node))
}).annotate({ identifier: "Node" })

describe("Schemas in Avro", () => {
  it("are records of their encoded sides, with names", () => {
    assert.deepStrictEqual(derive(Order, { namespace: "shop" }).json, {
      type: "record",
      name: "Order",
      namespace: "shop",
      fields: [{ name: "id", type: "string" }, { name: "total", type: "double" }]
    })
  })

  it("have Avro's types for numbers, texts, bytes and times", () => {
    assert.deepStrictEqual(field(Schema.Int), { name: "f", type: "long" })
    assert.deepStrictEqual(field(Schema.Number.check(Schema.isInt32())), { name: "f", type: "int" })
    assert.deepStrictEqual(field(Schema.Finite.annotate({ avro: { type: "float" } })), { name: "f", type: "float" })
    assert.deepStrictEqual(field(Schema.String.check(Schema.isUUID())), {
      name: "f",
      type: { type: "string", logicalType: "uuid" }
    })
    assert.deepStrictEqual(field(Schema.Date), { name: "f", type: { type: "long", logicalType: "timestamp-millis" } })
    assert.deepStrictEqual(field(Schema.Uint8Array), { name: "f", type: "bytes" })
    assert.deepStrictEqual(field(Schema.BigDecimal.annotate({ avro: { precision: 12, scale: 2 } })), {
      name: "f",
      type: { type: "bytes", logicalType: "decimal", precision: 12, scale: 2 }
    })
  })

  it("have null first, with null as default, where something may be missing", () => {
    const nullable = { name: "f", type: ["null", "string"], default: null }
    assert.deepStrictEqual(field(Schema.optionalKey(Schema.String)), nullable)
    assert.deepStrictEqual(field(Schema.optional(Schema.String)), nullable)
    assert.deepStrictEqual(field(Schema.NullOr(Schema.String)), nullable)
    assert.deepStrictEqual(field(Schema.Option(Schema.String)), nullable)
    assert.deepStrictEqual(field(Schema.OptionFromNullOr(Schema.String)), nullable)
  })

  it("have enums for literals that are symbols, and strings for others", () => {
    assert.deepStrictEqual(field(Schema.Literals(["A", "B"])), {
      name: "f",
      type: { type: "enum", name: "R_f", symbols: ["A", "B"] }
    })
    assert.deepStrictEqual(field(Schema.Literals(["a-b", "c"])), { name: "f", type: "string" })
  })

  it("say the path and what to do where they have none", () => {
    const refused = (schema: Schema.Top, problem: RegExp) => assert.throws(() => derive(schema, { name: "R" }), problem)
    refused(Schema.Struct({ a: Schema.Struct({ b: Schema.Unknown }) }), /^a\.b: Unknown has no Avro type/)
    refused(Schema.Struct({ a: Schema.BigDecimal }), /^a: a BigDecimal needs its digits/)
    refused(Schema.Struct({ a: Schema.Tuple([Schema.String, Schema.Int]) }), /^a: a tuple/)
    refused(Schema.Struct({ "a-b": Schema.String }), /^a-b: Avro's names of fields/)
    refused(Schema.Struct({ a: Schema.Duration }), /^a: Duration has no Avro type/)
    assert.throws(() => derive(Schema.Struct({ a: Schema.String })), /the Schema: an Avro type needs a name/)
  })

  it("always give the same text", () => {
    const make = () => JSON.stringify(jsonOf(Schema.Struct({ b: Schema.Literals(["Y", "X"]), a: Schema.Date })))
    assert.strictEqual(make(), make())
  })

  it.effect("keep values on the way there and back", () =>
    Effect.gen(function*() {
      const Card = Schema.TaggedStruct("Card", { number: Schema.String })
      const Cash = Schema.TaggedStruct("Cash", { coins: Schema.Array(Schema.Int) })
      const schema = Schema.Struct({
        big: Schema.BigInt,
        price: Schema.BigDecimal.annotate({ avro: { precision: 12, scale: 2 } }),
        at: Schema.Date,
        maybe: Schema.Option(Schema.Date),
        absent: Schema.optionalKey(Schema.String),
        pay: Schema.Union([Card, Cash]),
        tags: Schema.Record(Schema.String, Schema.Uint8Array),
        mixed: Schema.Union([Schema.Null, Schema.String, Schema.Finite, Schema.Date]),
        node: Node
      })
      const value: typeof schema.Type = {
        big: 9_007_199_254_740_993n,
        price: BigDecimal.fromStringUnsafe("-1234.50"),
        at: new Date(1_700_000_000_123),
        maybe: Option.some(new Date(0)),
        pay: { _tag: "Cash", coins: [1, 2, 3] },
        tags: { ["__proto__"]: new Uint8Array([1, 255]), b: new Uint8Array() },
        mixed: 1.5,
        node: { value: 1, next: { value: 2, next: null } }
      }
      const { back } = yield* there(schema, value)
      assert.deepStrictEqual(Object.keys(back.tags), ["__proto__", "b"])
      assert.isTrue(Schema.toEquivalence(schema)(back, value))
      assert.isFalse("absent" in back)
      for (const mixed of [null, "text", new Date(5)]) {
        assert.deepStrictEqual((yield* there(schema, { ...value, mixed })).back.mixed, mixed)
      }
    }))

  it.effect("refuse what would be rounded", () =>
    Effect.gen(function*() {
      const Price = Schema.Struct({ f: Schema.BigDecimal.annotate({ avro: { precision: 4, scale: 2 } }) })
      for (const text of ["0.001", "123.45", "1000"]) {
        const value = { f: BigDecimal.fromStringUnsafe(text) }
        const exit = yield* Effect.exit(Effect.suspend(() => there(Price, value)))
        assert.include(String(exit), "does not fit into 4 digits", text)
      }
      const Big = Schema.Struct({ f: Schema.BigInt })
      assert.include(
        String(yield* Effect.exit(Effect.suspend(() => there(Big, { f: 2n ** 63n })))),
        "does not fit into Avro's long"
      )
    }))
})

describe("hostile bytes", () => {
  const shapes: ReadonlyArray<readonly [string, Schema.Top, string]> = [
    ["a count beyond the bytes", Schema.Array(Schema.String), "feffffffffffffff7f"],
    ["a negative count", Schema.Array(Schema.String), "ffffffffffffffff7f00"],
    ["many nulls", Schema.Array(Schema.Null), "feffffffffffffff7f"],
    ["a map's count", Schema.Record(Schema.String, Schema.Int), "feffffffffffffff7f"],
    ["a text's length", Schema.String, "feffffff0f"],
    ["bytes left over", Schema.Int, "0200"]
  ]
  for (const [name, schema, hex] of shapes) {
    it.effect(`are refused at once: ${name}`, () =>
      Effect.gen(function*() {
        const binary = (yield* binaries)(jsonOf(schema))
        assert.throws(() => binary.read(Buffer.from(hex, "hex")))
      }))
  }

  it.effect("are refused where they are skipped, too", () =>
    Effect.gen(function*() {
      const make = yield* binaries
      const writer = make({
        type: "record",
        name: "R",
        fields: [{ name: "a", type: { type: "array", items: "null" } }, { name: "b", type: "int" }]
      })
      const reader = make({ type: "record", name: "R", fields: [{ name: "b", type: "int" }] })
      assert.throws(() => reader.reading(writer)(Buffer.from("feffffffffffffff7f", "hex")))
      assert.deepStrictEqual({ ...(reader.reading(writer)(Buffer.from("040002", "hex")) as object) }, { b: 1 })
    }))
})

describe("what has no Avro type", () => {
  const deriving = (f: Schema.Top) => () => jsonOf(Schema.Struct({ f }))

  it("is undefined, but in a field that may be missing", () => {
    assert.throws(deriving(Schema.UndefinedOr(Schema.String)), /^f: undefined has no Avro type.*Schema\.optional/)
    assert.throws(deriving(Schema.Array(Schema.UndefinedOr(Schema.String))), /^f\.\[\]: undefined/)
    assert.deepStrictEqual(field(Schema.optional(Schema.String)), {
      name: "f",
      type: ["null", "string"],
      default: null
    })
  })

  it("is a field that JavaScript takes for the prototype", () => {
    assert.throws(() => jsonOf(Schema.Struct({ ["__proto__"]: Schema.String })), /^__proto__: Avro's names/)
  })

  it("is an annotation that is misspelt, or says nothing there", () => {
    const annotated = (schema: Schema.Top, avro: object) => schema.annotate({ avro })
    assert.throws(
      deriving(annotated(Schema.Int, { typ: "int" })),
      /^f: annotation avro\.typ: unknown field "typ"; did you mean "type"/
    )
    assert.throws(deriving(Schema.Int.annotateKey({ avro: { defualt: 1 } })), /^f: annotation avro\.defualt.*"default"/)
    assert.throws(deriving(annotated(Schema.Int, { type: "integer" })), /^f: annotation avro\.type: "integer" is not/)
    assert.throws(
      deriving(annotated(Schema.Int, { type: "string" })),
      /^f: a number is int, long, float, double, not string/
    )
  })

  it("is a decimal that no number fits into", () => {
    for (const avro of [{ precision: 0 }, { precision: 2, scale: 3 }, { precision: 9, size: 3, name: "D" }]) {
      assert.throws(deriving(Schema.BigDecimal.annotate({ avro })), /^f: .*(precision|scale|9 digits)/)
    }
    assert.doesNotThrow(() => jsonOf(Schema.BigDecimal.annotate({ avro: { precision: 9, size: 4, name: "D" } })))
  })
})

describe("a union in a union", () => {
  it("is one union", () => {
    const inner = Schema.Union([Schema.String, Schema.NullOr(Schema.Int)])
    assert.deepStrictEqual(field(Schema.NullOr(inner)), { name: "f", type: ["null", "string", "long"], default: null })
    const letters = Schema.Literals(["a", "b"]).annotate({ identifier: "Letter" })
    const { type } = field(Schema.NullOr(Schema.Union([letters, Schema.Int]))) as {
      readonly type: ReadonlyArray<unknown>
    }
    assert.deepStrictEqual(type, ["null", { type: "enum", name: "Letter", symbols: ["a", "b"] }, "long"])
  })

  it.effect("takes the values of all", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({
        f: Schema.NullOr(Schema.Union([Schema.String, Schema.Union([Schema.Int, Order])]))
      })
      for (const f of [null, "a", 1, new Order({ id: "o", total: 2 })]) {
        assert.deepStrictEqual((yield* there(schema, { f })).back, { f })
      }
    }))
})

describe("a float", () => {
  it.effect("refuses what would be infinite", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ f: Schema.Number.annotate({ avro: { type: "float" } }) })
      for (const f of [0.5, Infinity, 3e38]) {
        assert.deepStrictEqual((yield* there(schema, { f })).back, { f: Math.fround(f) })
      }
      const exit = yield* Effect.exit(there(schema, { f: 1e300 }))
      assert.include(String(exit), "1e+300 is too large for a float")
    }))
})
