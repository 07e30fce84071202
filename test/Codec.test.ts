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

/** What a JavaScript program gives, whatever the types say. */
const odd = [undefined, null, 5, true, {}, [1], Symbol("a"), new Date(0), "text"] as ReadonlyArray<any>
const halfPair = "a\ud800"
const byteOrderMark = "\ufeff"

const refused = (bytes: Effect.Effect<unknown, unknown>) =>
  Effect.map(Effect.exit(bytes), ({ _tag }) => _tag === "Failure")

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

  it.effect("string and bytes encode nothing but what they are for", () =>
    Effect.forEach(odd, (value) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* refused(encode(Codec.string, value)), typeof value !== "string", String(value))
        assert.isTrue(yield* refused(encode(Codec.bytes, value)), String(value))
        assert.strictEqual(yield* refused(encode(Codec.none, value)), value !== null && value !== undefined)
      })))

  it.effect("bytes are any Uint8Array, an empty one too, and no other view of memory", () =>
    Effect.gen(function*() {
      for (const value of [new Uint8Array(0), Buffer.from("x")]) {
        assert.strictEqual(yield* encode(Codec.bytes, value), value)
      }
      for (const value of [new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), new Uint16Array(1)] as Array<any>) {
        assert.isTrue(yield* refused(encode(Codec.bytes, value)))
      }
    }))

  it.effect("a text that UTF-8 cannot express is refused, as two keys would become one", () =>
    Effect.gen(function*() {
      for (const codec of [Codec.string, Codec.text(Schema.String), Codec.nullable(Codec.string)]) {
        assert.isTrue(yield* refused(encode(codec as Codec.Codec<string>, halfPair)))
      }
      assert.deepStrictEqual(yield* encode(Codec.string, "\u{1f600}"), text("\u{1f600}"))
      // JSON has an escape for it.
      const json = yield* encode(Codec.json(Schema.String), halfPair)
      assert.strictEqual(yield* decode(Codec.json(Schema.String), json as Uint8Array), halfPair)
    }))

  it.effect("a byte order mark is part of a text, whatever else is in it", () =>
    Effect.gen(function*() {
      for (const value of [`${byteOrderMark}a`, `${byteOrderMark}a\ufffd`, `a${byteOrderMark}`]) {
        assert.strictEqual(yield* decode(Codec.string, text(value)), value)
        assert.deepStrictEqual(yield* encode(Codec.string, value), text(value))
      }
    }))

  it.effect("one byte order mark before JSON is passed over, whatever else is in it", () =>
    Effect.gen(function*() {
      const codec = Codec.json(Schema.String)
      for (const value of ["a", "a\ufffd", `${byteOrderMark}a`]) {
        const json = JSON.stringify(value)
        assert.strictEqual(yield* decode(codec, text(`${byteOrderMark}${json}`)), value)
        assert.deepStrictEqual(yield* encode(codec, value), text(json))
        assert.isTrue(yield* refused(decode(codec, text(`${byteOrderMark}${byteOrderMark}${json}`))))
      }
    }))

  it.effect("json refuses what has no JSON instead of sending nothing", () =>
    Effect.forEach(
      [undefined, () => 1, Symbol("a")],
      (value) => Effect.map(refused(encode(Codec.json(Schema.Any), value)), assert.isTrue)
    ))

  it.effect("json of a Schema with null writes JSON's null, and no tombstone", () =>
    Effect.gen(function*() {
      const codec = Codec.json(Schema.NullOr(Schema.String))
      assert.deepStrictEqual(yield* encode(codec, null), text("null"))
      assert.strictEqual(yield* decode(codec, text("null")), null)
    }))

  it.effect("text is a Schema's text: a brand, a number, whatever it transforms", () =>
    Effect.gen(function*() {
      const OrderId = Schema.String.pipe(Schema.brand("OrderId"))
      assert.deepStrictEqual(yield* encode(Codec.text(OrderId), OrderId.make("o-1")), text("o-1"))
      assert.strictEqual(yield* decode(Codec.text(Schema.FiniteFromString), text("1.5")), 1.5)
      assert.deepStrictEqual(yield* encode(Codec.text(Schema.FiniteFromString), 1.5), text("1.5"))
      assert.isTrue(yield* refused(decode(Codec.text(Schema.FiniteFromString), text("x"))))
      assert.isTrue(yield* refused(decode(Codec.text(OrderId), new Uint8Array([0xff]))))
      assert.isTrue(yield* refused(decode(Codec.text(OrderId), null)))
    }))

  it.effect("map changes what is read and written, also behind nullable and a wait", () =>
    Effect.gen(function*() {
      const waiting = Codec.make<number>({
        decoder: () => Effect.succeed((bytes) => new Codec.Pending(Effect.succeed(bytes[0]!))),
        encoder: () => Effect.succeed((value) => new Codec.Pending(Effect.succeed(new Uint8Array([value]))))
      })
      const doubled = Codec.map(waiting, { decode: (n) => n * 2, encode: (n: number) => n / 2 })
      assert.strictEqual(yield* decode(doubled, new Uint8Array([4])), 8)
      assert.deepStrictEqual(yield* encode(doubled, 8), new Uint8Array([4]))
      const upper = Codec.string.pipe(
        Codec.map({ decode: (s) => s.toUpperCase(), encode: (s: string) => s.toLowerCase() }),
        Codec.nullable
      )
      assert.strictEqual(yield* decode(upper, text("a")), "A")
      assert.deepStrictEqual(yield* encode(upper, "A"), text("a"))
      assert.strictEqual(yield* encode(upper, null), null)
    }))

  it.effect("of others that returns no bytes is refused, at once or later", () =>
    Effect.gen(function*() {
      const wrong: any = "text"
      const now = Codec.make<string>({
        decoder: () => Effect.succeed(() => ""),
        encoder: () => Effect.succeed(() => wrong)
      })
      const later = Codec.make<string>({
        decoder: () => Effect.succeed(() => ""),
        encoder: () => Effect.succeed(() => new Codec.Pending(Effect.succeed(wrong)))
      })
      for (const codec of [now, later]) {
        assert.isTrue(yield* refused(encode(codec, "x")))
        assert.isTrue(yield* refused(encode(codec, null as never)))
      }
    }))

  it("says what it is", () => {
    assert.isTrue(Codec.isCodec(Codec.json(Order)))
    for (const value of [undefined, null, "", {}, () => 1]) assert.isFalse(Codec.isCodec(value))
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Codec.string)), { _id: "Codec" })
    assert.strictEqual(String(Codec.string), `{"_id":"Codec"}`)
  })
})
