/** Defaults and aliases: those of the Schema, of a text that is given, and of writers. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Codec as Codecs } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"

const record = (fields: ReadonlyArray<object>, more: object = {}) =>
  JSON.stringify({ type: "record", name: "Order", ...more, fields })

/** Reads a payload that was written with a schema. */
const read = <A>(
  codec: Codecs.Codec<A, SchemaRegistry.Service, unknown>,
  written: string,
  payload: ReadonlyArray<number>
) => {
  const http = fakeHttp(() => json({ schema: written }))
  const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
  return Effect.gen(function*() {
    const decode = yield* codec.decoder({ topic: "orders", part: "value" })
    const result = decode(Uint8Array.from([0, 0, 0, 0, 1, ...payload]), [])
    return yield* (result as Codecs.Pending<A>).effect
  }).pipe(Effect.provide(registry))
}

describe("defaults", () => {
  it.effect("and aliases of a text that is given are those that older records are read with", () =>
    Effect.gen(function*() {
      const Order = Schema.Struct({
        id: Schema.String,
        note: Schema.String,
        state: Schema.Literals(["open", "other"]).annotate({ avro: { name: "State" } }),
        lines: Schema.Array(Schema.Struct({ sku: Schema.String, n: Schema.BigInt }).annotate({ identifier: "Line" }))
      }).annotate({ identifier: "Order" })
      const line = (fields: ReadonlyArray<object>) => ({
        type: "array",
        items: { type: "record", name: "Line", fields }
      })
      const state = (symbols: ReadonlyArray<string>) => ({ type: "enum", name: "State", symbols })
      const given = record([
        { name: "id", type: "string", aliases: ["key"] },
        { name: "note", type: "string", default: "none" },
        { name: "state", type: { ...state(["open", "other"]), default: "other" } },
        { name: "lines", type: line([{ name: "sku", type: "string" }, { name: "n", type: "long", default: 1 }]) }
      ])
      const written = record([
        { name: "key", type: "string" },
        { name: "state", type: state(["open", "paid"]) },
        { name: "lines", type: line([{ name: "sku", type: "string" }]) }
      ])
      const value = yield* read(Codec.avro(Order, { schema: given }), written, [2, 97, 2, 2, 2, 98, 0])
      assert.deepStrictEqual(value, { id: "a", note: "none", state: "other", lines: [{ sku: "b", n: 1n }] })
    }))

  it.effect("of a writer that are no values of their types do not matter", () =>
    Effect.gen(function*() {
      const codec = Codec.avro(Schema.Struct({ note: Schema.NullOr(Schema.String) }), { name: "Order" })
      const written = record([{ name: "note", type: ["null", "string"], default: "null", aliases: ["a-b"] }])
      assert.deepStrictEqual(yield* read(codec, written, [2, 2, 97]), { note: "a" })
    }))

  it("of the Schema are values of their types, or the codec is refused with the path", () => {
    const of = (schema: Schema.Top, standard: unknown) => () =>
      Codec.avro(Schema.Struct({ f: schema.annotateKey({ avro: { default: standard } }) }), { name: "Order" })
    const wrong: ReadonlyArray<readonly [schema: Schema.Top, standard: unknown]> = [
      [Schema.Int, "x"],
      [Schema.Int, 1.5],
      [Schema.String, 1],
      [Schema.Boolean, null],
      [Schema.Uint8Array, "\u0100"],
      [Schema.Array(Schema.Int), [1, "x"]],
      [Schema.Record(Schema.String, Schema.Int), { a: "x" }],
      [Schema.Literals(["a", "b"]), "c"],
      [Schema.Struct({ a: Schema.Int }), {}]
    ]
    for (const [schema, standard] of wrong) {
      assert.throws(of(schema, standard), `/fields/f: its default ${JSON.stringify(standard)} is no `)
    }
    for (const [schema, standard] of [[Schema.Int, 1], [Schema.Struct({ a: Schema.Int }), { a: 1 }]] as const) {
      assert.doesNotThrow(of(schema, standard))
    }
  })

  it("of a text that is given are values of their types", () => {
    const given = record([{ name: "note", type: ["null", "string"], default: "null" }])
    const schema = Schema.Struct({ note: Schema.NullOr(Schema.String) })
    assert.throws(
      () => Codec.avro(schema, { name: "Order", schema: given }),
      "/fields/note: its default \"null\" is no null, the first type of its union"
    )
  })
})
