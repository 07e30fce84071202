import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Codec, Topic } from "millrace"
import * as Lines from "../../src/cli/lines.ts"

const collect = async (pieces: ReadonlyArray<string>) => {
  const source = (async function*() {
    yield* pieces
  })()
  const batches: Array<ReadonlyArray<Lines.Line>> = []
  for await (const batch of Lines.split(source)) batches.push(batch)
  return batches.map((batch) => batch.map(({ number, text }) => `${number}:${text}`))
}

describe("lines", () => {
  it("are handed out with the piece that completes them, numbered, without the empty ones", async () => {
    assert.deepStrictEqual(await collect(["a\nb", "c\n\n", "d\r\n  \ne"]), [["1:a"], ["2:bc"], ["4:d\r"], ["6:e"]])
    assert.deepStrictEqual(await collect([]), [])
    assert.deepStrictEqual(await collect(["a"]), [["1:a"]])
  })
})

const text = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes)

/** The message that a line becomes, as texts. */
const read = (topic: Topic.Topic<any, any, any, any, any>, line: unknown) =>
  Effect.gen(function*() {
    const reader = yield* Lines.reader(topic)
    const { headers, key, value } = yield* reader(typeof line === "string" ? line : JSON.stringify(line))
    return { key: text(key), value: text(value), headers: (headers ?? []).map(([name, value]) => [name, text(value)]) }
  })

const problem = (topic: Topic.Topic<any, any, any, any, any>, line: unknown) =>
  Effect.map(Effect.flip(read(topic, line)), ({ problem }) => problem)

const Order = Schema.Struct({ id: Schema.String, total: Schema.Finite })
const Orders = Topic.make("orders", { key: Codec.string, value: Codec.nullable(Codec.json(Order)) })

describe("a line as a message", () => {
  it.effect("has the bytes that the topic's codecs make", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(Orders, { key: "1", value: { id: "1", total: 5, more: true } }), {
        key: "1",
        value: "{\"id\":\"1\",\"total\":5}",
        headers: []
      })
      assert.deepStrictEqual(yield* read(Orders, { key: "1" }), { key: "1", value: null, headers: [] })
    }))

  it.effect("takes a string as it is for a codec of text, and as JSON for one of JSON", () =>
    Effect.gen(function*() {
      const loose = Schema.Union([Schema.String, Schema.Finite, Schema.Null])
      const topic = Topic.make("loose", { key: Codec.nullable(Codec.string), value: Codec.json(loose) })
      for (const value of ["5", "null", "\"quoted\"", "plain"]) {
        const message = yield* read(topic, { key: value, value })
        assert.deepStrictEqual(message, { key: value, value: JSON.stringify(value), headers: [] })
      }
    }))

  it.effect("sends each header once, those of the topic's Schema and others, from an object or from pairs", () =>
    Effect.gen(function*() {
      const headers = Schema.Struct({ attempt: Schema.FiniteFromString })
      const topic = Topic.make("headed", { key: Codec.none, value: Codec.string, headers })
      const wanted = [["attempt", "3"], ["trace", "x"], ["none", null]]
      const asObject = yield* read(topic, { value: "v", headers: { attempt: "3", trace: "x", none: null } })
      assert.deepStrictEqual(asObject.headers, wanted)
      assert.deepStrictEqual((yield* read(topic, { value: "v", headers: wanted })).headers, wanted)
      assert.include(yield* problem(topic, { value: "v", headers: { attempt: "many" } }), "headers: ")
    }))

  it.effect("is refused with the part that is wrong", () =>
    Effect.gen(function*() {
      assert.include(yield* problem(Orders, "{"), "JSON")
      assert.include(yield* problem(Orders, []), "a line is an object such as")
      assert.include(yield* problem(Orders, { value: null }), "key: key missing")
      assert.include(yield* problem(Orders, { key: "1", value: { id: "1" } }), "[\"total\"]")
      assert.include(yield* problem(Orders, { key: "1", headers: { a: 5 } }), "header \"a\"")
      assert.include(yield* problem(Orders, { key: "1", headers: [5] }), "header 5")
      assert.include(yield* problem(Orders, { key: "1", headers: "a" }), "headers must be")
    }))
})
