import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { Consumer, Health, OnFailure, Producer, Topic } from "millrace"
import { Codec, SchemaRegistry } from "millrace/registry"
import { InMemoryKafka } from "millrace/testing"
import { fakeHttp, json } from "../rest/fakeHttp.ts"

const Note = Schema.Struct({ text: Schema.String.annotateKey({ protobuf: { field: 1 } }) })
const text = new TextEncoder()

const formats = [
  {
    type: "AVRO",
    codec: Codec.avro(Note, { name: "Note" }),
    schema: JSON.stringify({ type: "record", name: "Note", fields: [{ name: "text", type: "string" }] }),
    payload: [2, 97]
  },
  { type: "JSON", codec: Codec.jsonSchema(Note), schema: "{}", payload: [...text.encode("{\"text\":\"a\"}")] },
  {
    type: "PROTOBUF",
    codec: Codec.protobuf(Note, { name: "Note" }),
    schema: "syntax = \"proto3\"; message Note { string text = 1; }",
    payload: [0, 10, 1, 97]
  }
]

describe("a registry that is down for longer than a handler may take", () => {
  for (const { codec, payload, schema, type } of formats) {
    it.effect(`holds the partition, red, and makes no poison (${type})`, () => {
      let isUp = false
      const http = fakeHttp(() => isUp ? json({ schema, schemaType: type }) : "refused")
      const registry = SchemaRegistry.layer({ url: "http://one" }).pipe(Layer.provide(http.layer))
      const services = Layer.mergeAll(InMemoryKafka.layer, registry, Layer.sync(Health.Registry, () => new Set()))
      return Effect.gen(function*() {
        const raw = Topic.make("notes", { key: Codec.none, value: Codec.bytes })
        yield* Producer.send(raw, { key: null, value: new Uint8Array([0, 0, 0, 0, 7, ...payload]) })
        const seen: Array<string> = []
        let failures = 0
        const running = yield* Effect.forkChild(Consumer.run(Consumer.make("reader", {
          offsetReset: "earliest",
          maxHandlerStall: "1 minute",
          onFailure: OnFailure.make(() => {
            failures++
            return OnFailure.skip
          }),
          handlers: [
            Topic.handle(
              Topic.make("notes", { key: Codec.none, value: codec }),
              ({ value }) => Effect.sync(() => seen.push(value.text))
            )
          ]
        })))
        for (let i = 0; i < 20; i++) yield* TestClock.adjust("15 seconds")
        assert.isUndefined(running.pollUnsafe())
        const [down] = yield* Health.all
        assert.isFalse(down!.healthy)
        assert.include(down!.stalled[0], { topic: "notes", partition: 0, offset: 0 })
        assert.match(down!.stalled[0]!.problem, /codec waits/)
        isUp = true
        for (let i = 0; i < 4 && seen.length === 0; i++) yield* TestClock.adjust("15 seconds")
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([seen, failures], [["a"], 0])
        assert.isTrue((yield* Health.all)[0]!.healthy)
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(services))
    })
  }
})
