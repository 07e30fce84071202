/** Bytes and values that do harm where they are believed. */
import { assert, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Codec as Codecs } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { performance } from "node:perf_hooks"

const register = { name: "R", writeWith: "register" } as const

const settled = <A>(run: () => A | Codecs.Pending<A>): Effect.Effect<A, unknown> =>
  Effect.suspend(() => {
    try {
      const result = run()
      return typeof result === "object" && result !== null && "effect" in result
        ? result.effect
        : Effect.succeed(result)
    } catch (error) {
      return Effect.fail(error)
    }
  })

/** A codec of Avro for values, after a first record: that has the id of the schema. */
const at = Effect.fnUntraced(
  function*<A>(codec: Codecs.Codec<A, SchemaRegistry.Service, SchemaRegistry.Service>, first: A) {
    const decoder = yield* codec.decoder({ topic: "t", part: "value" })
    const encoder = yield* codec.encoder({ topic: "t", part: "value" })
    const encode = (value: A) => Effect.map(settled(() => encoder(value)), (bytes) => bytes as Uint8Array)
    const decode = (bytes: Uint8Array) => settled(() => decoder(bytes, []))
    const prefix = (yield* encode(first)).subarray(0, 5)
    return { encode, decode, payload: (bytes: Uint8Array) => decode(Buffer.concat([prefix, bytes])) }
  }
)

const memory = Effect.provide(SchemaRegistry.layerMemory)

describe("hostile bytes", () => {
  it.effect("of blocks of items without a byte are refused, however many blocks", () =>
    Effect.gen(function*() {
      const { payload } = yield* at(Codec.avro(Schema.Struct({ n: Schema.Array(Schema.Null) }), register), { n: [] })
      const block = [0xa0, 0x9c, 0x01]
      assert.lengthOf((yield* payload(Uint8Array.from([...block, 0]))).n, 10_000)
      const blocks = Uint8Array.from([...Array.from({ length: 2 }, () => block).flat(), 0])
      assert.match(String(yield* Effect.flip(payload(blocks))), /more than 10000 items without a byte/)
    }).pipe(memory))

  it.effect("of a decimal are read in a time that grows with their number, and not its square", () =>
    Effect.gen(function*() {
      const Money = Schema.BigDecimal.annotate({ avro: { precision: 2_000_000, scale: 2 } })
      const codec = Codec.avro(Schema.Struct({ d: Money }), register)
      const { payload } = yield* at(codec, { d: BigDecimal.make(1n, 2) })
      const size = 600_000
      const length = [0x80 | 2 * size & 0x7f, 0x80 | 2 * size >> 7 & 0x7f, 2 * size >> 14]
      const start = performance.now()
      yield* payload(Buffer.concat([Uint8Array.from(length), Buffer.alloc(size, 0x11)]))
      // Byte after byte it takes a minute.
      assert.isBelow(performance.now() - start, 5_000)
    }).pipe(memory))

  it.effect("of a decimal with more digits than it may have are poison", () =>
    Effect.gen(function*() {
      const Money = Schema.BigDecimal.annotate({ avro: { precision: 4, scale: 2 } })
      const { payload } = yield* at(Codec.avro(Schema.Struct({ d: Money }), register), { d: BigDecimal.make(1n, 2) })
      assert.deepStrictEqual(yield* payload(Uint8Array.of(4, 0xd8, 0xf1)), { d: BigDecimal.make(-9_999n, 2) })
      assert.match(String(yield* Effect.flip(payload(Uint8Array.of(4, 0x27, 0x10)))), /100.* 4 digits/)
    }).pipe(memory))
})

describe("texts", () => {
  it.effect("with half of a surrogate pair are refused, because UTF-8 cannot express them; others are not", () =>
    Effect.gen(function*() {
      const T = Schema.Struct({ t: Schema.String, m: Schema.Record(Schema.String, Schema.String) })
      const { decode, encode } = yield* at(Codec.avro(T, register), { t: "", m: {} })
      for (const size of [0, 2_000]) {
        const rest = "a".repeat(size)
        for (const t of ["한국어 히", "\uFFFD", "\uFEFFx", "💥", "\uD7FF\uE000"]) {
          const value = { t: `${t}${rest}`, m: { [t]: t } }
          assert.deepStrictEqual(yield* decode(yield* encode(value)), value)
        }
        const half = `x${rest}\uD800`
        for (const value of [{ t: half, m: {} }, { t: "", m: { [half]: "" } }, { t: "", m: { a: half } }]) {
          assert.match(String(yield* Effect.flip(encode(value))), /half of a surrogate pair/)
        }
      }
    }).pipe(memory))
})

describe("unions", () => {
  it.effect("give a value back as the branch it was written as, where an earlier one could read it, too", () =>
    Effect.gen(function*() {
      const U = Schema.Union([Schema.Uint8Array, Schema.String, Schema.Finite, Schema.BigInt])
      const { decode, encode } = yield* at(Codec.avro(Schema.Struct({ u: U }), register), { u: "" })
      for (const u of ["text", new Uint8Array([1]), 1.5, 5n]) {
        const back = (yield* decode(yield* encode({ u }))).u
        assert.strictEqual(typeof back, typeof u)
        assert.deepStrictEqual(back instanceof Uint8Array ? [...back] : back, u instanceof Uint8Array ? [...u] : u)
      }
    }).pipe(memory))
})
