import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { Codec } from "millrace"

const site = { topic: "t", part: "value" } as const
const text = (value: string) => new TextEncoder().encode(value)

const decode = <A, RD>(codec: Codec.Codec<A, RD, unknown>, bytes: Uint8Array | null, part: "key" | "value" = "value") =>
  Effect.flatMap(codec.decoder({ topic: "t", part }), (decode) => {
    const value = decode(bytes, [])
    return value instanceof Codec.Pending ? value.effect : Effect.succeed(value)
  })

const encode = <A, RE>(codec: Codec.Codec<A, unknown, RE>, value: A) =>
  Effect.flatMap(codec.encoder(site), (encode) => {
    const bytes = encode(value)
    return bytes instanceof Codec.Pending ? bytes.effect : Effect.succeed(bytes)
  })

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, at: Schema.Date }) {}

describe("Codec", () => {
  it.effect("string is UTF-8 both ways", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* decode(Codec.string, text("grüße")), "grüße")
      assert.deepStrictEqual(yield* encode(Codec.string, "grüße"), text("grüße"))
    }))

  it.effect("string refuses bytes that are no UTF-8, and takes a real replacement character", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(decode(Codec.string, new Uint8Array([0x61, 0xff])))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(yield* decode(Codec.string, text("a\uFFFDb")), "a\uFFFDb")
    }))

  it.effect("json decodes and encodes the JSON side of a schema", () =>
    Effect.gen(function*() {
      const bytes = text("{\"id\":\"1\",\"at\":\"2026-01-02T03:04:05.000Z\"}")
      const order = yield* decode(Codec.json(Order), bytes)
      assert.instanceOf(order, Order)
      assert.strictEqual(order.at.getTime(), Date.UTC(2026, 0, 2, 3, 4, 5))
      assert.deepStrictEqual(yield* encode(Codec.json(Order), order), bytes)
    }))

  it.effect("json refuses what is no JSON, and what does not fit the schema", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.exit(decode(Codec.json(Order), text("{"))))._tag, "Failure")
      assert.strictEqual((yield* Effect.exit(decode(Codec.json(Order), text("{\"id\":1}"))))._tag, "Failure")
    }))

  it.effect("a schema may use services, which become the codec's", () =>
    Effect.gen(function*() {
      class Prefix extends Context.Service<Prefix, string>()("test/Prefix") {}
      const prefixed = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.transformEffect((value: string) => Effect.map(Prefix, (prefix) => prefix + value)),
        encode: SchemaGetter.passthrough()
      }))
      const value = yield* Effect.provideService(decode(Codec.json(prefixed), text("\"x\"")), Prefix, "p-")
      assert.strictEqual(value, "p-x")
    }))

  it.effect("a null is refused in the words of its part, unless the codec is nullable", () =>
    Effect.gen(function*() {
      const key = yield* Effect.exit(decode(Codec.string, null, "key"))
      const value = yield* Effect.exit(decode(Codec.string, null, "value"))
      assert.include(String(key), "key missing")
      assert.include(String(value), "unexpected tombstone")
      assert.strictEqual(yield* decode(Codec.nullable(Codec.string), null), null)
      assert.strictEqual(yield* encode(Codec.nullable(Codec.string), null), null)
    }))

  it.effect("none is null whatever the bytes", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* decode(Codec.none, text("x")), null)
      assert.strictEqual(yield* encode(Codec.none, null), null)
    }))
})
