import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { Codec, Consumer, DeadLetters, type KafkaConfig, Retry, RetryTopics, Topic } from "millrace"
import { ConfluentKafka } from "millrace/confluent"
import type { RawMessage } from "../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import * as Plan from "../src/internal/plan/plan.ts"
import { sendAll } from "../src/internal/produce/delivering.ts"
import { provision } from "../src/internal/retry/provision.ts"
import { until } from "./conformance/kafkaHarness.ts"
import { createTopic } from "./faults/cluster.ts"
import { sharedKafka } from "./services/env.ts"

const protocols: { readonly [name: string]: KafkaConfig.ConsumerConfig } = {
  "KIP-848": { groupProtocol: "consumer" },
  "cooperative-sticky": { groupProtocol: "classic", assignor: "cooperative-sticky" },
  "range": { groupProtocol: "classic", assignor: "range" }
}

const engineOf = (consumer: KafkaConfig.ConsumerConfig) =>
  ConfluentKafka.layer({ bootstrapServers: [sharedKafka()], consumer: { sessionTimeout: "30 seconds", ...consumer } })

let used = 0

/** A consumer of its own, with all topics it needs, and so many dead letters in each of three partitions. */
const scene = Effect.fnUntraced(function*(perPartition: number) {
  const id = `dl-${process.pid}-${++used}`
  const consumer = Consumer.make(`${id}-group`, {
    offsetReset: "earliest",
    onFailure: Retry.nonBlocking(Schedule.recurs(1)),
    handlers: [Topic.handle(Topic.make(id, { key: Codec.string, value: Codec.string }), () => Effect.void)]
  })
  const { admin: getAdmin, capabilities, producer } = yield* KafkaEngine.Service
  const admin = yield* getAdmin
  yield* createTopic(id, 3)
  const { topology } = yield* Plan.make(consumer)
  const topics = yield* topology.of(id)
  const states = yield* provision(admin, capabilities, [topics!], "create")
  assert.deepStrictEqual(states.map(({ partitions, status }) => [status, partitions]), [["created", 3], ["created", 3]])
  const messages = Array.from({ length: 3 * perPartition }, (_, i): RawMessage => ({
    topic: topics!.deadLetter,
    partition: i % 3,
    key: new TextEncoder().encode(String(i)),
    value: new TextEncoder().encode(`value ${i}`)
  }))
  yield* sendAll(yield* producer, messages)
  const group = DeadLetters.groupOf(consumer)
  const committed = Effect.map(
    admin.groupOffsets(group),
    (positions) => positions.toSorted((a, b) => a.partition - b.partition).map(({ offset }) => offset)
  )
  const tier = topics!.tiers[0]!.name
  const places = [0, 1, 2].map((partition) => ({ topic: tier, partition }))
  const begun = until(
    "some are sent",
    Effect.map(admin.listOffsets(places, "latest"), (ends) => ends.some(({ offset }) => offset > 0))
  )
  return { admin, consumer, committed, begun, tier, group, source: id }
})

const placesOf = (moved: ReadonlyArray<DeadLetters.Moved>) =>
  moved.map(({ letter }) => `${letter.partition}/${letter.offset}`)

layer(engineOf({}), { timeout: "60 seconds", excludeTestServices: true })("dead letters on a real Kafka", (it) => {
  it.effect("are redriven up to max, then to the end, each once", () =>
    Effect.gen(function*() {
      const { admin, committed, consumer, tier } = yield* scene(700)
      const first = yield* Stream.runCollect(DeadLetters.redrive(consumer, { max: 650 }))
      assert.lengthOf(first, 650)
      assert.strictEqual((yield* committed).reduce((a, b) => a + b, 0), 650)
      const [before] = yield* DeadLetters.list(consumer)
      assert.deepInclude(before, { depth: 2100, waiting: 1450, scanned: 2100 })
      const rest = yield* Stream.runCollect(DeadLetters.redrive(consumer))
      assert.lengthOf(new Set([...placesOf(first), ...placesOf(rest)]), 2100)
      assert.lengthOf(rest, 1450)
      assert.deepStrictEqual(yield* committed, [700, 700, 700])
      const ends = yield* admin.listOffsets([0, 1, 2].map((partition) => ({ topic: tier, partition })), "latest")
      assert.deepStrictEqual(ends.map(({ offset }) => offset), [700, 700, 700])
      const [waiting] = yield* RetryTopics.list(consumer)
      assert.strictEqual(waiting!.waiting, 2100)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(consumer)), 0)
    }), 60_000)

  it.effect("are committed as far as they were sent when it is interrupted", () =>
    Effect.gen(function*() {
      const { admin, begun, committed, consumer, tier } = yield* scene(200)
      const fiber = yield* Effect.forkChild(Stream.runDrain(DeadLetters.redrive(consumer, { rate: 100 })))
      yield* begun
      yield* Fiber.interrupt(fiber)
      const ends = yield* admin.listOffsets([0, 1, 2].map((partition) => ({ topic: tier, partition })), "latest")
      const sent = ends.reduce((sum, { offset }) => sum + offset, 0)
      assert.isAbove(sent, 0)
      assert.isBelow(sent, 600)
      assert.strictEqual((yield* committed).reduce((a, b) => a + b, 0), sent)
    }), 60_000)

  it.effect("are discarded and deleted", () =>
    Effect.gen(function*() {
      const { committed, consumer } = yield* scene(5)
      const parts = yield* DeadLetters.discard(consumer, { deleteRecords: true })
      assert.deepStrictEqual(parts.map(({ from, to }) => [from, to]), [[0, 5], [0, 5], [0, 5]])
      assert.deepStrictEqual(yield* committed, [5, 5, 5])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(consumer)), 0)
      const [summary] = yield* DeadLetters.list(consumer)
      assert.deepInclude(summary, { depth: 0, waiting: 0 })
    }), 60_000)
})

for (const [name, config] of Object.entries(protocols)) {
  layer(engineOf(config), { timeout: "60 seconds", excludeTestServices: true })(`dead letters under ${name}`, (it) => {
    it.effect("are shared between two instances, and none is sent twice", () =>
      Effect.gen(function*() {
        const { begun, committed, consumer } = yield* scene(200)
        const instance = Stream.runCollect(DeadLetters.redrive(consumer, { rate: 60 }))
        const first = yield* Effect.forkChild(instance)
        yield* begun
        const second = yield* Effect.forkChild(instance)
        const [mine, theirs] = [yield* Fiber.join(first), yield* Fiber.join(second)]
        const places = [...placesOf(mine), ...placesOf(theirs)]
        assert.lengthOf(new Set(places), 600)
        assert.lengthOf(places, 600)
        assert.deepStrictEqual(yield* committed, [200, 200, 200])
      }), 60_000)
  })
}
