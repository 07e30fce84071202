import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Codec, type Headers, isPoison, Poison, Topic } from "millrace"
import { prepare } from "../../../src/internal/codec/decoding.ts"
import { oddErrors } from "../../kit/oddErrors.ts"

const bytes = (value: string) => new TextEncoder().encode(value)
const broken = new Uint8Array([0xc3, 0x28])
const place = { topic: "t", partition: 0, offset: 5, timestamp: 0, size: 0, key: null }

/** Decodes the headers of a record by a Schema. */
const headerValues = (schema: Schema.Codec<unknown, any>, headers: Headers.Headers) =>
  Effect.gen(function*() {
    const source = Topic.make("t", { key: Codec.none, value: Codec.none, headers: schema })
    const decode = yield* prepare(source.codecs, "t")
    return yield* Effect.try({
      try: () => decode({ ...place, value: null, headers }),
      catch: (error) => error as Poison
    })
  }).pipe(
    Effect.flatMap((record) =>
      record instanceof Codec.Pending ? record.effect as Effect.Effect<any> : Effect.succeed(record)
    ),
    Effect.map((record) => record.headerValues)
  )

const Tenant = Schema.Struct({ tenant: Schema.String })

describe("headers by a Schema", () => {
  it.effect("that are no UTF-8 are poison where the Schema names them, and nothing to it where it does not", () =>
    Effect.gen(function*() {
      const values = yield* headerValues(Tenant, [["tenant", bytes("a")], ["foreign", broken]])
      assert.deepStrictEqual(values, { tenant: "a" })
      const error = yield* Effect.flip(headerValues(Tenant, [["tenant", broken]]))
      assert.strictEqual(error.message, `t/0 at offset 5: undecodable headers: header "tenant" is no UTF-8`)
      const Maybe = Schema.Struct({ tenant: Schema.optionalKey(Schema.String) })
      assert.strictEqual((yield* Effect.flip(headerValues(Maybe, [["tenant", broken]])))._tag, "Poison")
      // The last one of a name counts.
      const twice: Headers.Headers = [["tenant", broken], ["tenant", bytes("b")]]
      assert.deepStrictEqual(yield* headerValues(Tenant, twice), { tenant: "b" })
      const either = Schema.Union([Tenant, Schema.Struct({ other: Schema.String })])
      assert.strictEqual((yield* Effect.flip(headerValues(either, [["other", broken]])))._tag, "Poison")
    }))

  it.effect("keep a byte order mark, and a header of any name", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* headerValues(Tenant, [["tenant", bytes("\ufeffa")]]), { tenant: "\ufeffa" })
      const Odd = Schema.Struct({ ["__proto__"]: Schema.String, constructor: Schema.String })
      const values = yield* headerValues(Odd, [["__proto__", bytes("a")], ["constructor", bytes("b")]])
      assert.strictEqual(Object.getOwnPropertyDescriptor(values, "__proto__")?.value, "a")
      assert.strictEqual(values.constructor, "b")
      const All = Schema.Record(Schema.String, Schema.String)
      const all = yield* headerValues(All, [["__proto__", bytes("a")], ["binary", broken]])
      assert.deepStrictEqual(Object.keys(all), ["__proto__"])
    }))

  it.effect("name what is missing with its path", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(headerValues(Tenant, []))
      assert.include(error.message, `undecodable headers: Missing key at ["tenant"]`)
    }))
})

describe("poison", () => {
  it.effect("names topic, part and path in one line", () =>
    Effect.gen(function*() {
      const value = Codec.json(Schema.Struct({ lines: Schema.Array(Schema.Struct({ id: Schema.String })) }))
      const source = Topic.make("t", { key: Codec.none, value })
      const decode = yield* prepare(source.codecs, "t")
      const raw = { ...place, value: bytes(`{"lines":[{"id":"1"},{"id":2}]}`) }
      const record = decode(raw)
      const error = yield* Effect.flip((record as Codec.Pending<unknown>).effect)
      assert.include(
        (error as Poison).message,
        `t/0 at offset 5: undecodable value: Expected string at ["lines"][1]["id"] (starts with 7b226c`
      )
    }))

  it("is told from anything else, also what cannot be looked at", () => {
    const poison = new Poison({ topic: "t", partition: 0, offset: 1, part: "key", problem: "", firstBytes: "" })
    assert.isTrue(isPoison(poison))
    for (const error of [...Object.values(oddErrors), undefined, null, "Poison", { _tag: "Poison" }]) {
      assert.isFalse(isPoison(error))
    }
  })
})
