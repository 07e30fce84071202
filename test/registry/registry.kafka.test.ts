import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
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
import type { RegistryServer } from "../services/registry.ts"
import { startRegistry } from "../services/registry.ts"
import { registrySuite } from "./registrySuite.ts"

let server: RegistryServer
beforeAll(async () => {
  server = await startRegistry()
})
afterAll(() => server.stop())

const registry = Layer.unwrap(Effect.sync(() => SchemaRegistry.layer({ url: server.url }))).pipe(
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
  const name = `avro-${process.pid}-${++topics}`
  const engine = yield* KafkaEngine.Service
  const admin = yield* engine.admin
  yield* admin.createTopic({ name, partitions: 1 })
  return name
})

const live = <A, E>(
  effect: Effect.Effect<A, E, KafkaEngine.Service | SchemaRegistry.Service>
) => Effect.provide(effect, [registry, ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })])

const orders = (name: string) =>
  Topic.make(name, { key: Codec.string, value: Codec.avro(Order, { namespace: "shop", writeWith: "register" }) })

const order = new Order({
  id: "a",
  big: 9_007_199_254_740_993n,
  price: BigDecimal.fromStringUnsafe("-12.50"),
  at: new Date(1_700_000_000_123),
  kind: "shop",
  tags: { x: 1 }
})

describe("Avro between Millrace and Python's client", () => {
  it.live("is read there as it was written here", () =>
    live(Effect.gen(function*() {
      const name = yield* newTopic
      yield* Producer.send(orders(name), { key: "k", value: order })
      const read = yield* Effect.promise(() =>
        runPython(python, { bootstrap: sharedKafka(), registry: server.url, topic: name, read: 1 })
      )
      assert.deepStrictEqual(read, [
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

  for (const ids of ["prefix", "header"]) {
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
        yield* Effect.promise(() =>
          runPython(python, {
            bootstrap: sharedKafka(),
            registry: server.url,
            topic: name,
            write: { schema, values, ids }
          })
        )
        const seen: Array<Order> = []
        yield* Consumer.run(Consumer.make(`reader-${name}`, {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          until: "end",
          handlers: [Topic.handle(orders(name), ({ value }) => Effect.sync(() => seen.push(value)))]
        }))
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
