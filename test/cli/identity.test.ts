import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Codec, DeadLetters, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { importLines } from "../../src/cli/dltImport.ts"
import { split } from "../../src/cli/inputLines.ts"
import * as Lines from "../../src/cli/lines.ts"
import { printer } from "../../src/cli/recordLines.ts"
import { plain } from "../../src/cli/values.ts"
import type { RawHeader, RawRecord } from "../../src/engine/KafkaEngine.ts"
import * as Encoding from "../../src/internal/codec/encoding.ts"
import { billing, deadLetter, makeTopics, onCluster } from "../internal/deadLetters/letters.ts"
import { whole } from "../internal/retry/records.ts"

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (bytes: Uint8Array | null) => bytes === null ? null : new TextDecoder().decode(bytes)

/** Neither text nor JSON, and nothing that describes it. */
const float64 = Codec.make<number>({
  decoder: () => Effect.succeed((bytes) => Buffer.from(bytes).readDoubleBE(0)),
  encoder: () =>
    Effect.succeed((value) => {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleBE(value)
      return bytes
    })
})

/** As a codec of a schema registry: five bytes before what a Schema describes. */
const framed = <S extends Schema.Top>(schema: S) => {
  const inner = Codec.json(schema)
  const magic = [0, 0, 0, 0, 7]
  return Codec.make({
    schema,
    decoder: (site) =>
      Effect.map(inner.decoder(site), (decode) => (bytes, headers) => {
        if (bytes[0] !== 0) throw new Error("no frame")
        return decode(bytes.subarray(5), headers)
      }),
    encoder: (site) =>
      Effect.map(inner.encoder(site), (encode) => (value: S["Type"]) => {
        const bytes = encode(value)
        if (!(bytes instanceof Uint8Array)) throw new Error("no bytes")
        return Uint8Array.from([...magic, ...bytes])
      })
  })
}

const Everything = Schema.Struct({
  none: Schema.Option(Schema.String),
  at: Schema.Date,
  large: Schema.BigInt,
  binary: Schema.Uint8Array,
  maybe: Schema.NullOr(Schema.Finite),
  left: Schema.optionalKey(Schema.String)
})

const Binary = Arbitrary.map(Arbitrary.array(whole(0, 255), { maxLength: 12 }), (bytes) => Uint8Array.from(bytes))
const Text = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.schema(
      Schema.Literals(["a", "\"", "\\", "\u007f", "\u009b", "\u0000", "\n", "\uFEFF", "5", "null", "日", "{"])
    ),
    { maxLength: 6 }
  ),
  (parts) => parts.join("")
)
const Pairs: Arbitrary.Arbitrary<ReadonlyArray<RawHeader>> = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all([Text, Binary, whole(0, 3)]),
    (
      [name, bytes, kind]
    ): RawHeader => [`h${name.replaceAll("\0", "")}`, kind === 0 ? null : kind === 1 ? utf8(name) : bytes]
  ),
  { maxLength: 4 }
)

/** Through `tail --json` and `produce`. */
const through = Effect.fnUntraced(function*(topic: Topic.Topic<any, any, any, any, any>, raw: RawRecord) {
  const print = yield* printer(topic.codecs, topic.name)
  const printed = yield* print(raw, true)
  assert.notMatch(printed, /\p{Cc}/u)
  const [line] = yield* Stream.runCollect(
    Stream.fromAsyncIterable(split(pieces(`${printed}\n`)), (error) => error)
  )
  return yield* (yield* Lines.reader(topic))(line![0]!.text!)
})

async function* pieces(text: string) {
  yield text
}

const plainly = (bytes: Uint8Array | null) => bytes === null ? null : Buffer.from(bytes).toString("hex")

const place = { topic: "t", partition: 3, offset: 5, timestamp: 1_700_000_000_123, size: 0 }

const check = Effect.fnUntraced(function*(
  topic: Topic.Topic<any, any, any, any, any>,
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: ReadonlyArray<RawHeader> = []
) {
  const message = yield* through(topic, { ...place, key, value, headers })
  assert.strictEqual(plainly(message.key), plainly(key))
  assert.strictEqual(plainly(message.value), plainly(value))
  assert.deepStrictEqual(
    (message.headers ?? []).map(([name, bytes]) => [name, plainly(bytes)]),
    headers.map(([name, bytes]) => [name, plainly(bytes)])
  )
  assert.deepInclude(message, { topic: "t", partition: 3, timestamp: place.timestamp })
})

const make = (value: Codec.Codec<any, any, any>) => Topic.make("t", { key: Codec.nullable(Codec.string), value })

/** The bytes of a message whose value this is. */
const encoded = Effect.fnUntraced(function*(topic: Topic.Topic<any, any, any, any, any>, value: unknown) {
  const encode = yield* Encoding.currentEncoder(topic)
  const message = encode({ key: null, value })
  return message instanceof Codec.Pending ? yield* message.effect : message
})

describe("what tail --json prints, produce takes", () => {
  it.effect.prop(
    "for texts, bytes and headers",
    { key: Text, bytes: Binary, headers: Pairs, isNull: Arbitrary.schema(Schema.Boolean) },
    ({ bytes, headers, isNull, key }) =>
      Effect.gen(function*() {
        yield* check(make(Codec.string), isNull ? null : utf8(key), utf8(key), headers)
        yield* check(make(Codec.nullable(Codec.bytes)), utf8(key), isNull ? null : bytes, headers)
        yield* check(Topic.make("t", { key: Codec.none, value: Codec.bytes }), null, bytes, headers)
      })
  )

  it.effect.prop(
    "for what a Schema decodes to",
    {
      value: Arbitrary.schema(Everything),
      json: Arbitrary.schema(Schema.Json),
      number: Arbitrary.schema(Schema.Number)
    },
    ({ json, number, value }) =>
      Effect.gen(function*() {
        const topics: ReadonlyArray<readonly [Codec.Codec<any, any, any>, unknown]> = [
          [Codec.json(Everything), value],
          [Codec.nullable(Codec.json(Schema.Unknown)), json],
          [framed(Everything), value],
          [float64, number]
        ]
        for (const [codec, value] of topics) {
          const topic = make(codec)
          yield* check(topic, null, (yield* encoded(topic, value)).value)
        }
      })
  )

  it.effect.prop(
    "for numbers of any size, and at any depth",
    { digits: Arbitrary.array(whole(0, 9), { minLength: 1, maxLength: 40 }), cut: whole(0, 40), depth: whole(0, 60) },
    ({ cut, depth, digits }) =>
      Effect.gen(function*() {
        const all = digits.join("").replace(/^0+(?=.)/, "")
        const fraction = all.slice(cut)
        const number = cut === 0 || fraction === "" ? all : `${all.slice(0, cut)}.${fraction}`
        const json = `${"[{\"n\":".repeat(depth)}${number}${"}]".repeat(depth)}`
        const topic = make(Codec.json(Schema.Unknown))
        const { value } = yield* through(topic, { ...place, key: null, value: utf8(json) })
        // The same number: zeros behind the point are nobody's digits.
        const shortest = String(Number(number))
        const same = text(value) === json
          || text(value) === `${"[{\"n\":".repeat(depth)}${shortest}${"}]".repeat(depth)}`
        assert.isTrue(same, `${json} became ${text(value)}`)
        if (!number.includes(".")) assert.include(BigInt(number).toString(), /\d+/.exec(text(value)!)![0])
      })
  )

  it.effect("for 4,000 levels", () =>
    Effect.gen(function*() {
      yield* check(make(Codec.json(Schema.Unknown)), null, utf8(`${"[".repeat(4000)}${"]".repeat(4000)}`))
      yield* check(make(Codec.json(Schema.Unknown)), null, utf8(`${"{\"a\":".repeat(4000)}1${"}".repeat(4000)}`))
    }))

  it.effect("for a record that is too deep for its Schema it says where it is", () =>
    Effect.gen(function*() {
      interface Tree {
        readonly kids: ReadonlyArray<Tree>
      }
      const Tree: Schema.Codec<Tree> = Schema.Struct({ kids: Schema.Array(Schema.suspend(() => Tree)) })
      const deep = utf8(`${"{\"kids\":[".repeat(20_000)}${"]}".repeat(20_000)}`)
      const print = yield* printer(make(Codec.json(Tree)).codecs, "t")
      const raw = { ...place, key: null, value: deep }
      assert.match(yield* print(raw, false), /^3\/5  2023-11-14T22:13:20.123Z  undecodable: t\/3 at offset 5/)
      const json = JSON.parse(yield* print(raw, true))
      assert.deepInclude(json, { topic: "t", partition: 3, offset: 5 })
      assert.include(json.error, "nested too deeply")
      // An opaque value that no JSON can be made of does not end the command either.
      const lasso = Codec.make<object>({
        decoder: () =>
          Effect.succeed((bytes) => {
            if (bytes[0] !== 0) throw new Error("no lasso")
            return JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`)
          }),
        encoder: () => Effect.succeed(() => utf8(""))
      })
      const opaque = yield* (yield* printer(make(lasso).codecs, "t"))({ ...raw, value: Uint8Array.of(0) }, true)
      assert.deepInclude(JSON.parse(opaque), { offset: 5, valueBase64: "AA==" })
      assert.include(opaque, "not to be shown as JSON")
    }))

  it.effect("for bytes that are shown without codecs", () =>
    Effect.gen(function*() {
      const print = yield* printer(undefined, "t")
      const orders = make(Codec.json(Schema.Struct({ id: Schema.String })))
      for (const value of [utf8("{\"id\":\"1\"}"), null]) {
        const line = yield* print({ ...place, key: utf8("\u0000"), value }, true)
        const read = yield* Lines.reader(make(Codec.nullable(Codec.json(Schema.Struct({ id: Schema.String })))))
        const message = yield* read(line)
        assert.deepStrictEqual([text(message.key), text(message.value)], ["\u0000", text(value)])
      }
      const line = yield* print({ ...place, key: null, value: Uint8Array.of(0xff) }, true)
      const problem = yield* Effect.flip((yield* Lines.reader(orders))(line))
      assert.include(problem.problem, "value: ")
    }))
})

describe("what dlt export prints, dlt import writes", () => {
  it.effect.prop(
    "byte by byte",
    {
      letters: Arbitrary.array(
        Arbitrary.all([Arbitrary.schema(Schema.NullOr(Schema.String)), Binary, Pairs, whole(0, 2), whole(0, 3)]),
        { minLength: 1, maxLength: 6 }
      )
    },
    ({ letters }) =>
      Effect.gen(function*() {
        yield* makeTopics({ orders: 3, [deadLetter]: 3 })
        const kafka = yield* InMemoryKafka
        for (const [key, bytes, headers, partition, kind] of letters) {
          const deep = `${"[".repeat(5000)}12345678901234567890${"]".repeat(5000)}`
          const value = kind === 0 ? null : kind === 1 ? utf8(deep) : bytes
          yield* kafka.produce({
            topic: deadLetter,
            partition,
            key: key === null ? null : utf8(key),
            value,
            headers: [...headers, ["kafka_original-partition", Uint8Array.of(0, 0, 0, partition)]]
          })
        }
        const shown = Effect.map(kafka.records(deadLetter), (records) =>
          records.map(({ headers, key, partition, value }) => ({
            partition,
            key: plainly(key),
            value: plainly(value),
            headers: (headers ?? []).map(([name, bytes]) => [name, plainly(bytes)])
          })))
        const before = yield* shown
        const lines = yield* Stream.runCollect(DeadLetters.toNdjson(billing))
        yield* DeadLetters.discard(billing, { deleteRecords: true })
        assert.deepStrictEqual(yield* shown, [])
        yield* importLines(
          billing,
          pieces(
            lines.map((line) =>
              `${plain(line)}\n`
            ).join("")
          ),
          { allow: [], dryRun: false }
        )
        assert.deepStrictEqual(yield* shown, before)
      }).pipe(onCluster)
  )
})
