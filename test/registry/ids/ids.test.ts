import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Consumer, DeadLetters, OnFailure, Producer, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import * as Lines from "../../../src/cli/lines.ts"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"

const layer = Layer.mergeAll(InMemoryKafka.layer, SchemaRegistry.layerMemory)

class Order extends Schema.Class<Order>("Order")({ id: Schema.String, total: Schema.Finite }) {}

const topicOf = (name: string, ids: "prefix" | "header") =>
  Topic.make(name, {
    key: Codec.avro(Schema.String, { writeWith: "register", ids }),
    value: Codec.nullable(Codec.avro(Order, { writeWith: "register", ids }))
  })

const rawOf = (name: string) =>
  Topic.make(name, { key: Codec.nullable(Codec.bytes), value: Codec.nullable(Codec.bytes) })

const hex = (bytes: Uint8Array | null | undefined) => bytes && Buffer.from(bytes).toString("hex")

let groups = 0

const read = <K, V, R>(topic: Topic.Topic<K, V, R, any, any>) =>
  Effect.gen(function*() {
    const seen: Array<{ readonly key: K; readonly value: V; readonly headers: Record<string, string | null> }> = []
    yield* Consumer.run(Consumer.make(`reader-${++groups}`, {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      until: "end",
      handlers: [
        Topic.handle(topic, ({ headers, key, value }) =>
          Effect.sync(() => {
            assert.strictEqual(new Set(headers.map(([name]) => name)).size, headers.length)
            seen.push({
              key,
              value,
              headers: Object.fromEntries(headers.map(([name, bytes]) => [name, hex(bytes) ?? null]))
            })
          }))
      ]
    }))
    return seen
  })

const order = new Order({ id: "a", total: 1 })
const body = "0261000000000000f03f"
const guid = (n: number) => `0100000000000040008000${String(n).padStart(12, "0")}`

describe("ids", () => {
  it.effect("are GUIDs in headers, with a bare payload, as Confluent's clients write them", () =>
    Effect.gen(function*() {
      const Orders = topicOf("orders", "header")
      yield* Producer.sendAll(Orders, [{ key: "k", value: order }, { key: "k", value: null }])
      const [full, tombstone] = yield* read(rawOf("orders"))
      assert.strictEqual(hex(full!.key), "026b")
      assert.strictEqual(hex(full!.value), body)
      assert.deepStrictEqual(full!.headers, { __key_schema_id: guid(1), __value_schema_id: guid(2) })
      assert.deepStrictEqual(tombstone!.headers, { __key_schema_id: guid(1) })
      assert.deepStrictEqual((yield* read(Orders)).map(({ value }) => value), [order, null])
    }).pipe(Effect.provide(layer)))

  it.effect("of records that are passed on are those of the new bytes", () =>
    Effect.gen(function*() {
      yield* Producer.send(topicOf("one", "header"), { key: "k", value: order })
      // The handler passes the headers of the record on, ids included.
      const forward = (from: string, to: string, ids: "prefix" | "header") =>
        Consumer.run(Consumer.make(`from-${from}`, {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          until: "end",
          handlers: [Topic.handle(topicOf(from, "prefix"), (record) => Producer.send(topicOf(to, ids), record))]
        }))
      yield* forward("one", "two", "prefix")
      yield* forward("two", "three", "header")
      const [inPrefix] = yield* read(rawOf("two"))
      assert.strictEqual(hex(inPrefix!.value), `0000000002${body}`)
      assert.deepStrictEqual(inPrefix!.headers, {})
      const [inHeader] = yield* read(rawOf("three"))
      assert.deepStrictEqual(inHeader!.headers, { __key_schema_id: guid(1), __value_schema_id: guid(2) })
      assert.deepStrictEqual((yield* read(topicOf("three", "prefix"))).map(({ value }) => value), [order])
    }).pipe(Effect.provide(layer)))

  it.effect("are numbers in headers where the registry has no GUIDs", () => {
    const schema = { subject: "orders-value", version: 1, id: 7, schema: "\"string\"" }
    const http = fakeHttp(() => json(schema))
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      for (const writeWith of ["lookup", "register", "latest", { id: 7 }] as const) {
        const Texts = Topic.make("texts", {
          key: Codec.none,
          value: Codec.avro(Schema.String, { writeWith, ids: "header" })
        })
        yield* Producer.send(Texts, { key: null, value: "a" })
      }
      const seen = yield* read(rawOf("texts"))
      assert.deepStrictEqual(
        seen.map(({ headers, value }) => [hex(value), headers["__value_schema_id"]]),
        Array.from({ length: 4 }, () => ["0261", "0000000007"])
      )
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })

  it.effect("of a failed record stay as they are, until a transform writes a new value", () =>
    Effect.gen(function*() {
      const consumerOf = (ids: "prefix" | "header") =>
        Consumer.make("billing", {
          offsetReset: "earliest",
          onFailure: OnFailure.deadLetter,
          until: "end",
          handlers: [Topic.handle(topicOf("orders", ids), () => Effect.fail("no"))]
        })
      yield* Producer.send(topicOf("orders", "header"), { key: "k", value: order })
      yield* Consumer.run(consumerOf("header"))
      const [letter] = yield* read(rawOf("billing.orders.dlt"))
      const ids = { __key_schema_id: guid(1), __value_schema_id: guid(2) }
      assert.include(letter!.headers, ids)
      assert.strictEqual(hex(letter!.value), body)

      const redrive = (ids: "prefix" | "header", transform?: DeadLetters.RedriveOptions["transform"]) =>
        Effect.gen(function*() {
          yield* Stream.runDrain(DeadLetters.redrive(consumerOf(ids), { to: "origin", transform, maxReplays: 10 }))
          const sent = (yield* read(rawOf("orders"))).at(-1)!
          yield* Consumer.run(consumerOf(ids))
          return sent
        })
      const same = yield* redrive("header")
      assert.include(same.headers, ids)
      assert.strictEqual(hex(same.value), body)

      const larger = (value: unknown) => new Order({ id: (value as Order).id, total: 2 })
      const anew = yield* redrive("header", larger)
      assert.include(anew.headers, ids)
      assert.strictEqual(hex(anew.value), "02610000000000000040")

      // Now the topic has its ids in prefixes; the key is not written anew.
      const inPrefix = yield* redrive("prefix", larger)
      assert.strictEqual(inPrefix.headers["__value_schema_id"], undefined)
      assert.strictEqual(inPrefix.headers["__key_schema_id"], guid(1))
      assert.strictEqual(hex(inPrefix.value), "000000000202610000000000000040")
      assert.deepStrictEqual((yield* read(topicOf("orders", "prefix"))).map(({ value }) => value?.total), [1, 1, 2, 2])

      const gone = yield* redrive("prefix", () => null)
      assert.strictEqual(gone.value, null)
      assert.strictEqual(gone.headers["__value_schema_id"], undefined)
    }).pipe(Effect.provide(layer)))

  it.effect("of a line of JSON are those of the bytes that it becomes", () =>
    Effect.gen(function*() {
      const old = { __value_schema_id: { base64: Buffer.from("0000000063", "hex").toString("base64") }, a: "1" }
      const line = JSON.stringify({ key: "k", value: { id: "a", total: 1 }, headers: old })
      for (const ids of ["header", "prefix"] as const) {
        const message = yield* (yield* Lines.reader(topicOf("orders", ids)))(line)
        const headers = Object.fromEntries((message.headers ?? []).map(([name, bytes]) => [name, hex(bytes)]))
        const expected = ids === "header" ? { __key_schema_id: guid(1), __value_schema_id: guid(2) } : {}
        assert.deepStrictEqual(headers, { a: "31", ...expected })
        assert.strictEqual(hex(message.value), ids === "header" ? body : `0000000002${body}`)
      }
    }).pipe(Effect.provide(layer)))

  it("are nowhere else, and options have no other names", () => {
    const make = (options: object) => () => Codec.avro(Order, options)
    assert.throws(make({ ids: "footer" }), /Codec.avro: ids: "footer" is not "prefix" or "header"/)
    assert.throws(make({ writeWidth: "latest" }), /unknown field "writeWidth"; did you mean "writeWith"\?/)
    assert.throws(make({ writeWith: "newest" }), /writeWith: "newest" is not/)
    assert.throws(make({ subject: "topics" }), /subject: "topics" is not/)
    assert.throws(make({ normalize: "yes" }), /normalize: "yes" is not true or false/)
    assert.throws(make([]), /options: an array is no object of/)
  })
})
