import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
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

let url: string
beforeAll(async () => {
  url = await sharedRegistry()
})

const registry = Layer.unwrap(Effect.sync(() => SchemaRegistry.layer({ url }))).pipe(
  Layer.provide(FetchHttpClient.layer)
)

const at = (field: number) => ({ protobuf: { field } })

const Card = Schema.TaggedStruct("Card", { number: Schema.String.annotateKey(at(1)) })
const Cash = Schema.TaggedStruct("Cash", { coins: Schema.Array(Schema.Int).annotateKey(at(1)) })
const Money = Schema.Struct({ cents: Schema.BigInt.annotateKey(at(1)) }).annotate({ identifier: "Money" })
const Kind = Schema.Literals(["web", "shop"]).annotate({
  identifier: "Kind",
  protobuf: { values: { web: 1, shop: 2 } }
})

class Order extends Schema.Class<Order>("Order")({
  id: Schema.String.annotateKey(at(1)),
  sum: Money.annotateKey(at(2)),
  kind: Kind.annotateKey(at(3)),
  at: Schema.Date.annotateKey(at(4)),
  took: Schema.NullOr(Schema.Duration).annotateKey(at(5)),
  tags: Schema.Record(Schema.String, Schema.Int).annotateKey(at(6)),
  payment: Schema.Union([Card, Cash]).annotate({ protobuf: { oneof: { Card: 7, Cash: 8 } } }),
  note: Schema.optionalKey(Schema.String).annotateKey(at(9)),
  level: Schema.Int.annotateKey({ protobuf: { field: 10, type: "sint32" } })
}) {}

const order = new Order({
  id: "a",
  sum: { cents: -9_007_199_254_740_993n },
  kind: "shop",
  at: new Date(-1),
  took: Duration.millis(-1_500),
  tags: { x: 1, y: -2 },
  payment: { _tag: "Cash", coins: [1, 300] },
  note: "",
  level: -3
})

type Type = string | { readonly type: string }
const field = (name: string, number: number, type: Type, more: object = {}) => ({
  name,
  number,
  label: "LABEL_OPTIONAL",
  ...typeof type === "string" ? { type: `TYPE_${type}` } : { typeName: type.type },
  ...more
})
const repeated = { label: "LABEL_REPEATED" }

const moneyFile = {
  name: "money.proto",
  package: "shop",
  syntax: "proto3",
  messageType: [{ name: "Money", field: [field("cents", 1, "INT64")] }]
}

const kind = {
  name: "Kind",
  value: [{ name: "KIND_UNSPECIFIED", number: 0 }, { name: "KIND_WEB", number: 1 }, { name: "KIND_SHOP", number: 2 }]
}

/** As `protoc` would make it, with an import, and the message within another one. */
const orderFile = {
  name: "order.proto",
  package: "shop",
  syntax: "proto3",
  dependency: ["money.proto", "google/protobuf/timestamp.proto", "google/protobuf/duration.proto"],
  messageType: [
    { name: "Card", field: [field("number", 1, "STRING")] },
    { name: "Cash", field: [field("coins", 1, "INT64", repeated)] },
    {
      name: "Outer",
      nestedType: [{ name: "Other" }, {
        name: "Order",
        field: [
          field("id", 1, "STRING"),
          field("sum", 2, { type: ".shop.Money" }),
          field("kind", 3, { type: ".shop.Kind" }),
          field("at", 4, { type: ".google.protobuf.Timestamp" }),
          field("took", 5, { type: ".google.protobuf.Duration" }),
          field("tags", 6, { type: ".shop.Outer.Order.TagsEntry" }, repeated),
          field("card", 7, { type: ".shop.Card" }, { oneofIndex: 0 }),
          field("cash", 8, { type: ".shop.Cash" }, { oneofIndex: 0 }),
          field("note", 9, "STRING", { oneofIndex: 1, proto3Optional: true }),
          field("level", 10, "SINT32"),
          field("added", 11, "DOUBLE")
        ],
        nestedType: [{
          name: "TagsEntry",
          field: [field("key", 1, "STRING"), field("value", 2, "INT64")],
          options: { mapEntry: true }
        }],
        oneofDecl: [{ name: "payment" }, { name: "_note" }]
      }]
    }
  ],
  enumType: [kind]
}

const python = new URL("foreignProtobuf.py", import.meta.url)
const foreign = (topic: string, more: object) =>
  Effect.promise(() =>
    runPython(python, {
      bootstrap: sharedKafka(),
      registry: url,
      topic,
      files: [moneyFile, orderFile],
      message: "shop.Outer.Order",
      ...more
    })
  )

let topics = 0
const newTopic = Effect.gen(function*() {
  const name = `protobuf-${process.pid}-${++topics}`
  const engine = yield* KafkaEngine.Service
  const admin = yield* engine.admin
  yield* admin.createTopic({ name, partitions: 1 })
  return name
})

const live = <A, E>(
  effect: Effect.Effect<A, E, KafkaEngine.Service | SchemaRegistry.Service>
) => Effect.provide(effect, [registry, ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })])

const orders = (name: string, options?: Codec.ProtobufOptions) =>
  Topic.make(name, {
    key: Codec.string,
    value: Codec.protobuf(Order, { package: "shop", writeWith: "register", ...options })
  })

const readAll = Effect.fnUntraced(function*(topic: ReturnType<typeof orders>) {
  const seen: Array<Order> = []
  yield* Consumer.run(Consumer.make(`reader-${topic.name}`, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    until: "end",
    handlers: [Topic.handle(topic, ({ value }) => Effect.sync(() => seen.push(value)))]
  }))
  return seen
})

const isOrder = Schema.toEquivalence(Order)

const asRead = {
  id: "a",
  sum: { cents: "-9007199254740993" },
  kind: "KIND_SHOP",
  at: "1969-12-31T23:59:59.999Z",
  took: "-1.500s",
  tags: { x: "1", y: "-2" },
  cash: { coins: ["1", "300"] },
  note: "",
  level: -3
}

/** The same messages, written by hand. */
const text = `syntax = "proto3";
package shop;

import "money.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";

message Card { string number = 1; }
message Cash { repeated int64 coins = 1; }

message Outer {
  message Other {}
  message Order {
    string id = 1;
    Money sum = 2;
    Kind kind = 3;
    google.protobuf.Timestamp at = 4;
    google.protobuf.Duration took = 5;
    map<string, int64> tags = 6;
    oneof payment { Card card = 7; Cash cash = 8; }
    optional string note = 9;
    sint32 level = 10;
  }
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_WEB = 1; KIND_SHOP = 2; }
`

describe("Protobuf between Millrace and Python's client", () => {
  for (const ids of ["prefix", "header"] as const) {
    it.live(`is read there as it was written here, with its id in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        const topic = orders(name, { ids })
        yield* Producer.send(topic, { key: "k", value: order })
        assert.deepStrictEqual(yield* foreign(name, { read: 1 }), [asRead])
        assert.isTrue(isOrder((yield* readAll(topic))[0]!, order))
      })))

    it.live(`is read here as it was written there, with its id in the ${ids}`, () =>
      live(Effect.gen(function*() {
        const name = yield* newTopic
        const values = [{ ...asRead, added: 1.5 }, { sum: {}, kind: "KIND_WEB", at: "1970-01-01T00:00:00Z", card: {} }]
        yield* foreign(name, { write: { values, ids } })
        const seen = yield* readAll(orders(name))
        const empty = new Order({
          id: "",
          sum: { cents: 0n },
          kind: "web",
          at: new Date(0),
          took: null,
          tags: {},
          payment: { _tag: "Card", number: "" },
          level: 0
        })
        assert.strictEqual(seen.length, 2)
        assert.isTrue(isOrder(seen[0]!, order))
        assert.isTrue(isOrder(seen[1]!, empty))
      })))
  }

  it.live("is written with a text that refers to another, as a message within a message", () =>
    live(Effect.gen(function*() {
      const name = yield* newTopic
      const schemas = yield* SchemaRegistry.Service
      const money = "syntax = \"proto3\";\npackage shop;\n\nmessage Money {\n  int64 cents = 1;\n}\n"
      yield* schemas.register(`${name}-money`, { type: "PROTOBUF", text: money })
      const topic = orders(name, {
        schema: text,
        references: [{ name: "money.proto", subject: `${name}-money`, version: 1 }],
        message: "Outer.Order"
      })
      yield* Producer.send(topic, { key: "k", value: order })
      assert.deepStrictEqual(yield* foreign(name, { read: 1 }), [asRead])
      assert.isTrue(isOrder((yield* readAll(topic))[0]!, order))
    })))
})
