import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as Stream from "effect/Stream"
import { Codec, Consumer, type Headers, KafkaError, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

const Orders = Topic.make("orders", { key: Codec.string, value: Codec.json(Order) })
const Notes = Topic.make("notes", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.string) })
const Tagged = Topic.make("tagged", {
  key: Codec.none,
  value: Codec.string,
  headers: Schema.Struct({ tenant: Schema.String, attempt: Schema.FiniteFromString })
})

const note = (value: string) => ({ key: null, value })
const values = (topic: string) =>
  Effect.flatMap(
    InMemoryKafka,
    (memory) =>
      Effect.map(memory.records(topic), (records) =>
        records.map(({ value }) => value === null ? null : Buffer.from(value).toString()))
  )

describe("Producer", () => {
  it.effect("send answers where the record is", () =>
    Effect.gen(function*() {
      const order = new Order({ id: "1", total: 5 })
      const delivery = yield* Producer.send(Orders, { key: "1", value: order, partition: 2, timestamp: 1_000 })
      assert.include(delivery, { topic: "orders", partition: 2, offset: 0, timestamp: 1_000 })
      assert.deepStrictEqual(yield* values("orders"), ["{\"id\":\"1\",\"total\":5}"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("the key alone decides the partition", () =>
    Effect.gen(function*() {
      const message = (value: string) => ({ key: "same", value })
      const deliveries = yield* Producer.sendAll(Notes, ["a", "b", "c"].map(message))
      assert.strictEqual(new Set(deliveries.map(({ partition }) => partition)).size, 1)
      assert.deepStrictEqual(deliveries.map(({ offset }) => offset), [0, 1, 2])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("sends tombstones, null keys and headers of every kind", () =>
    Effect.gen(function*() {
      const headers: Headers.Headers = [["h", new Uint8Array([255])], ["h", null], ["t", new TextEncoder().encode("x")]]
      yield* Producer.send(Notes, { key: null, value: null, headers })
      const [record] = yield* Effect.flatMap(InMemoryKafka, (memory) => memory.records("notes"))
      assert.strictEqual(record?.key, null)
      assert.strictEqual(record?.value, null)
      assert.strictEqual(record?.headers?.length, 3)
      assert.strictEqual(record?.headers?.[1]?.[1], null)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("header values are encoded, and decoded for the handler", () =>
    Effect.gen(function*() {
      yield* Producer.send(Tagged, { key: null, value: "v", headerValues: { tenant: "acme", attempt: 3 } })
      const seen: Array<unknown> = []
      yield* Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(Tagged, (record) => Effect.sync(() => seen.push(record.headerValues)))]
      }))
      assert.deepStrictEqual(seen, [{ tenant: "acme", attempt: 3 }])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a message that does not fit the schema is a SchemaError, and nothing is sent", () =>
    Effect.gen(function*() {
      const wrong: any = { id: 1 }
      const error = yield* Effect.flip(Producer.sendAll(Orders, [
        { key: "1", value: new Order({ id: "1", total: 1 }) },
        { key: "2", value: wrong }
      ]))
      assert.strictEqual(error._tag, "SchemaError")
      assert.deepStrictEqual(yield* Effect.flatMap(InMemoryKafka, (memory) => memory.records("orders")), [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("what Kafka would refuse is refused before it is sent, by name", () =>
    Effect.gen(function*() {
      const header: any = [["h", 5]]
      for (
        const message of [
          { partition: -1 },
          { partition: 1.5 },
          { timestamp: -5 },
          { headers: header },
          {
            headers: { "a\0b": "x" }
          },
          { headers: { "\ud800": "x" } },
          { headers: { h: "\ud800" } },
          { key: "\ud800" }
        ]
      ) {
        const error = yield* Effect.flip(Producer.send(Notes, { key: null, value: "x", ...message }))
        assert.instanceOf(error, KafkaError.KafkaError)
        assert.strictEqual((error as KafkaError.KafkaError).reason._tag, "InvalidRecord")
      }
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a message that does not fit is named: topic, part, path, and index among many", () =>
    Effect.gen(function*() {
      const Lines = Topic.make("lines", {
        key: Codec.string,
        value: Codec.json(Schema.Array(Schema.Struct({ id: Schema.String })))
      })
      const wrong: any = [{ id: "1" }, { id: 1 }]
      const right = [{ id: "1" }]
      const one = yield* Effect.flip(Producer.send(Lines, { key: "1", value: wrong }))
      assert.strictEqual(
        one.message,
        `a record for topic "lines" cannot be sent: value: Expected string at [1]["id"]`
      )
      assert.isTrue(Schema.isSchemaError(one))
      const many = yield* Effect.flip(
        Producer.sendAll(Lines, [{ key: "1", value: right }, { key: "2", value: wrong }])
      )
      assert.include(many.message, `topic "lines" cannot be sent: index 1, value: Expected string at [1]["id"]`)
      assert.deepInclude(many as object, { topic: "lines", part: "value", index: 1 })
      const headerValues: any = { tenant: "a", attempt: "x" }
      const header = yield* Effect.flip(Producer.send(Tagged, { key: null, value: "v", headerValues }))
      assert.include(header.message, `topic "tagged" cannot be sent: headers: Expected number at ["attempt"]`)
      const key: any = undefined
      const missing = yield* Effect.flip(Producer.sendAll(Lines, [{ key: "1", value: right }, { key, value: right }]))
      assert.strictEqual((missing as KafkaError.KafkaError).reason._tag, "InvalidRecord")
      assert.include(
        missing.message,
        `topic "lines" cannot be sent: index 1, key: a text is needed, and this is undefined`
      )
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a suppressed message counts among those that have an index", () =>
    Effect.gen(function*() {
      class Other extends Schema.Class<Other>("Other")({ n: Schema.Finite }) {}
      const Either = Topic.make("either", { key: Codec.none, value: Codec.json(Schema.Union([Order, Other])) })
      const wrong: any = {}
      const values = [new Other({ n: 1 }), new Order({ id: "1", total: 1 }), wrong]
      const error = yield* Effect.flip(
        Producer.sendAll(Either, values.map((value) => ({ key: null, value }))).pipe(Producer.suppress([Other]))
      )
      assert.include(error.message, "index 2, value")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("what a JavaScript program gives instead of a message is refused by name", () =>
    Effect.forEach([undefined, null, "text", 5] as ReadonlyArray<any>, (message) =>
      Effect.gen(function*() {
        for (
          const send of [
            Effect.asVoid(Producer.send(Notes, message)),
            Effect.asVoid(Producer.sendAll(Notes, [message]))
          ]
        ) {
          const error = yield* Effect.flip(send)
          assert.strictEqual((error as KafkaError.KafkaError).reason._tag, "InvalidRecord")
        }
      })).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a codec whose encoder needs services is prepared once for each set of them, not for each span", () =>
    Effect.gen(function*() {
      class Prefix extends Context.Service<Prefix, string>()("test/Producer/Prefix") {}
      class RequestId extends Context.Service<RequestId, number>()("test/Producer/RequestId") {}
      let prepared = 0
      const prefixed = Codec.make<string, never, Prefix>({
        decoder: () => Effect.succeed((raw) => Buffer.from(raw).toString()),
        encoder: () =>
          Effect.map(Prefix, (prefix) => {
            prepared++
            return (value) => Buffer.from(prefix + value)
          })
      })
      const Prefixed = Topic.make("prefixed", { key: Codec.none, value: prefixed })
      const send = (value: string) => Effect.withSpan(Producer.send(Prefixed, { key: null, value }), "span")
      const twice = Effect.andThen(send("1"), send("2"))
      yield* Effect.provideService(twice, Prefix, "a")
      assert.strictEqual(prepared, 1)
      yield* Effect.provideService(twice, Prefix, "b")
      assert.strictEqual(prepared, 2)
      yield* Effect.provideService(Effect.provideService(send("3"), RequestId, 1), Prefix, "a")
      assert.deepStrictEqual(yield* values("prefixed"), ["a1", "a2", "b1", "b2", "a3"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("a Schema that needs services to encode takes those of each send", () =>
    Effect.gen(function*() {
      class Prefix extends Context.Service<Prefix, string>()("test/Producer/SchemaPrefix") {}
      const prefixed = Schema.String.pipe(Schema.decodeTo(Schema.String, {
        decode: SchemaGetter.passthrough(),
        encode: SchemaGetter.transformEffect((value: string) => Effect.map(Prefix, (prefix) => prefix + value))
      }))
      const Texts = Topic.make("texts", { key: Codec.none, value: Codec.text(prefixed) })
      const send = Producer.send(Texts, { key: null, value: "1" })
      yield* Effect.provideService(send, Prefix, "a")
      yield* Effect.provideService(send, Prefix, "b")
      assert.deepStrictEqual(yield* values("texts"), ["a1", "b1"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("sendAll fails with the broker's error after the others are settled", () =>
    Effect.gen(function*() {
      const large = { key: null, value: "x".repeat(2_000_000) }
      const error = yield* Effect.flip(Producer.sendAll(Notes, [note("a"), large, note("b")]))
      assert.strictEqual((error as KafkaError.KafkaError).reason._tag, "RecordTooLarge")
      assert.deepStrictEqual((yield* values("notes")).sort(), ["a", "b"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a full buffer is waited for", () =>
    Effect.gen(function*() {
      const deliveries = yield* Producer.sendAll(Notes, Array.from({ length: 100 }, (_, i) => note(String(i))))
      assert.strictEqual(deliveries.length, 100)
      assert.strictEqual((yield* values("notes")).length, 100)
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ producer: { bufferRecords: 7 } }))))

  it.effect("offer does not wait, and tells the handler what failed", () =>
    Effect.gen(function*() {
      const failed = yield* Deferred.make<KafkaError.KafkaError>()
      const onError = (error: KafkaError.KafkaError) => Deferred.succeed(failed, error)
      yield* Producer.offer(Notes, note("a"), { onError })
      yield* Producer.offer(Notes, note("x".repeat(2_000_000)), { onError })
      assert.strictEqual((yield* Deferred.await(failed)).reason._tag, "RecordTooLarge")
      yield* Producer.flush()
      assert.deepStrictEqual(yield* values("notes"), ["a"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("a topic that knows the keys of its values takes values; a key that is given wins", () =>
    Effect.gen(function*() {
      const Keyed = Topic.make("keyed", { key: Codec.string, value: Codec.nullable(Codec.string), keyOf: (v) => v[0]! })
      yield* Producer.send(Keyed, "a1")
      yield* Producer.sendAll(Keyed, ["b2", { value: "c3" }, { key: "z", value: "d4" }, { key: "e", value: null }])
      yield* Producer.offer(Keyed, "f5", { onError: Effect.die })
      yield* Stream.run(Stream.make("g6", { key: "y", value: "h7" }), Producer.sink(Keyed))
      yield* Producer.flush()
      const records = yield* Effect.flatMap(InMemoryKafka, (memory) => memory.records("keyed"))
      assert.deepStrictEqual(
        records.map(({ key, value }) => [String(key && Buffer.from(key)), String(value && Buffer.from(value))]),
        [["a", "a1"], ["b", "b2"], ["c", "c3"], ["z", "d4"], ["e", "null"], ["f", "f5"], ["g", "g6"], ["y", "h7"]]
      )
      const tombstone: any = { value: null }
      const error = yield* Effect.flip(Producer.send(Keyed, tombstone))
      assert.include(error.message, "key: a tombstone needs its key")
      const thrown: any = 5
      const broken = yield* Effect.flip(Producer.sendAll(Keyed, ["a", thrown]))
      assert.strictEqual((broken as KafkaError.KafkaError).reason._tag, "InvalidRecord")
      assert.include(broken.message, "index 1, key")
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("a suppressed Schema is known by the values of such a topic, too", () =>
    Effect.gen(function*() {
      const Keyed = Topic.make("keyed", { key: Codec.string, value: Codec.json(Order), keyOf: ({ id }) => id })
      const delivery = yield* Producer.send(Keyed, new Order({ id: "1", total: 1 })).pipe(Producer.suppress([Order]))
      assert.isTrue(Producer.isSuppressed(delivery))
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("header values that are optional may be missing", () =>
    Effect.gen(function*() {
      const Optional = Topic.make("optional", {
        key: Codec.none,
        value: Codec.string,
        headers: Schema.Struct({ a: Schema.optional(Schema.String), b: Schema.optionalKey(Schema.FiniteFromString) })
      })
      const headerValues = [{}, { a: undefined }, { a: "x", b: 1 }]
      yield* Producer.sendAll(Optional, headerValues.map((headerValues) => ({ key: null, value: "v", headerValues })))
      const records = yield* Effect.flatMap(InMemoryKafka, (memory) => memory.records("optional"))
      assert.deepStrictEqual(records.map(({ headers }) => (headers ?? []).map(([name]) => name)), [[], [], ["a", "b"]])
      const seen: Array<unknown> = []
      yield* Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(Optional, (record) => Effect.sync(() => seen.push(record.headerValues)))]
      }))
      assert.deepStrictEqual(seen, [{}, {}, { a: "x", b: 1 }])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("sink sends a whole stream in order", () =>
    Effect.gen(function*() {
      yield* Stream.range(1, 5).pipe(Stream.map((n) => note(String(n))), Stream.run(Producer.sink(Notes)))
      assert.deepStrictEqual(yield* values("notes"), ["1", "2", "3", "4", "5"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))
})
