import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { InMemoryKafka } from "../../src/engine/InMemoryKafka.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Delivery } from "../../src/engine/KafkaEngine.ts"
import type { KafkaError } from "../../src/KafkaError.ts"
import { bytes, open, settle, until, values } from "./memory/owner.ts"

describe("a consumer in a group", () => {
  it.effect("is assigned, reads in order, commits by the timer and goes on from there", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      for (const text of ["a", "b", "c"]) yield* kafka.produce({ topic: "t", partition: 1, value: bytes(text) })
      const owner = yield* open()
      const assigned = yield* owner.answer("assign")
      assert.deepStrictEqual(assigned.partitions.map(({ partition }) => partition), [0, 1, 2])
      yield* until(() => owner.ready() > 0)
      assert.deepStrictEqual(values(owner.drain()), ["a", "b", "c"])
      assert.isTrue(owner.client.store({ topic: "t", partition: 1, offset: 2, metadata: "here" }))
      assert.deepStrictEqual(yield* kafka.committed("g"), [])
      yield* TestClock.adjust("5 seconds")
      const [committed] = yield* kafka.committed("g")
      assert.deepInclude(committed, { topic: "t", partition: 1, offset: 2, metadata: "here" })
      assert.lengthOf(owner.find("Committed"), 1)
      yield* owner.client.close(Duration.seconds(1))
      assert.deepStrictEqual(yield* kafka.members("g"), [])
      const next = yield* open()
      yield* next.answer("assign")
      assert.deepStrictEqual(values(next.drain()), ["c"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("is woken by what arrives after it looked in vain", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const admin = yield* (yield* KafkaEngine.Service).admin
      yield* admin.createTopic({ name: "t", partitions: 1 })
      const owner = yield* open()
      yield* owner.answer("assign")
      assert.deepStrictEqual(owner.drain(), [])
      yield* settle
      const before = owner.ready()
      yield* kafka.produce({ topic: "t", value: bytes("a") })
      assert.strictEqual(owner.ready(), before)
      yield* until(() => owner.ready() === before + 1)
      assert.deepStrictEqual(values(owner.drain()), ["a"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("a producer", () => {
  it.effect("acknowledges later, with the place in the log", () =>
    Effect.gen(function*() {
      const producer = yield* (yield* KafkaEngine.Service).producer
      const deliveries: Array<Delivery | KafkaError> = []
      for (const text of ["a", "b"]) {
        const taken = producer.produce({ topic: "t", key: bytes("k"), value: bytes(text) }, (error, delivery) => {
          deliveries.push(error ?? delivery!)
        })
        assert.isTrue(taken)
      }
      assert.lengthOf(deliveries, 0)
      const flushed = yield* Effect.forkChild(producer.flush(Duration.seconds(1)))
      yield* Fiber.join(flushed)
      const offsets = deliveries.map((delivery) => "offset" in delivery ? delivery.offset : delivery.message)
      assert.deepStrictEqual(offsets, [0, 1])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
