import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Consumer, OnFailure, Producer, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import { fakeHttp, json } from "../rest/fakeHttp.ts"

const layer = Layer.mergeAll(InMemoryKafka.layer, SchemaRegistry.layerMemory)

const at = (field: number) => ({ protobuf: { field } })

class Order extends Schema.Class<Order>("Order")({
  id: Schema.String.annotateKey(at(1)),
  total: Schema.Finite.annotateKey(at(2))
}) {}

class OrderWithNote extends Schema.Class<OrderWithNote>("Order")({
  id: Schema.String.annotateKey(at(1)),
  total: Schema.Finite.annotateKey(at(2)),
  note: Schema.optionalKey(Schema.String).annotateKey(at(3))
}) {}

const topic = <S extends Schema.Top>(schema: S, options?: Codec.ProtobufOptions) =>
  Topic.make("orders", {
    key: Codec.string,
    value: Codec.protobuf(schema, { writeWith: "register", package: "shop", ...options })
  })

const Raw = Topic.make("orders", { key: Codec.string, value: Codec.bytes })
const raw = (hex: string, headers?: Record<string, string>) => ({
  key: "a",
  value: new Uint8Array(Buffer.from(hex, "hex")),
  headers: Object.entries(headers ?? {}).map(([name, value]) =>
    [name, new Uint8Array(Buffer.from(value, "hex"))] as const
  )
})

let groups = 0

const read = <V, R>(source: Topic.Topic<string, V, R, any, any>) =>
  Effect.gen(function*() {
    const seen: Array<V> = []
    const exceptions: Array<string> = []
    yield* Consumer.run(Consumer.make(`reader-${++groups}`, {
      offsetReset: "earliest",
      onFailure: OnFailure.make((failure) => {
        exceptions.push(Cause.pretty(failure.cause))
        return OnFailure.skip
      }),
      until: "end",
      handlers: [Topic.handle(source, ({ value }) => Effect.sync(() => seen.push(value)))]
    }))
    return { seen, exceptions }
  })

/** Every value that was read, and why others were not. */
const refused = Effect.fnUntraced(
  function*(source: Topic.Topic<string, any, any, any, any>, problems: ReadonlyArray<RegExp>) {
    const { exceptions, seen } = yield* read(source)
    assert.strictEqual(exceptions.length, problems.length, exceptions.join("\n"))
    for (const [i, problem] of problems.entries()) assert.match(exceptions[i]!, problem)
    return seen
  }
)

const order = new Order({ id: "a", total: 1.5 })

describe("a topic of Protobuf", () => {
  it.effect("registers its schema, writes the indexes, and is read by them", () =>
    Effect.gen(function*() {
      const Orders = topic(Order)
      yield* Producer.sendAll(Orders, [{ key: "a", value: order }, { key: "b", value: order }])
      assert.deepStrictEqual((yield* read(Orders)).seen, [order, order])
      const [bytes] = (yield* read(Raw)).seen
      assert.strictEqual(Buffer.from(bytes!).toString("hex"), "0000000001" + "00" + "0a0161" + "11000000000000f83f")
      const registry = yield* SchemaRegistry.Service
      const { text, type } = yield* registry.version("orders-value", "latest")
      assert.strictEqual(type, "PROTOBUF")
      assert.include(text, "package shop;\n\nmessage Order {\n  string id = 1;\n  double total = 2;\n}")
    }).pipe(Effect.provide(layer)))

  it.effect("is read across versions, both ways", () =>
    Effect.gen(function*() {
      const [Old, New] = [topic(Order), topic(OrderWithNote)]
      yield* Producer.send(Old, { key: "a", value: order })
      yield* Producer.send(New, { key: "b", value: new OrderWithNote({ id: "b", total: 0, note: "hi" }) })
      assert.deepStrictEqual((yield* read(Old)).seen, [order, new Order({ id: "b", total: 0 })])
      assert.deepStrictEqual((yield* read(New)).seen.map(({ note }) => note), [undefined, "hi"])
    }).pipe(Effect.provide(layer)))

  it.effect("says what is no Protobuf, or of an id or a message that nobody knows", () =>
    Effect.gen(function*() {
      yield* Producer.send(topic(Order), { key: "a", value: order })
      const registry = yield* SchemaRegistry.Service
      const other = "syntax = \"proto3\"; package shop; message Other { string id = 1; } message Order { bool id = 1; }"
      yield* registry.register("other", { type: "PROTOBUF", text: other })
      yield* registry.register("avro", { type: "AVRO", text: "\"string\"" })
      yield* Producer.sendAll(Raw, [
        raw("7b7d"),
        raw("0000000063" + "00"),
        raw("0000000001"),
        raw("0000000001" + "00" + "0a05" + "61"),
        raw("0000000001" + "00" + "0a0161" + "00"),
        raw("0000000001" + "00" + "0861"),
        raw("0000000001" + "0202"),
        raw("0000000001" + "01"),
        raw("0000000001" + "0201"),
        raw("0000000001" + "fe01"),
        raw("0000000002" + "00" + "0a0161"),
        raw("0000000002" + "0202" + "0801"),
        raw("0000000003" + "00"),
        raw("0000000001" + "00" + "0a01ff")
      ])
      const seen = yield* refused(topic(Order), [
        /without a registry/,
        /no schema with id 99/,
        /the message indexes are cut off/,
        /truncated: 5 bytes should follow, of 1/,
        /a number that no field has/,
        /shop\.Order: the field 1 has the wire type 0/,
        /the message indexes 1 are of no message in the schema, which has Order; .*indexes: "absent"/,
        /-1 message indexes/,
        /the message index -1 is negative/,
        /127 message indexes/,
        /the record is a shop\.Other, and the codec reads Order/,
        /cannot read the record's shop\.Order: shop\.Order\.id: the field 1 is bool there, and cannot be read as str/,
        /the schema with id 3 is AVRO, and the topic's codec reads PROTOBUF/,
        /a text is not UTF-8/
      ])
      assert.deepStrictEqual(seen, [order])
    }).pipe(Effect.provide(layer)))

  it.effect("reads what has no indexes, where it is told so", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const text = "syntax = \"proto3\"; message Line {} message Order { string id = 1; double total = 2; }"
      yield* registry.register("orders-value", { type: "PROTOBUF", text })
      yield* Producer.send(Raw, raw("0000000001" + "0a0161" + "11000000000000f83f"))
      assert.deepStrictEqual((yield* read(topic(Order, { indexes: "absent" }))).seen, [order])
    }).pipe(Effect.provide(layer)))

  it.effect("reads ids in headers, with and without indexes", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const text = "syntax = \"proto3\"; message Line {} message Order { string id = 1; double total = 2; }"
      yield* registry.register("orders-value", { type: "PROTOBUF", text })
      const body = "0a0161" + "11000000000000f83f"
      yield* Producer.sendAll(Raw, [
        raw(body, { __value_schema_id: "0000000001" + "0202" }),
        raw(body, { __value_schema_id: "0000000001" })
      ])
      assert.deepStrictEqual((yield* read(topic(Order))).seen, [order, order])
    }).pipe(Effect.provide(layer)))

  it.effect("writes a text that is given, with references, and the message within it", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const money = "syntax = \"proto3\"; package shop; message Money { int64 cents = 1; }"
      yield* registry.register("money.proto", { type: "PROTOBUF", text: money })
      const references = [{ name: "money.proto", subject: "money.proto", version: 1 }]
      const text = `syntax = "proto3"; package shop; import "money.proto";
        message Outer { message First {} map<string, int32> m = 1; message Invoice { Money the_sum = 1; } }`
      const Money = Schema.Struct({ cents: Schema.BigInt.annotateKey(at(1)) }).annotate({ identifier: "Money" })
      const Invoice = Schema.Struct({ theSum: Money.annotateKey(at(1)) })
      const options = { schema: text, references, message: "Outer.Invoice" }
      const Invoices = topic(Invoice, options)
      const value = { theSum: { cents: 2n ** 53n + 1n } }
      yield* Producer.send(Invoices, { key: "a", value })
      assert.deepStrictEqual((yield* read(Invoices)).seen, [value])
      const [bytes] = (yield* read(Raw)).seen
      assert.strictEqual(Buffer.from(bytes!).subarray(0, 8).toString("hex"), "0000000002" + "040002")
      const { id } = yield* registry.lookup("orders-value", { type: "PROTOBUF", text, references })
      assert.strictEqual(id, 2)
      const Wrong = topic(Schema.Struct({ theSum: Schema.String.annotateKey(at(1)) }), options)
      assert.match(
        String(yield* Effect.flip(Producer.send(Wrong, { key: "a", value: { theSum: "" } }))),
        /does not fit the Schema, at shop\.Invoice\.theSum: shop\.Money instead of string/
      )
    }).pipe(Effect.provide(layer)))

  it.effect("refuses a text that does not fit, before anything is sent", () =>
    Effect.gen(function*() {
      const send = (schema: string) => Effect.exit(Producer.send(topic(Order, { schema }), { key: "a", value: order }))
      const text = (fields: string) => `syntax = "proto3"; package shop; message Order { ${fields} }`
      const problems: ReadonlyArray<readonly [string, string]> = [
        ["string id = 1;", "shop.Order.total: nothing instead of double = 2"],
        ["string id = 1; float total = 2;", "shop.Order.total: float instead of double"],
        ["string id = 1; optional double total = 2;", "shop.Order.total: optional double instead of double"],
        ["string id = 1; double sum = 2;", "shop.Order.total: the field 2 is named sum there"],
        ["string id = 1; double total = 2; bool x = 3;", "shop.Order.x: bool = 3 instead of nothing"],
        ["string id = 1; string id = 2;", "duplicate name 'id'"]
      ]
      for (const [fields, problem] of problems) assert.include(String(yield* send(text(fields))), problem)
      assert.include(String(yield* send("syntax = \"proto3\"; message A {}")), "no message Order, but A")
      assert.include(String(yield* send("nonsense")), "does not fit the Schema, at ")
    }).pipe(Effect.provide(layer)))

  it.effect("writes with the latest version where its fields are there", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const text = "syntax = \"proto3\"; message A {} message Order { string id = 1; double total = 2; bool more = 3; }"
      yield* registry.register("orders-value", { type: "PROTOBUF", text })
      yield* Producer.send(topic(Order, { writeWith: "latest" }), { key: "a", value: order })
      assert.deepStrictEqual((yield* read(topic(Order))).seen, [order])
      const [bytes] = (yield* read(Raw)).seen
      assert.strictEqual(Buffer.from(bytes!).subarray(0, 7).toString("hex"), "0000000001" + "0202")
      yield* registry.register("other", { type: "PROTOBUF", text: "syntax = \"proto3\"; message Order {}" })
      const other = topic(Order, { writeWith: { id: 2 } })
      const error = yield* Effect.flip(Producer.send(other, { key: "a", value: order }))
      assert.include(String(error), "at shop.Order.id: nothing instead of string = 1")
    }).pipe(Effect.provide(layer)))

  it.effect("says of references that lead in a circle, and of one name in two schemas", () => {
    const answers: Readonly<Record<string, object>> = {
      "/schemas/ids/7": {
        schema: "syntax = \"proto3\"; import \"b\"; message Order { string id = 1; }",
        references: [{ name: "b", subject: "b", version: 1 }]
      },
      "/subjects/b/versions/1": {
        id: 8,
        subject: "b",
        version: 1,
        schema: "syntax = \"proto3\"; import \"a\"; message B {}",
        references: [{ name: "a", subject: "a", version: 1 }]
      },
      "/subjects/a/versions/1": {
        id: 7,
        subject: "a",
        version: 1,
        schema: "syntax = \"proto3\"; import \"b\"; message Order { string id = 1; }",
        references: [{ name: "b", subject: "b", version: 1 }]
      },
      "/schemas/ids/9": {
        schema: "syntax = \"proto3\"; import \"c\"; message Order { string id = 1; }",
        references: [{ name: "c", subject: "c", version: 1 }]
      },
      "/subjects/c/versions/1": {
        id: 10,
        subject: "c",
        version: 1,
        schema: "syntax = \"proto3\"; message Order {}"
      }
    }
    const http = fakeHttp(({ pathname }) => json({ schemaType: "PROTOBUF", ...answers[pathname] }))
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      yield* Producer.sendAll(Raw, [raw("0000000007" + "00"), raw("0000000009" + "00")])
      yield* refused(topic(Order), [/its references lead back to itself/, /duplicate name 'Order'/])
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })

  it.effect("waits for a registry that is down, and makes no poison of it", () => {
    let isUp = false
    const schema = {
      schema: "syntax = \"proto3\"; message Order { string id = 1; double total = 2; }",
      schemaType: "PROTOBUF"
    }
    const http = fakeHttp(() => isUp ? json(schema) : "refused")
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      yield* Producer.send(Raw, raw("0000000007" + "00" + "0a0161"))
      const reading = yield* Effect.forkChild(read(topic(Order)))
      yield* TestClock.adjust("4 minutes")
      assert.isUndefined(reading.pollUnsafe())
      isUp = true
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(reading), { seen: [new Order({ id: "a", total: 0 })], exceptions: [] })
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })
})
