import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Consumer, OnFailure, Producer, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import { readFileSync } from "node:fs"
import { fakeHttp, json } from "../../rest/fakeHttp.ts"

const layer = Layer.mergeAll(InMemoryKafka.layer, SchemaRegistry.layerMemory)

class Order extends Schema.Class<Order>("Order")({
  id: Schema.String,
  total: Schema.Finite,
  count: Schema.BigInt,
  at: Schema.Date,
  note: Schema.optionalKey(Schema.String)
}) {}

const topic = <S extends Schema.Top>(schema: S, options?: Codec.JsonSchemaOptions) =>
  Topic.make("orders", {
    key: Codec.string,
    value: Codec.jsonSchema(schema, { writeWith: "register", ...options })
  })

const order = new Order({ id: "a", total: 1.5, count: 9_007_199_254_740_993n, at: new Date(5) })
const body = "{\"id\":\"a\",\"total\":1.5,\"count\":\"9007199254740993\",\"at\":\"1970-01-01T00:00:00.005Z\"}"

const Raw = Topic.make("orders", { key: Codec.string, value: Codec.bytes })
const bytes = (hex: string, text = "") => new Uint8Array(Buffer.concat([Buffer.from(hex, "hex"), Buffer.from(text)]))
const sendRaw = (...values: ReadonlyArray<Uint8Array>) =>
  Producer.sendAll(Raw, values.map((value) => ({ key: "a", value })))

let groups = 0

const read = <V, R>(source: Topic.Topic<string, V, R, any, any>) =>
  Effect.gen(function*() {
    const seen: Array<V> = []
    const problems: Array<string> = []
    yield* Consumer.run(Consumer.make(`reader-${++groups}`, {
      offsetReset: "earliest",
      onFailure: OnFailure.make((failure) => {
        problems.push(Cause.pretty(failure.cause))
        return OnFailure.skip
      }),
      until: "end",
      handlers: [Topic.handle(source, ({ value }) => Effect.sync(() => seen.push(value)))]
    }))
    return { seen, problems }
  })

const matches = (problems: ReadonlyArray<string>, expected: ReadonlyArray<RegExp>) => {
  assert.strictEqual(problems.length, expected.length, problems.join("\n"))
  for (const [i, problem] of expected.entries()) assert.match(problems[i]!, problem)
}

describe("a topic of JSON Schema", () => {
  it.effect("registers its schema, and carries the JSON of Codec.json", () =>
    Effect.gen(function*() {
      yield* Producer.send(topic(Order), { key: "a", value: order })
      const raw = yield* read(Raw)
      assert.deepStrictEqual(raw.seen, [bytes("0000000001", body)])
      assert.deepStrictEqual((yield* read(topic(Order))).seen, [order])
      const registry = yield* SchemaRegistry.Service
      const { text, type } = yield* registry.version("orders-value", "latest")
      assert.strictEqual(type, "JSON")
      assert.deepStrictEqual(JSON.parse(text), {
        $schema: "http://json-schema.org/draft-07/schema#",
        title: "Order",
        type: "object",
        properties: {
          id: { type: "string" },
          total: { type: "number" },
          count: { type: "string", pattern: "^-?\\d+$" },
          at: { type: "string" },
          note: { type: "string" }
        },
        required: ["id", "total", "count", "at"],
        additionalProperties: false
      })
    }).pipe(Effect.provide(layer)))

  it.effect("reads what any JSON Schema writer wrote, with a byte order mark and more properties", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const { id } = yield* registry.register("other", { type: "JSON", text: "{}" })
      assert.strictEqual(id, 1)
      yield* sendRaw(bytes("0000000001", `\ufeff${body.replace("{", "{\"more\":[1],\"note\":\"hi\",")}`))
      const { seen } = yield* read(topic(Order))
      assert.deepStrictEqual(seen, [new Order({ ...order, note: "hi" })])
    }).pipe(Effect.provide(layer)))

  it.effect("says what is no JSON of a registry, and loses nothing of it", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      yield* registry.register("one", { type: "JSON", text: "{\"type\":\"object\"}" })
      yield* registry.register("two", { type: "AVRO", text: "\"string\"" })
      yield* sendRaw(
        bytes("", body),
        bytes("0000000063", body),
        bytes("00000000"),
        bytes("0000000001", body.slice(0, 20)),
        bytes("0000000001"),
        bytes("0000000001ff"),
        bytes("0000000001", "{\"id\":1}"),
        bytes("0000000002", body),
        bytes("0000000001", body)
      )
      const { problems, seen } = yield* read(topic(Order))
      assert.strictEqual(seen.length, 1)
      matches(problems, [
        /0x7b.*without a registry/,
        /no schema with id 99/,
        /cut off: 4 bytes/,
        /JSON/,
        /JSON/,
        /not valid|UTF-8|encoded data/,
        /Expected string.*\["id"\]|id/s,
        /id 2 is AVRO, and the topic's codec reads JSON/
      ])
    }).pipe(Effect.provide(layer)))

  it.effect("asks a registry as Confluent's clients do, and reads what they write", () => {
    const fixture = (name: string) =>
      JSON.parse(readFileSync(`test/fixtures/registry/${name}.json`, "utf8")) as {
        readonly request: { readonly body: { readonly schema: string } }
        readonly response: { readonly body: unknown }
      }
    const registering = fixture("register-json")
    const asked: Array<unknown> = []
    const http = fakeHttp((_, { body, method }) => {
      if (method === "GET") return json(fixture("get-by-id-json").response.body)
      if (body._tag === "Uint8Array") asked.push(JSON.parse(new TextDecoder().decode(body.body)))
      return json(registering.response.body)
    })
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      const User = Schema.Struct({ id: Schema.String })
      const Users = topic(User, { schema: registering.request.body.schema })
      yield* Producer.send(Users, { key: "a", value: { id: "1" } })
      assert.deepStrictEqual(asked, [registering.request.body])
      // Python's JSON has spaces.
      yield* sendRaw(bytes("0000000001", "{\"id\": \"2\"}"))
      const [first] = (yield* read(Raw)).seen
      assert.deepStrictEqual(first, bytes("0000000004", "{\"id\":\"1\"}"))
      assert.deepStrictEqual((yield* read(Users)).seen, [{ id: "1" }, { id: "2" }])
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })

  it.effect("refuses a schema with rules", () => {
    const ruled = { schema: "{}", schemaType: "JSON", ruleSet: { domainRules: [{ type: "ENCRYPT" }] } }
    const http = fakeHttp(() => json(ruled))
    const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
    return Effect.gen(function*() {
      yield* sendRaw(bytes("0000000001", body))
      matches((yield* read(topic(Order))).problems, [/has rules \(ENCRYPT\)/])
    }).pipe(Effect.provide(Layer.merge(InMemoryKafka.layer, registry)))
  })

  it.effect("enforces the writer's schema where asked, with what it refers to", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const Bill = Schema.Struct({ total: Schema.Finite, money: Schema.Struct({ cents: Schema.Finite }) })
      const money = { $id: "http://shop/money.json", type: "object", properties: { cents: { minimum: 1 } } }
      yield* registry.register("money", { type: "JSON", text: JSON.stringify(money) })
      for (const draft of ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"]) {
        const bill = {
          $schema: draft,
          $id: "http://shop/bill.json",
          properties: { total: { type: "number" }, money: { $ref: "money.json" }, mail: { format: "email" } }
        }
        const references = [{ name: "money.json", subject: "money", version: 1 }]
        yield* registry.setCompatibility("bills", "NONE")
        yield* registry.register("bills", { type: "JSON", text: JSON.stringify(bill), references })
      }
      const good = "{\"total\":1,\"money\":{\"cents\":1}}"
      const bad = "{\"total\":1,\"money\":{\"cents\":0}}"
      const mail = "{\"total\":1,\"money\":{\"cents\":1},\"mail\":\"no\"}"
      yield* sendRaw(...["0000000002", "0000000003"].flatMap((id) => [good, bad, mail].map((text) => bytes(id, text))))
      const { problems, seen } = yield* read(topic(Bill, { validate: true }))
      assert.strictEqual(seen.length, 2)
      matches(problems, [/\/money\/cents must be >= 1/, /email/, /\/money\/cents must be >= 1/, /email/])
      assert.strictEqual((yield* read(topic(Bill))).seen.length, 6)
    }).pipe(Effect.provide(layer)))

  it.effect("says of references what is wrong: a circle, or none", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      for (
        const text of ["{\"$ref\":\"#\"}", "{\"$ref\":\"gone.json\"}", "{\"$schema\":\"http://a/draft-03/schema#\"}"]
      ) {
        yield* registry.register(`odd-${text.length}`, { type: "JSON", text })
      }
      yield* sendRaw(bytes("0000000001", "1"), bytes("0000000002", "1"), bytes("0000000003", "1"))
      const { problems } = yield* read(topic(Schema.Finite, { validate: true }))
      matches(problems.slice(-2), [/cannot read the schema with id 2.*gone.json/s, /draft-07, 2019-09 and 2020-12/])
      // Without it nobody looks at the schema.
      assert.strictEqual((yield* read(topic(Schema.Finite))).seen.length, 3)
      const Latest = topic(Schema.Finite, { writeWith: { id: 1 } })
      const error = yield* Effect.flip(Producer.send(Latest, { key: "a", value: 1 }))
      assert.include(String(error), "\"#\" is a circle")
    }).pipe(Effect.provide(layer)))

  it.effect("writes with the latest version where it has the same layout, or any where that is asked for", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const Bill = Schema.Struct({ total: Schema.Finite, note: Schema.optionalKey(Schema.String) })
      const register = (properties: object) =>
        registry.register("orders-value", {
          type: "JSON",
          text: JSON.stringify({ type: "object", title: "Other", required: ["total"], properties })
        })
      yield* registry.setCompatibility("orders-value", "NONE")
      const send = (options: Codec.JsonSchemaOptions) =>
        Producer.send(topic(Bill, { writeWith: "latest", ...options }), { key: "a", value: { total: 0 } })
      yield* register({ note: { type: "string", maxLength: 3 }, total: { type: "number", minimum: 1 } })
      yield* send({})
      const checked = yield* Effect.flip(send({ validate: true }))
      assert.include(String(checked), "/total must be >= 1")
      yield* register({ note: { type: "string" }, total: { type: "integer" } })
      const error = yield* Effect.flip(send({}))
      assert.include(String(error), "id 2 has another layout")
      assert.include(String(error), "at /properties/total: integer instead of number")
      yield* send({ latestCompatibility: "none" })
      assert.deepStrictEqual((yield* read(Raw)).seen, [
        bytes("0000000001", "{\"total\":0}"),
        bytes("0000000002", "{\"total\":0}")
      ])
    }).pipe(Effect.provide(layer)))

  it.effect("has its subject by its title, and its ids in headers where asked", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      yield* Producer.send(topic(Order, { subject: "record", ids: "header" }), { key: "a", value: order })
      assert.deepStrictEqual(yield* registry.subjects(), ["Order"])
      assert.deepStrictEqual((yield* read(Raw)).seen, [bytes("", body)])
      assert.deepStrictEqual((yield* read(topic(Order, { subject: "record" }))).seen, [order])
    }).pipe(Effect.provide(layer)))

  it.effect("registers a schema that is given with what it refers to, and compares both with the Schema", () =>
    Effect.gen(function*() {
      const registry = yield* SchemaRegistry.Service
      const Bill = Schema.Struct({ money: Schema.Struct({ cents: Schema.Finite }) })
      const money = { type: "object", properties: { cents: { type: "number", minimum: 1 } }, required: ["cents"] }
      yield* registry.register("money", { type: "JSON", text: JSON.stringify(money) })
      const schema = JSON.stringify({
        type: "object",
        properties: { money: { $ref: "money.json" } },
        required: ["money"]
      })
      const references = [{ name: "money.json", subject: "money", version: 1 }]
      const send = (schemaOf: Schema.Codec<any, any>, value: unknown, options: Codec.JsonSchemaOptions = {}) =>
        Producer.send(topic(schemaOf, { schema, references, ...options }), { key: "a", value })
      yield* send(Bill, { money: { cents: 1 } })
      const registered = yield* registry.version("orders-value", "latest")
      assert.deepStrictEqual([registered.text, registered.references], [schema, references])
      assert.deepStrictEqual((yield* read(topic(Bill, { schema, references }))).seen, [{ money: { cents: 1 } }])
      const refused = yield* Effect.flip(send(Bill, { money: { cents: 0 } }, { validate: true }))
      assert.include(String(refused), "/money/cents must be >= 1")
      const Other = Schema.Struct({ money: Schema.Struct({ cents: Schema.String }) })
      for (const latestCompatibility of ["strict", "none"] as const) {
        const error = yield* Effect.flip(send(Other, { money: { cents: "1" } }, { latestCompatibility }))
        assert.include(String(error), "does not fit the Schema, at /properties/money/properties/cents: number instead")
      }
      assert.throws(() => Codec.jsonSchema(Bill, { references }), /references: they are of a schema that is given/)
      const wrong = [{ name: "money.json", subject: "money" }]
      assert.throws(
        () => Codec.jsonSchema(Bill, { schema, references: wrong as never }),
        /references: .* is not an array/
      )
    }).pipe(Effect.provide(layer)))

  it("takes only options that it has", () => {
    const make = (options: object) => () => Codec.jsonSchema(Order, options)
    assert.throws(make({ draft: "draft-04" }), /Codec.jsonSchema: draft: "draft-04" is not "draft-07"/)
    assert.throws(make({ namespace: "shop" }), /unknown field "namespace"/)
    assert.throws(make({ latestCompatibility: true }), /latestCompatibility: true is not "strict" or "none"/)
    assert.throws(make({ validate: "yes" }), /validate: "yes" is not/)
    const text = JSON.stringify({ type: "object", properties: { id: { type: "string" } } })
    assert.throws(
      make({ schema: text }),
      /does not fit the Schema, at \/: the properties id instead of the properties at/
    )
  })
})
