import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as BigDecimal from "effect/BigDecimal"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Consumer, KafkaEngine, OnFailure, Producer, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Codec, SchemaRegistry } from "millrace/registry"
import { sharedKafka } from "../services/env.ts"
import { runPython } from "../services/python.ts"
import { sharedRegistry } from "../services/registry.ts"
import { registrySuite } from "./registrySuite.ts"

let url: string
beforeAll(async () => {
  url = await sharedRegistry()
})

const registry = Layer.unwrap(Effect.sync(() => SchemaRegistry.layer({ url }))).pipe(
  Layer.provide(FetchHttpClient.layer)
)

registrySuite("of Apicurio", registry)

class Order extends Schema.Class<Order>("Order")({
  id: Schema.String,
  big: Schema.BigInt,
  price: Schema.BigDecimal.annotate({ avro: { precision: 12, scale: 2 } }),
  at: Schema.Date,
  kind: Schema.Literals(["web", "shop"]).annotate({ avro: { name: "Kind" } }),
  tags: Schema.Record(Schema.String, Schema.Int),
  note: Schema.optionalKey(Schema.String)
}) {}

const python = new URL("foreign.py", import.meta.url)

let topics = 0
const newTopic = Effect.gen(function*() {
  const name = `registry-${process.pid}-${++topics}`
  const engine = yield* KafkaEngine.Service
  const admin = yield* engine.admin
  yield* admin.createTopic({ name, partitions: 1 })
  return name
})

const live = <A, E>(
  effect: Effect.Effect<A, E, KafkaEngine.Service | SchemaRegistry.Service>
) => Effect.provide(effect, [registry, ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })])

const orders = (name: string, ids: "prefix" | "header" = "prefix") =>
  Topic.make(name, { key: Codec.string, value: Codec.avro(Order, { namespace: "shop", writeWith: "register", ids }) })

const allOf = <K, V, R>(topic: Topic.Topic<K, V, R, any, any>) =>
  Effect.gen(function*() {
    const seen: Array<{ readonly key: K; readonly value: V }> = []
    yield* Consumer.run(Consumer.make(`reader-${topic.name}`, {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      until: "end",
      handlers: [Topic.handle(topic, ({ key, value }) => Effect.sync(() => seen.push({ key, value })))]
    }))
    return seen
  })

const foreign = (topic: string, order: object) =>
  Effect.promise(() => runPython(python, { bootstrap: sharedKafka(), registry: url, topic, ...order }))

const forms = ["prefix", "header"] as const

const order = new Order({
  id: "a",
  big: 9_007_199_254_740_993n,
  price: BigDecimal.fromStringUnsafe("-12.50"),
  at: new Date(1_700_000_000_123),
  kind: "shop",
  tags: { x: 1 }
})

describe("Avro between Millrace and Python's client", () => {
  for (const ids of forms) {
    it.live(`is read there as it was written here, with its id in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        yield* Producer.send(orders(name, ids), { key: "k", value: order })
        assert.deepStrictEqual(yield* foreign(name, { read: 1 }), [
          {
            id: "a",
            big: "9007199254740993",
            price: "-12.50",
            at: 1_700_000_000_123,
            kind: "shop",
            tags: { x: 1 },
            note: null
          }
        ])
      })))
  }

  for (const ids of forms) {
    it.live(`is read here as it was written there, with its id in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        const schema = JSON.stringify({
          type: "record",
          name: "Order",
          fields: [
            { name: "added", type: "int" },
            { name: "note", type: ["null", "string"] },
            { name: "id", type: "string" },
            { name: "big", type: "int" },
            { name: "price", type: { type: "bytes", logicalType: "decimal", precision: 12, scale: 2 } },
            { name: "at", type: { type: "long", logicalType: "timestamp-millis" } },
            { name: "kind", type: { type: "enum", name: "Kind", symbols: ["shop", "web"] } },
            { name: "tags", type: { type: "map", values: "int" } }
          ]
        })
        const values = [{
          added: 1,
          note: "hi",
          id: "b",
          big: 7,
          price: { $decimal: "1.25" },
          at: { $date: 5_000 },
          kind: "web",
          tags: { y: 2 }
        }]
        yield* foreign(name, { write: { schema, values, ids } })
        const seen = (yield* allOf(orders(name))).map(({ value }) => value)
        assert.strictEqual(seen.length, 1)
        const expected = new Order({
          id: "b",
          big: 7n,
          price: BigDecimal.fromStringUnsafe("1.25"),
          at: new Date(5_000),
          kind: "web",
          tags: { y: 2 },
          note: "hi"
        })
        assert.isTrue(Schema.toEquivalence(Order)(seen[0]!, expected))
      })))
  }
})

class Place extends Schema.Class<Place>("Place")({ city: Schema.String }) {}
class Shipment extends Schema.Class<Shipment>("Shipment")({
  id: Schema.String,
  weight: Schema.Finite,
  at: Schema.Date,
  from: Place,
  to: Schema.NullOr(Place),
  kind: Schema.Literals(["air", "sea"]),
  note: Schema.optionalKey(Schema.String)
}) {}
class Route extends Schema.Class<Route>("Route")({ line: Schema.Int }) {}

const shipments = (name: string, options: Codec.JsonSchemaOptions = {}) =>
  Topic.make(name, {
    key: Codec.jsonSchema(Route, { writeWith: "register", ...options }),
    value: Codec.jsonSchema(Shipment, { writeWith: "register", ...options })
  })

const shipment = new Shipment({
  id: "grüße",
  weight: 1.5,
  at: new Date(0),
  from: new Place({ city: "Köln" }),
  to: null,
  kind: "sea"
})

describe("JSON Schema between Millrace and Python's client", () => {
  for (const ids of forms) {
    it.live(`is read there as it was written here, keys too, with ids in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        const message = { key: new Route({ line: 7 }), value: shipment }
        yield* Producer.send(shipments(name, { ids }), message)
        yield* Producer.send(shipments(name, { ids, draft: "draft-2020-12", subject: "topic-record" }), message)
        const value = {
          id: "grüße",
          weight: 1.5,
          at: "1970-01-01T00:00:00.000Z",
          from: { city: "Köln" },
          to: null,
          kind: "sea"
        }
        const read = yield* foreign(name, { format: "json", keys: true, read: 2 })
        assert.deepStrictEqual(read, [[{ line: 7 }, value], [{ line: 7 }, value]])
      })))

    it.live(`is read here as it was written there, with references and ids in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        // Apicurio goes by the content: without $schema it does not see what this is.
        const $schema = "http://json-schema.org/draft-07/schema#"
        const place = JSON.stringify({
          $schema,
          type: "object",
          properties: { city: { type: "string", minLength: 3 } }
        })
        const schema = JSON.stringify({
          $schema,
          title: "Shipment",
          type: "object",
          properties: { added: { type: "integer" }, from: { $ref: "place.json" }, to: { $ref: "place.json" } }
        })
        const references = [{ name: "place.json", subject: `${name}-place`, version: 1, schema: place }]
        const keySchema = JSON.stringify({ $schema, title: "Route", type: "object" })
        const value = {
          added: 1,
          id: "b",
          weight: 2,
          at: "1970-01-01T00:00:00.005Z",
          from: { city: "Bonn" },
          to: { city: "Ulm" },
          kind: "air",
          note: "hi"
        }
        const write = { schema, references, keySchema, key: { line: 3 }, values: [value], ids }
        yield* foreign(name, { format: "json", write })
        const expected = {
          key: new Route({ line: 3 }),
          value: new Shipment({
            id: "b",
            weight: 2,
            at: new Date(5),
            from: new Place({ city: "Bonn" }),
            to: new Place({ city: "Ulm" }),
            kind: "air",
            note: "hi"
          })
        }
        assert.deepStrictEqual(yield* allOf(shipments(name, { validate: true })), [expected])
      })))
  }
})
