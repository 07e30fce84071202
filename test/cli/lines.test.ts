import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { Codec, Topic } from "millrace"
import { type Line, split as splitLines } from "../../src/cli/inputLines.ts"
import * as Lines from "../../src/cli/lines.ts"

const split = async (pieces: ReadonlyArray<Uint8Array | string>) => {
  const source = (async function*() {
    yield* pieces
  })()
  const batches: Array<ReadonlyArray<Line>> = []
  for await (const batch of splitLines(source)) batches.push(batch)
  return batches
}

const collect = async (pieces: ReadonlyArray<Uint8Array | string>) =>
  (await split(pieces)).map((batch) => batch.map(({ number, text }) => `${number}:${text}`))

describe("lines", () => {
  it("are handed out with the piece that completes them, numbered, without the empty ones", async () => {
    assert.deepStrictEqual(await collect(["a\nb", "c\n\n", "d\r\n  \ne"]), [["1:a"], ["2:bc"], ["4:d\r"], ["6:e"]])
    assert.deepStrictEqual(await collect([]), [])
    assert.deepStrictEqual(await collect(["a"]), [["1:a"]])
  })

  it("are UTF-8, whatever the pieces cut, and begin behind a byte order mark", async () => {
    const bytes = Buffer.from("\uFEFFGröße\n日本\n\uFEFFinner")
    const cut = Array.from(bytes, (byte) => Uint8Array.of(byte))
    assert.deepStrictEqual(await collect(cut), [["1:Größe"], ["2:日本"], ["3:\uFEFFinner"]])
    const broken = [Buffer.from("ok\n"), Uint8Array.of(0x61, 0xff, 0x0a), Buffer.from("ok\n")]
    assert.deepStrictEqual(await collect(broken), [["1:ok"], ["2:undefined"], ["3:ok"]])
  })

  it("cost what they are long, in any number of pieces", async () => {
    const pieces = 40_000
    const piece = Buffer.alloc(1000, "x")
    // Joined at each piece, these 40 MB would be copied 20,000 times over.
    const [[line] = []] = await split(Array.from({ length: pieces }, () => piece))
    assert.strictEqual(line?.text?.length, pieces * piece.length)
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
      assert.deepStrictEqual(yield* read(Orders, { key: "1", value: null }), { key: "1", value: null, headers: [] })
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
      assert.include(yield* problem(Orders, { key: null, value: null }), "key: key missing")
      assert.include(yield* problem(Orders, { key: "1", value: { id: "1" } }), "[\"total\"]")
      assert.include(yield* problem(Orders, { key: "1", value: null, headers: { a: 5 } }), "header \"a\"")
      assert.include(yield* problem(Orders, { key: "1", value: null, headers: [5] }), "header 5")
      assert.include(yield* problem(Orders, { key: "1", value: null, headers: "a" }), "headers must be")
    }))

  it.effect("has no field that is not known, and none twice", () =>
    Effect.gen(function*() {
      const typo = yield* problem(Orders, { key: "1", vaule: { id: "1", total: 5 } })
      assert.strictEqual(typo, "unknown field \"vaule\"; did you mean \"value\"?")
      assert.include(
        yield* problem(Orders, "{\"key\":\"1\",\"value\":null,\"k\\u0065y\":\"2\"}"),
        "field \"key\" is there twice"
      )
      assert.include(
        yield* problem(Orders, "{\"key\":\"1\",\"value\":null,\"__proto__\":{}}"),
        "unknown field \"__proto__\""
      )
      assert.include(yield* problem(Orders, { key: "1", error: "undecodable" }), "tail could not decode this record")
    }))

  it.effect("has its key and its value, or the operator says that some have none", () =>
    Effect.gen(function*() {
      assert.include(yield* problem(Orders, { key: "1" }), "value is missing; write \"value\":null")
      assert.include(yield* problem(Orders, { value: { id: "1", total: 5 } }), "key is missing")
      const reader = yield* Lines.reader(Orders, { tombstones: true })
      assert.isNull((yield* reader("{\"key\":\"1\"}")).value)
      assert.include((yield* Effect.flip(reader("{}"))).problem, "key: key missing")
      const keyless = Topic.make("keyless", { key: Codec.none, value: Codec.string })
      assert.deepStrictEqual(yield* read(keyless, { value: "v" }), { key: null, value: "v", headers: [] })
      assert.include(yield* problem(keyless, { key: "1", value: "v" }), "the topic's records have no key")
    }))

  it.effect("says where and when it goes", () =>
    Effect.gen(function*() {
      const reader = yield* Lines.reader(Orders)
      const placed = (fields: object) => reader(JSON.stringify({ key: "1", value: null, ...fields }))
      const at = Date.UTC(2026, 0, 31, 12)
      assert.deepInclude(yield* placed({ partition: 2, timestamp: at }), { partition: 2, timestamp: at })
      assert.strictEqual((yield* placed({ timestamp: "2026-01-31T13:00:00+01:00" })).timestamp, at)
      assert.strictEqual((yield* placed({ time: "2026-01-31T12:00:00.000Z" })).timestamp, at)
      const none = yield* placed({ partition: null, timestamp: null, time: null, topic: "else", offset: 7 })
      assert.deepInclude(none, { topic: "orders", partition: undefined, timestamp: undefined })
      const wrong = [{ partition: -1 }, { partition: 1.5 }, { partition: "0" }, { timestamp: "noon" }, {
        timestamp: -5
      }]
      for (
        const fields of [...wrong, { timestamp: "2026-02-30" }, { timestamp: "2026-02-20T12:00:00" }, {
          timestamp: 1.5
        }, { partition: 1e300 }]
      ) {
        const { problem } = yield* Effect.flip(placed(fields))
        assert.match(problem, /partition|timestamp/, JSON.stringify(fields))
      }
    }))

  it.effect("keeps the digits of large numbers, in keys, texts and JSON", () =>
    Effect.gen(function*() {
      const large = "12345678901234567890"
      const texts = Topic.make("texts", { key: Codec.string, value: Codec.string })
      const asText = yield* read(texts, `{"key":${large},"value":{"id": ${large}}}`)
      assert.deepStrictEqual(asText, { key: large, value: `{"id":${large}}`, headers: [] })
      const Wide = Schema.Struct({
        id: Schema.Number,
        list: Schema.Array(Schema.Unknown),
        more: Schema.optionalKey(Schema.Finite)
      })
      const wide = Topic.make("wide", { key: Codec.json(Schema.Number), value: Codec.json(Wide) })
      const line =
        `{"key":${large},"value":{"else":1,"list":[0.12345678901234567890, "${large}", ${large}],"id":-${large}}}`
      assert.deepStrictEqual(yield* read(wide, line), {
        key: large,
        value: `{"id":-${large},"list":[0.12345678901234567890,"${large}",${large}]}`,
        headers: []
      })
      const Doubled = Schema.Number.pipe(
        Schema.decodeTo(Schema.Number, SchemaTransformation.transform({ decode: (n) => n * 2, encode: (n) => n }))
      )
      const doubled = Topic.make("doubled", { key: Codec.none, value: Codec.json(Doubled) })
      assert.include(yield* problem(doubled, `{"value":${large}}`), `does not keep the digits of ${large}`)
    }))

  it.effect("holds no half characters, and base64 that is some", () =>
    Effect.gen(function*() {
      const texts = Topic.make("texts", { key: Codec.nullable(Codec.string), value: Codec.bytes })
      assert.include(yield* problem(texts, "{\"key\":\"\\ud800\",\"value\":\"v\"}"), "key: half of a surrogate pair")
      assert.include(yield* problem(texts, { key: null, valueBase64: "AA" }), "value: it is no base64")
      const both = { key: null, value: "a", valueBase64: "YQ==" }
      assert.strictEqual((yield* read(texts, both)).value, "a")
      assert.include(yield* problem(texts, { ...both, value: "b" }), "say different things")
      const binary = yield* (yield* Lines.reader(texts))(JSON.stringify({ key: null, valueBase64: "/wA=" }))
      assert.deepStrictEqual([...binary.value!], [0xff, 0])
    }))
})
