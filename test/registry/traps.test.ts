/** What users of other clients report: each trap as a test of its name. */
import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Codec as Codecs } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { fakeHttp, json } from "../rest/fakeHttp.ts"

/** A codec at a topic's values, with what makes it wait and fail in one effect. */
const at = Effect.fnUntraced(function*<A, RD, RE>(codec: Codecs.Codec<A, RD, RE>, topic = "orders") {
  const site = { topic, part: "value" } as const
  const decoder = yield* codec.decoder(site)
  const encoder = yield* codec.encoder(site)
  const settled = <B>(run: () => B | Codecs.Pending<B>): Effect.Effect<B, unknown> =>
    Effect.suspend(() => {
      try {
        const result = run()
        return isPending(result) ? result.effect : Effect.succeed(result)
      } catch (error) {
        return Effect.fail(error)
      }
    })
  return {
    decoder,
    encoder,
    decode: (bytes: Uint8Array) => settled(() => decoder(bytes, [])),
    encode: (value: A) => Effect.map(settled(() => encoder(value)), (bytes) => bytes as Uint8Array)
  }
})

const isPending = <A>(result: A | Codecs.Pending<A>): result is Codecs.Pending<A> =>
  typeof result === "object" && result !== null && "effect" in result

const memory = Effect.provide(SchemaRegistry.layerMemory)
const register = { writeWith: "register" } as const
const field = (number: number) => ({ protobuf: { field: number } })
const record = (name: string, fields: ReadonlyArray<object>) => JSON.stringify({ type: "record", name, fields })
const hex = (text: string) => new Uint8Array(Buffer.from(text, "hex"))

/** Codecs of every format for one Schema. */
const everyFormat = <S extends Schema.Top>(schema: S) =>
  [Codec.avro(schema, register), Codec.jsonSchema(schema, register), Codec.protobuf(schema, register)] as const

describe("traps of other clients", () => {
  it.effect("a long beyond 2^53: exact as BigInt, refused as a number, never rounded", () =>
    Effect.gen(function*() {
      const Big = Schema.Struct({ n: Schema.BigInt.annotateKey(field(1)) }).annotate({ identifier: "N" })
      const Small = Schema.Struct({ n: Schema.Int.annotateKey(field(1)) }).annotate({ identifier: "N" })
      const n = 2n ** 53n + 1n
      for (const [i, codec] of everyFormat(Big).entries()) {
        const big = yield* at(codec, `t-${i}`)
        const bytes = yield* big.encode({ n })
        assert.deepStrictEqual(yield* big.decode(bytes), { n })
        const small = yield* at(everyFormat(Small)[i]!, `t-${i}`)
        assert.match(String(yield* Effect.flip(small.decode(bytes))), /precision|rounded|Expected/)
      }
    }).pipe(memory))

  it.effect("unions: values are bare, also where several branches could take them", () =>
    Effect.gen(function*() {
      const Card = Schema.TaggedStruct("Card", { id: Schema.String })
      const Cash = Schema.TaggedStruct("Cash", { id: Schema.String })
      const schema = Schema.Struct({
        mixed: Schema.Union([Schema.String, Schema.Int, Schema.Boolean]),
        pay: Schema.Union([Card, Cash]),
        note: Schema.NullOr(Schema.String)
      })
      const { decode, encode } = yield* at(Codec.avro(schema, { ...register, name: "U" }))
      for (const mixed of ["text", 1, true]) {
        for (const pay of [Card.make({ id: "a" }), Cash.make({ id: "a" })]) {
          const value = { mixed, pay, note: null }
          assert.deepStrictEqual(yield* decode(yield* encode(value)), value)
        }
      }
    }).pipe(memory))

  it.effect("rules: a schema that has some is refused, and changes nothing else", () => {
    const schema = record("R", [{ name: "u", type: ["null", "string"] }])
    const http = fakeHttp(({ pathname }) =>
      json(pathname.endsWith("/1") ? { schema } : { schema, ruleSet: { domainRules: [{ type: "ENCRYPT" }] } })
    )
    return Effect.gen(function*() {
      const { decode } = yield* at(Codec.avro(Schema.Struct({ u: Schema.NullOr(Schema.String) }), { name: "R" }))
      assert.include(String(yield* Effect.flip(decode(hex("0000000002020261")))), "rules (ENCRYPT)")
      assert.deepStrictEqual(yield* decode(hex("0000000001020261")), { u: "a" })
    }).pipe(Effect.provide(SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))))
  })

  it.effect("a decimal: has the scale of its schema, and arrives as a decimal", () =>
    Effect.gen(function*() {
      const scaled = (scale: number) =>
        Schema.Struct({ price: Schema.BigDecimal.annotate({ avro: { precision: 12, scale } }) })
      const { decode, encode } = yield* at(Codec.avro(scaled(4), { ...register, name: "P" }))
      const price = BigDecimal.fromStringUnsafe("-12.5")
      const bytes = yield* encode({ price })
      // -125000, as the scale says: fe1 7b8 in two's complement.
      assert.deepStrictEqual(bytes, new Uint8Array(Buffer.from("000000000106fe17b8", "hex")))
      assert.isTrue(BigDecimal.equals((yield* decode(bytes)).price, price))
      const other = yield* at(Codec.avro(scaled(2), { name: "P" }))
      assert.include(
        String(yield* Effect.flip(other.decode(bytes))),
        "/fields/price: a decimal of scale 4 is none of 2"
      )
    }).pipe(memory))

  it.effect("two layouts in one batch: each record is read by its own schema", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      yield* registry.setCompatibility("orders-value", "NONE")
      const names = [["a", "b"], ["b", "a"]]
      for (const fields of names) {
        const text = record("O", fields.map((name) => ({ name, type: "string" })))
        yield* registry.register("orders-value", { type: "AVRO", text })
      }
      const { decode } = yield* at(
        Codec.avro(Schema.Struct({ a: Schema.String, b: Schema.String }), { name: "O" })
      )
      for (let i = 0; i < 3; i++) {
        assert.deepStrictEqual(yield* decode(hex("000000000102780279")), { a: "x", b: "y" })
        assert.deepStrictEqual(yield* decode(hex("000000000202780279")), { a: "y", b: "x" })
      }
    }).pipe(memory))

  it.effect("one id in two contexts: each is that of its context", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const make = (context: string) => ({ subject: () => `:.${context}:orders-value`, name: "O" })
      for (const [context, type] of [["one", "string"], ["two", "bytes"]] as const) {
        const text = record("O", [{ name: "a", type }])
        assert.strictEqual((yield* registry.register(make(context).subject(), { type: "AVRO", text })).id, 1)
      }
      const one = yield* at(Codec.avro(Schema.Struct({ a: Schema.String }), make("one")))
      const two = yield* at(Codec.avro(Schema.Struct({ a: Schema.Uint8Array }), make("two")))
      assert.deepStrictEqual(yield* one.decode(hex("00000000010278")), { a: "x" })
      assert.deepStrictEqual(yield* two.decode(hex("00000000010278")), { a: hex("78") })
    }).pipe(memory))

  it.effect("a duplicate type name: one name in many versions, keys and values is parsed each time", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const inner = (more: ReadonlyArray<object>) => ({
        type: "record",
        name: "Inner",
        fields: [{ name: "a", type: "string" }, ...more]
      })
      for (const subject of ["orders-key", "orders-value"]) {
        yield* registry.setCompatibility(subject, "NONE")
        for (const more of [[], [{ name: "b", type: "int" }], [{ name: "b", type: "string" }]]) {
          const text = record("Outer", [{ name: "i", type: inner(more) }])
          yield* registry.register(subject, { type: "AVRO", text })
        }
      }
      const schema = Schema.Struct({ i: Schema.Struct({ a: Schema.String }).annotate({ identifier: "Inner" }) })
      const { decode } = yield* at(Codec.avro(schema, { name: "Outer" }))
      for (const [id, rest] of [[1, ""], [2, "02"], [3, "0278"]] as const) {
        assert.deepStrictEqual(yield* decode(hex(`000000000${id}0261${rest}`)), { i: { a: "a" } })
      }
    }).pipe(memory))

  it.effect("references: one name in two subjects, shared by several, and asked for once", () => {
    const money = (type: string) => record("Money", [{ name: "sum", type }])
    const order = record("Order", [{ name: "price", type: "Money" }, { name: "tax", type: "Tax" }])
    const tax = record("Tax", [{ name: "of", type: "Money" }])
    const refer = (name: string, subject: string) => ({ name, subject, version: 1 })
    const answers: Readonly<Record<string, object>> = {
      // In the wrong order: Tax needs Money.
      "/schemas/ids/1": { schema: order, references: [refer("Tax", "tax-a"), refer("Money", "money-a")] },
      "/schemas/ids/2": { schema: order, references: [refer("Tax", "tax-b"), refer("Money", "money-b")] },
      "/subjects/tax-a/versions/1": { schema: tax, references: [refer("Money", "money-a")] },
      "/subjects/tax-b/versions/1": { schema: tax, references: [refer("Money", "money-b")] },
      "/subjects/money-a/versions/1": { schema: money("int") },
      "/subjects/money-b/versions/1": { schema: money("double") }
    }
    const http = fakeHttp(({ pathname }) => json({ id: 9, version: 1, subject: "s", ...answers[pathname] }))
    return Effect.gen(function*() {
      const Money = Schema.Struct({ sum: Schema.Finite }).annotate({ identifier: "Money" })
      const Order = Schema.Struct({
        price: Money,
        tax: Schema.Struct({ of: Money }).annotate({ identifier: "Tax" })
      })
      const { decode } = yield* at(Codec.avro(Order, { name: "Order" }))
      const expected = { price: { sum: 1 }, tax: { of: { sum: 2 } } }
      for (let i = 0; i < 100; i++) {
        assert.deepStrictEqual(yield* decode(hex("00000000010204")), expected)
        assert.deepStrictEqual(
          yield* decode(hex("0000000002" + "000000000000f03f" + "0000000000000040")),
          expected
        )
      }
      assert.deepStrictEqual(
        http.requests.map(({ url }) => new URL(url).pathname).toSorted(),
        Object.keys(answers).toSorted()
      )
    }).pipe(Effect.provide(SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))))
  })

  it.effect("references that lead in a circle: refused with the reason", () => {
    const [a, b] = [["A", "B"], ["B", "A"]].map(([name, type]) => record(name!, [{ name: "of", type }]))
    const refer = (name: string) => [{ name, subject: name, version: 1 }]
    const answers: Readonly<Record<string, object>> = {
      "/schemas/ids/1": { schema: a, references: refer("B") },
      "/subjects/A/versions/1": { schema: a, references: refer("B") },
      "/subjects/B/versions/1": { schema: b, references: refer("A") }
    }
    const http = fakeHttp(({ pathname }) => json({ id: 1, version: 1, subject: "s", ...answers[pathname] }))
    return Effect.gen(function*() {
      const { decode } = yield* at(Codec.avro(Schema.Struct({ of: Schema.String }), { name: "A" }))
      assert.include(String(yield* Effect.flip(decode(hex("0000000001")))), "its references lead back to itself")
    }).pipe(Effect.provide(SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))))
  })

  it.effect("a time of another unit: refused, not a thousand times too late", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const text = record("T", [{ name: "at", type: ["null", { type: "long", logicalType: "timestamp-micros" }] }])
      yield* registry.register("orders-value", { type: "AVRO", text })
      const { decode } = yield* at(Codec.avro(Schema.Struct({ at: Schema.NullOr(Schema.Date) }), { name: "T" }))
      assert.include(
        String(yield* Effect.flip(decode(hex("00000000010202")))),
        "/fields/at: a timestamp-micros is no timestamp-millis"
      )
    }).pipe(memory))

  it.effect("a promise per record: nothing waits once the schema is known, with validation neither", () =>
    Effect.gen(function*() {
      const schema = Schema.Struct({ id: Schema.String.annotateKey(field(1)) }).annotate({ identifier: "R" })
      const validated = Codec.jsonSchema(schema, { ...register, validate: true })
      for (const [i, codec] of [...everyFormat(schema), validated].entries()) {
        const { decode, decoder, encode, encoder } = yield* at(codec, `t-${i}`)
        const bytes = yield* encode({ id: "a" })
        yield* decode(bytes)
        assert.deepStrictEqual(decoder(bytes, []), { id: "a" })
        assert.deepStrictEqual(encoder({ id: "a" }), bytes)
      }
    }).pipe(memory))

  it.effect("many records of a new id at once: one request, and one for an id that is not there", () => {
    const schema = record("R", [{ name: "a", type: "string" }])
    const http = fakeHttp(({ pathname }) =>
      pathname.endsWith("/1") ? json({ schema }) : json({ error_code: 40403, message: "no" }, 404)
    )
    return Effect.gen(function*() {
      const { decode } = yield* at(Codec.avro(Schema.Struct({ a: Schema.String }), { name: "R" }))
      const many = (bytes: string) =>
        Effect.all(Array.from({ length: 50 }, () => Effect.exit(decode(hex(bytes)))), { concurrency: "unbounded" })
      yield* many("00000000010261")
      yield* many("00000000020261")
      yield* many("00000000020261")
      assert.strictEqual(http.requests.length, 2)
    }).pipe(Effect.provide(SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))))
  })

  it.effect("texts that differ in order and docs: no new version with normalize", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const text =
        "{\"fields\":[{\"doc\":\"one\",\"type\":\"string\",\"name\":\"a\"}],\"name\":\"R\",\"type\":\"record\"}"
      const { id } = yield* registry.register("orders-value", { type: "AVRO", text })
      const schema = Schema.Struct({ a: Schema.String })
      const { encode } = yield* at(Codec.avro(schema, { ...register, name: "R", normalize: true }))
      assert.strictEqual(Buffer.from(yield* encode({ a: "a" })).readUInt32BE(1), id)
      assert.deepStrictEqual(yield* registry.versions("orders-value"), [1])
    }).pipe(memory))
})
