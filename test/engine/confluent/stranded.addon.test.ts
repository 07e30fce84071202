import { assert, describe, layer } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { make as makeConsumer } from "../../../src/engine/confluent/consumer/consumerClient.ts"
import { make as makeProducer } from "../../../src/engine/confluent/producer/lastingProducer.ts"
import type { Environment } from "../../../src/engine/confluent/shared/environment.ts"
import type { NativeConsumer, NativeProducer } from "../../../src/engine/confluent/shared/native.ts"
import { load } from "../../../src/engine/confluent/shared/native.ts"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { environmentOf } from "./fakeNative.ts"
import { fresh, Mock, mockEngine, numbered, open, produce, send, until, values } from "./mock.ts"

const deadline = Duration.seconds(10)
const noAnswer = { code: -195, message: "Local: Broker transport failure" }

/** The package with clients that a test can strand: they say that all brokers are down and answer no more. */
const strandable = Effect.gen(function*() {
  const native = yield* load
  const consumers: Array<NativeConsumer> = []
  const producers: Array<NativeProducer> = []
  const environment = (bootstrap: string): Environment =>
    environmentOf({
      native: {
        ...native,
        KafkaConsumer: class {
          constructor(config: any) {
            const consumer = new native.KafkaConsumer(config)
            consumers.push(consumer)
            return consumer
          }
        } as any,
        Producer: class {
          constructor(config: any) {
            const producer = new native.Producer(config)
            producers.push(producer)
            return producer
          }
        } as any
      },
      bootstrapServers: bootstrap,
      consumer: { groupProtocol: "consumer", fetchMaxWait: "10 millis" },
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 5_000,
      pace: { interval: 10, patience: 50 },
      watch: (client) => client.on("error", () => {})
    })
  const strand = (client: NativeConsumer | NativeProducer) => {
    client.getMetadata = (_, done) => done(noAnswer as any, undefined as any)
    ;(client as any).emit("event.error", { code: -1, message: "Local: All broker connections are down" })
  }
  return { environment, strand, consumers, producers }
})

/** One that was stranded by name only can be closed. */
const end = (consumer: NativeConsumer) =>
  Effect.callback<void>((resume) => consumer.disconnect(() => resume(Effect.void)))

const engineWith = Effect.fnUntraced(function*(environment: Environment) {
  const engine = yield* KafkaEngine.Service
  return KafkaEngine.Service.of({ ...engine, consumer: (options) => makeConsumer(environment, options) })
})

layer(mockEngine, { excludeTestServices: true })("a native client that lost its brokers for good", (it) => {
  describe("a consumer", () => {
    it.effect(
      "is replaced: its partitions are lost, come again, and go on from what was committed",
      () =>
        Effect.gen(function*() {
          const { bootstrap } = yield* Mock
          const { consumers, environment, strand } = yield* strandable
          const topic = fresh("stranded")
          yield* produce([0, 1, 2, 3].flatMap((partition) => numbered(topic, 0, 5, partition)))
          const owner = yield* Effect.provideService(
            open({ topics: [topic] }),
            KafkaEngine.Service,
            yield* engineWith(environment(bootstrap))
          )
          yield* owner.run(() => owner.records.length === 20, "all records")
          yield* owner.client.commit([0, 1, 2, 3].map((partition) => ({ topic, partition, offset: 3 })))
          owner.records.length = 0
          strand(consumers[0]!)
          yield* owner.run(() => owner.find("Rebalance").some(({ kind }) => kind === "lost"), "the loss")
          yield* owner.run(() => owner.assigned.size === 4, "the partitions again")
          yield* owner.run(() => owner.records.length === 8, "what was not committed")
          assert.deepStrictEqual(values(owner.records).sort(), ["3", "3", "3", "3", "4", "4", "4", "4"])
          const ids = owner.find("Rebalance").map(({ id }) => id)
          assert.strictEqual(new Set(ids).size, ids.length)
          assert.isTrue(owner.find("Disturbed").some(({ error }) => error.reason._tag === "BrokerUnreachable"))
          assert.deepStrictEqual(owner.find("Failed"), [])
          // The new one serves everything.
          assert.isTrue(owner.client.store({ topic, partition: 0, offset: 5 }))
          assert.strictEqual(consumers.length, 2)
          yield* owner.client.close(deadline)
          yield* end(consumers[0]!)
        }),
      60_000
    )

    it.effect(
      "is replaced with an assignment that nobody answered yet: its answer changes nothing",
      () =>
        Effect.gen(function*() {
          const { bootstrap } = yield* Mock
          const { consumers, environment, strand } = yield* strandable
          const topic = fresh("unanswered")
          yield* produce(numbered(topic, 0, 3))
          const owner = yield* Effect.provideService(
            open({ topics: [topic] }),
            KafkaEngine.Service,
            yield* engineWith(environment(bootstrap))
          )
          yield* until(() => owner.due.length === 1, "the assignment")
          strand(consumers[0]!)
          // The other one may have its assignment right after it.
          yield* until(() => owner.due.length >= 2, "its loss")
          assert.deepStrictEqual(owner.due.slice(0, 2).map(({ kind, partitions }) => [kind, partitions.length]), [
            ["assign", 4],
            ["lost", 4]
          ])
          // As its session would, in the end.
          yield* end(consumers[0]!)
          yield* owner.run(() => owner.records.length === 3, "all records")
          yield* owner.client.close(deadline)
        }),
      60_000
    )

    it.effect("of fixed partitions fails: only its owner knows where it stands", () =>
      Effect.gen(function*() {
        const { bootstrap } = yield* Mock
        const { consumers, environment, strand } = yield* strandable
        const topic = fresh("manual")
        yield* produce(numbered(topic, 0, 3))
        const owner = yield* Effect.provideService(
          open({ subscription: { _tag: "Manual", positions: [{ topic, partition: 0, offset: 0 }] } }),
          KafkaEngine.Service,
          yield* engineWith(environment(bootstrap))
        )
        yield* owner.run(() => owner.records.length === 3, "all records")
        strand(consumers[0]!)
        yield* until(() => owner.find("Failed").length === 1, "the end")
        assert.isTrue(owner.find("Failed")[0]!.error.isRetryable)
        yield* Effect.exit(owner.client.close(Duration.zero))
        yield* end(consumers[0]!)
      }), 60_000)
  })

  describe("a producer", () => {
    it.effect("is replaced: what comes later is sent by another one", () =>
      Effect.gen(function*() {
        const { bootstrap } = yield* Mock
        const { environment, producers, strand } = yield* strandable
        const topic = fresh("producer")
        const producer = yield* makeProducer(environment(bootstrap))
        yield* send(producer, numbered(topic, 0, 1)[0]!)
        strand(producers[0]!)
        yield* until(() => producers.length === 2, "another one")
        yield* until(() => producers[0]!.isConnected() === false, "the end of the old one")
        assert.deepInclude(yield* send(producer, numbered(topic, 1, 2)[0]!), { topic, partition: 0, offset: 1 })
        yield* producer.flush(deadline)
      }), 60_000)
  })
})
