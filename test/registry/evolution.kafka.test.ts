/** Three versions of a topic's values on the real registry: old and new consumers and producers live side by side. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { FetchHttpClient } from "effect/http"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type { Codec as Codecs } from "millrace"
import { Consumer, KafkaEngine, OnFailure, Producer, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import { Codec, SchemaRegistry } from "millrace/registry"
import { sharedKafka } from "../services/env.ts"
import { sharedRegistry } from "../services/registry.ts"

let url: string
beforeAll(async () => {
  url = await sharedRegistry()
})

const layer = Layer.mergeAll(
  Layer.unwrap(Effect.sync(() => SchemaRegistry.layer({ url }))).pipe(Layer.provide(FetchHttpClient.layer)),
  Layer.unwrap(Effect.sync(() => ConfluentKafka.layer({ bootstrapServers: [sharedKafka()] })))
)

const at = (field: number) => ({ protobuf: { field } })
const named = { identifier: "Order" }
const id = Schema.String.annotateKey(at(1))
const total = Schema.Finite.annotateKey(at(2))
const optional = (field: number) => Schema.optionalKey(Schema.String).annotateKey(at(field))

interface Order {
  readonly id: string
  readonly total: number
  readonly note?: string
  readonly tags?: string
}

const first = Schema.Struct({ id, total }).annotate(named)
const second = Schema.Struct({ id, total, note: optional(3) }).annotate(named)
/** The note is gone again. */
const third = Schema.Struct({ id, total, tags: optional(4) }).annotate(named)
/** In a closed object of JSON Schema what old records may have stays, and Apicurio lets no field of Protobuf go. */
const wider = Schema.Struct({ id, total, note: optional(3), tags: optional(4) }).annotate(named)
const incompatible = Schema.Struct({ id, total: Schema.String.annotateKey(at(2)) }).annotate(named)

type Version = Schema.Codec<Order, unknown>
type Format = (schema: Schema.Codec<any, any>) => Codecs.Codec<any, SchemaRegistry.Service, SchemaRegistry.Service>
const register = { writeWith: "register" } as const

const formats: ReadonlyArray<{
  readonly name: string
  readonly codec: Format
  readonly level: SchemaRegistry.Compatibility
  readonly last: Version
}> = [
  { name: "Avro", codec: (schema) => Codec.avro(schema, register), level: "FULL_TRANSITIVE", last: third },
  { name: "JSON Schema", codec: (schema) => Codec.jsonSchema(schema, register), level: "BACKWARD", last: wider },
  { name: "Protobuf", codec: (schema) => Codec.protobuf(schema, register), level: "BACKWARD", last: wider }
]

/** A consumer of one version that goes on; what it handles comes in turn, and then the error that ends it. */
const startConsumer = Effect.fnUntraced(function*(topic: Topic.Topic<string, Order, SchemaRegistry.Service, any, any>) {
  const handled = yield* Queue.unbounded<Order, unknown>()
  const consumer = Consumer.make(`evolution-${globalThis.crypto.randomUUID()}`, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [Topic.handle(topic, ({ value }) => Queue.offer(handled, value))]
  })
  yield* Consumer.run(consumer).pipe(Effect.onError((cause) => Queue.failCause(handled, cause)), Effect.forkScoped)
  return handled
})

describe("three versions of a topic, with the consumers and producers of all of them at once", () => {
  for (const { codec, last, level, name } of formats) {
    it.live(`are read by each other in ${name}, and a fourth that could not be is refused`, () =>
      Effect.gen(function*() {
        const topic = `evolution-${globalThis.crypto.randomUUID()}`
        yield* (yield* (yield* KafkaEngine.Service).admin).createTopic({ name: topic, partitions: 1 })
        const registry = yield* SchemaRegistry.Service
        const of = (schema: Version) => Topic.make(topic, { key: Codec.string, value: codec(schema) })
        const versions = [first, second, last].map(of)
        const consumers: Array<Queue.Queue<Order, unknown>> = []
        const send = (version: number, value: Order) => Producer.send(versions[version]!, { key: "k", value })

        // Each version is rolled out while the ones before go on, and writes beside them.
        for (const [i, version] of versions.entries()) {
          consumers.push(yield* startConsumer(version))
          for (let writer = 0; writer <= i; writer++) {
            const note = writer === 1 ? { note: "n" } : {}
            yield* send(writer, { id: `${i}${writer}`, total: i, ...note, ...(writer === 2 ? { tags: "t" } : {}) })
          }
          if (i === 0) yield* registry.setCompatibility(`${topic}-value`, level)
        }

        const written = ["00", "10", "11", "20", "21", "22"]
        for (const [reader, handled] of consumers.entries()) {
          const orders = yield* Effect.forEach(written, () => Queue.take(handled))
          assert.deepStrictEqual(
            orders,
            written.map((id): Order => ({
              id,
              total: Number(id[0]),
              ...(id[1] === "1" && (reader === 1 || reader === 2 && last === wider) ? { note: "n" } : {}),
              ...(id[1] === "2" && reader === 2 ? { tags: "t" } : {})
            })),
            `the consumer of version ${reader + 1}`
          )
        }
        assert.deepStrictEqual(yield* registry.versions(`${topic}-value`), [1, 2, 3])

        const fourth = Topic.make(topic, { key: Codec.string, value: codec(incompatible) })
        const refused = yield* Effect.flip(Producer.send(fourth, { key: "k", value: { id: "a", total: "1" } }))
        assert.include(String(refused), `not compatible with subject "${topic}-value"`)
      }).pipe(Effect.scoped, Effect.provide(layer)))
  }
})
