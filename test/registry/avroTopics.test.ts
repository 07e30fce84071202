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

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}
class OrderWithNote extends Schema.Class<OrderWithNote>("Order")({
  id: Schema.String,
  total: Schema.Finite,
  note: Schema.optionalKey(Schema.String)
}) {}

const topic = <S extends Schema.Top>(schema: S, options?: Codec.AvroOptions) =>
  Topic.make("orders", {
    key: Codec.string,
    value: Codec.avro(schema, { writeWith: "register", namespace: "shop", ...options })
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

describe("a topic of Avro", () => {
  it.effect("registers its schema, and is read by it", () =>
    Effect.gen(function*() {
      const Orders = topic(Order)
      const order = new Order({ id: "a", total: 1.5 })
      yield* Producer.sendAll(Orders, [{ key: "a", value: order }, { key: "b", value: order }])
      const { seen } = yield* read(Orders)
      assert.deepStrictEqual(seen, [order, order])
      const registry = yield* SchemaRegistry.Service
      const { id, text } = yield* registry.version("orders-value", "latest")
      assert.strictEqual(id, 1)
      assert.strictEqual((JSON.parse(text) as { readonly namespace: string }).namespace, "shop")
    }).pipe(Effect.provide(layer)))

  it.effect("is read across versions, both ways", () =>
    Effect.gen(function*() {
      const [Old, New] = [topic(Order), topic(OrderWithNote)]
      yield* Producer.send(Old, { key: "a", value: new Order({ id: "a", total: 1 }) })
      yield* Producer.send(New, { key: "b", value: new OrderWithNote({ id: "b", total: 2, note: "hi" }) })
      assert.deepStrictEqual((yield* read(Old)).seen, [
        new Order({ id: "a", total: 1 }),
        new Order({ id: "b", total: 2 })
      ])
      assert.deepStrictEqual((yield* read(New)).seen.map(({ note }) => note), [undefined, "hi"])
    }).pipe(Effect.provide(layer)))

  it.effect("writes nothing under a schema that is not registered", () =>
    Effect.gen(function*() {
      const Orders = topic(Order, { writeWith: "lookup" })
      const error = yield* Effect.flip(Producer.send(Orders, { key: "a", value: new Order({ id: "a", total: 1 }) }))
      assert.include(String(error), "the registry has no subject \"orders-value\"")
      assert.include(String(error), "writeWith: \"register\"")
      const registry = yield* SchemaRegistry.Service
      yield* registry.register("orders-value", {
        type: "AVRO",
        text: JSON.stringify({
          type: "record",
          name: "Order",
          namespace: "shop",
          fields: [{ name: "total", type: "double" }, { name: "id", type: "string" }]
        })
      })
      const Latest = topic(Order, { writeWith: "latest" })
      const other = yield* Effect.flip(Producer.send(Latest, { key: "a", value: new Order({ id: "a", total: 1 }) }))
      assert.include(String(other), "at /: the fields total, id instead of the fields id, total")
    }).pipe(Effect.provide(layer)))

  it.effect("says what is no Avro, or of an id that nobody knows", () =>
    Effect.gen(function*() {
      const Raw = Topic.make("orders", { key: Codec.string, value: Codec.bytes })
      const value = (hex: string) => ({ key: "a", value: new Uint8Array(Buffer.from(hex, "hex")) })
      yield* Producer.send(topic(Order), { key: "a", value: new Order({ id: "a", total: 1 }) })
      yield* Producer.sendAll(Raw, [value("7b7d"), value("0000000063"), value("0000000001"), value("000000000102617f")])
      const { exceptions, seen } = yield* read(topic(Order))
      assert.strictEqual(seen.length, 1)
      const expected = [/without a registry/, /no schema with id 99/, /truncated/, /truncated|trailing/]
      assert.strictEqual(exceptions.length, expected.length)
      for (const [i, problem] of expected.entries()) assert.match(exceptions[i]!, problem)
    }).pipe(Effect.provide(layer)))

  it("refuses a schema that does not fit, when it is made", () => {
    const text = JSON.stringify({
      type: "record",
      name: "Order",
      namespace: "shop",
      fields: [{ name: "id", type: "string" }, { name: "total", type: "float" }]
    })
    assert.throws(() => topic(Order, { schema: text }), /at \/fields\/total: float instead of double/)
  })

  it.effect("waits for a registry that is down, and makes no poison of it", () => {
    let isUp = false
    const schema = {
      schema: JSON.stringify({
        type: "record",
        name: "Order",
        fields: [
          { name: "id", type: "string" },
          { name: "total", type: "double" }
        ]
      })
    }
    const http = fakeHttp(() => isUp ? json(schema) : "refused")
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      const Raw = Topic.make("orders", { key: Codec.string, value: Codec.bytes })
      const bytes = Buffer.concat([Buffer.from("00000000070261", "hex"), Buffer.alloc(8)])
      yield* Producer.send(Raw, { key: "a", value: new Uint8Array(bytes) })
      const reading = yield* Effect.forkChild(read(topic(Order)))
      yield* TestClock.adjust("4 minutes")
      assert.isUndefined(reading.pollUnsafe())
      isUp = true
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* Fiber.join(reading), { seen: [new Order({ id: "a", total: 0 })], exceptions: [] })
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })
})
