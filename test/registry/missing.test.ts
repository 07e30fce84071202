import { assert, describe, it, vi } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Registry from "millrace/registry"
import { afterAll } from "vitest"

// Other files of a worker may have loaded the libraries, and will load them.
const libraries = ["avsc", "ajv", "ajv/dist/2020.js", "ajv-formats", "protobufjs"]
vi.resetModules()
for (const name of libraries) {
  vi.doMock(name, () => {
    throw new Error("not installed")
  })
}
afterAll(() => {
  for (const name of libraries) vi.doUnmock(name)
  vi.resetModules()
})

const { Consumer, OnFailure, Producer, Topic } = await import("millrace")
const { Codec, SchemaRegistry } = await import("millrace/registry")
const { InMemoryKafka } = await import("millrace/testing")

const layer = Layer.mergeAll(InMemoryKafka.layer, SchemaRegistry.layerMemory)

describe("a library that is not installed", () => {
  const text = Schema.Struct({ text: Schema.String.annotateKey({ protobuf: { field: 1 } }) })
  const codecs: Readonly<
    Record<string, Registry.Codec.Codec<any, Registry.SchemaRegistry.Service, Registry.SchemaRegistry.Service>>
  > = {
    avsc: Codec.avro(Schema.String),
    "ajv ajv-formats": Codec.jsonSchema(Schema.String, { validate: true }),
    protobufjs: Codec.protobuf(text, { name: "Text" })
  }
  for (const [name, value] of Object.entries(codecs)) {
    const topic = Topic.make("t", { key: Codec.none, value })
    const sent = name === "protobufjs" ? { text: "a" } : "a"

    it.effect(`${name} is named when a consumer starts, before there is a record`, () =>
      Effect.gen(function*() {
        yield* Producer.send(Topic.make("t", { key: Codec.none, value: Codec.bytes }), {
          key: null,
          value: new Uint8Array()
        })
        const running = yield* Effect.forkChild(Consumer.run(Consumer.make("reader", {
          offsetReset: "latest",
          onFailure: OnFailure.stop,
          handlers: [Topic.handle(topic, () => Effect.void)]
        })))
        const exit = yield* Fiber.await(running)
        assert.strictEqual(exit._tag, "Failure")
        if (exit._tag === "Failure") assert.include(Cause.pretty(exit.cause), `npm install ${name}`)
      }).pipe(Effect.provide(layer)))

    it.effect(`${name} is named by the first send`, () =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Producer.send(topic, { key: null, value: sent }))
        assert.strictEqual(exit._tag, "Failure")
        if (exit._tag === "Failure") assert.include(Cause.pretty(exit.cause), `npm install ${name}`)
      }).pipe(Effect.provide(layer)))
  }
})
