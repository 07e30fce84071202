/** What a reader's schema lacks of a writer's fails the records that hold it, as in Java, and no others. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { Codec as Codecs } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"

/** Reads payloads that were written with a schema; problems are texts. */
const read = <A>(
  codec: Codecs.Codec<A, SchemaRegistry.Service, unknown>,
  written: unknown,
  ...payloads: ReadonlyArray<ReadonlyArray<number>>
) => {
  const http = fakeHttp(() => json({ schema: JSON.stringify(written) }))
  const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
  return Effect.gen(function*() {
    const decode = yield* codec.decoder({ topic: "orders", part: "value" })
    return yield* Effect.forEach(payloads, (payload) =>
      Effect.suspend(() => {
        const result = decode(Uint8Array.from([0, 0, 0, 0, 1, ...payload]), [])
        return (typeof result === "object" && result !== null && "effect" in result
          ? result.effect
          : Effect.succeed(result)) as Effect.Effect<A, unknown>
      }).pipe(
        Effect.catchDefect(Effect.fail),
        Effect.catch((error) => Effect.succeed(String(error)))
      ))
  }).pipe(Effect.provide(registry))
}

const record = (name: string, ...fields: ReadonlyArray<object>) => ({ type: "record", name, fields })
const struct = <F extends Schema.Struct.Fields>(name: string, fields: F) =>
  Schema.Struct(fields).annotate({ identifier: name })

describe("what a reader's schema does not have of a writer's", () => {
  it.effect("fails the records with that symbol of an enum", () =>
    Effect.gen(function*() {
      const State = Schema.Literals(["open", "paid"]).annotate({ identifier: "State" })
      const written = record("Order", {
        name: "state",
        type: { type: "enum", name: "State", symbols: ["paid", "lost", "open"] }
      })
      const codec = Codec.avro(struct("Order", { state: State }))
      const [paid, lost, open, none] = yield* read(codec, written, [0], [2], [4], [6])
      assert.deepStrictEqual([paid, open], [{ state: "paid" }, { state: "open" }])
      assert.include(lost, "the enum State of the topic's Schema has no \"lost\", and no default")
      assert.include(none, "invalid State enum index: 3")
    }))

  it.effect("fails the records with that branch of a union", () =>
    Effect.gen(function*() {
      const written = record("Order", { name: "note", type: ["null", "string", "boolean"] })
      const payloads = [[0], [2, 2, 97], [4, 1], [6]]
      const text = yield* read(Codec.avro(struct("Order", { note: Schema.String })), written, ...payloads)
      assert.deepStrictEqual(text[1], { note: "a" })
      assert.include(text[0], "the topic's Schema has nothing for null")
      assert.include(text[2], "the topic's Schema has nothing for boolean")
      assert.include(text[3], "invalid union index: 3")
      const nullable = yield* read(
        Codec.avro(struct("Order", { note: Schema.NullOr(Schema.String) })),
        written,
        ...payloads
      )
      assert.deepStrictEqual(nullable.slice(0, 2), [{ note: null }, { note: "a" }])
      assert.include(nullable[2], "the topic's Schema has nothing for boolean")
      const big = Codec.avro(struct("Order", { note: Schema.BigInt }))
      assert.deepStrictEqual(
        (yield* read(big, record("Order", { name: "note", type: ["null", "int"] }), [0], [2, 6]))[1],
        { note: 3n }
      )
    }))

  it.effect("fails the records with that member of a union of records, at every place of it", () =>
    Effect.gen(function*() {
      const Card = Schema.TaggedStruct("Card", { number: Schema.String })
      const Cash = Schema.TaggedStruct("Cash", { coins: Schema.Int })
      const tag = (name: string) => ({ name: "_tag", type: { type: "enum", name: `${name}_tag`, symbols: [name] } })
      const gone = record("Voucher", tag("Voucher"), { name: "code", type: "string" })
      const card = record("Card", tag("Card"), { name: "number", type: "string" })
      const written = record(
        "Order",
        { name: "first", type: [gone, card] },
        { name: "second", type: ["Voucher", "Card"] }
      )
      const Pay = Schema.Union([Card, Cash])
      const [good, first, second] = yield* read(
        Codec.avro(struct("Order", { first: Pay, second: Pay })),
        written,
        [2, 0, 2, 97, 2, 0, 2, 98],
        [0, 0, 2, 97, 2, 0, 2, 98],
        [2, 0, 2, 97, 0, 0, 2, 98]
      )
      assert.deepStrictEqual(good, { first: { _tag: "Card", number: "a" }, second: { _tag: "Card", number: "b" } })
      assert.include(first, "the topic's Schema has nothing for Voucher")
      assert.include(second, "the topic's Schema has nothing for Voucher")
    }))

  it.effect("refuses the schema where no record could be read, with the paths", () =>
    Effect.gen(function*() {
      const codec = Codec.avro(struct("Order", { id: Schema.String, n: Schema.Int }))
      const [problem] = yield* read(codec, record("Order", { name: "id", type: "boolean" }), [0])
      assert.include(problem, "/fields/id: boolean cannot be read as string")
      assert.include(problem, "/fields/n: the writer has no \"n\", and it has no default")
    }))
})

it.effect("a record that a branch of the reader cannot be is read by the next branch, at every place of it", () =>
  Effect.gen(function*() {
    const A = struct("A", { q: Schema.Int }).annotate({ avro: { aliases: ["P"] } })
    const B = struct("B", { a: Schema.Int }).annotate({ avro: { aliases: ["P"] } })
    const U = Schema.Union([A, B])
    const written = record(
      "Order",
      { name: "x", type: record("P", { name: "a", type: "long" }) },
      { name: "y", type: "P" }
    )
    const [value] = yield* read(Codec.avro(struct("Order", { x: U, y: U })), written, [2, 4])
    assert.deepStrictEqual(value, { x: { a: 1 }, y: { a: 2 } })
  }))

it.effect("a decimal of another scale is refused under an alias of a text that is given, and beside a symbol", () =>
  Effect.gen(function*() {
    const Money = Schema.BigDecimal.annotate({ avro: { precision: 9, scale: 2 } })
    const decimal = (scale: number) => ({ type: "bytes", logicalType: "decimal", precision: 9, scale })
    const given = JSON.stringify(record("Order", { name: "total", type: decimal(2), aliases: ["sum"] }))
    const aliased = Codec.avro(struct("Order", { total: Money }), { schema: given })
    const [problem] = yield* read(aliased, record("Order", { name: "sum", type: decimal(3) }), [2, 1])
    assert.include(problem, "a decimal of scale 3 is none of 2")

    const Line = struct("Line", { total: Money, kind: Schema.Literals(["a", "b"]).annotate({ identifier: "Kind" }) })
    const codec = Codec.avro(struct("Order", { line: Schema.NullOr(Line) }))
    const kind = { name: "kind", type: { type: "enum", name: "Kind", symbols: ["a", "c"] } }
    const line = record("Line", { name: "total", type: decimal(3) }, kind)
    const [beside] = yield* read(codec, record("Order", { name: "line", type: ["null", line] }), [2, 2, 1, 0])
    assert.include(beside, "a decimal of scale 3 is none of 2")
  }))

it.effect("a type that is wrapped in an object once more is that type", () =>
  Effect.gen(function*() {
    const written = record("Order", { name: "id", type: { type: { type: "string" } } })
    assert.deepStrictEqual(yield* read(Codec.avro(struct("Order", { id: Schema.String })), written, [2, 97]), [
      { id: "a" }
    ])
  }))
