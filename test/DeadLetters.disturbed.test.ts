import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { DeadLetters, KafkaError } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"
import { fromNdjson } from "../src/internal/deadLetters/importing.ts"
import { moveEach } from "../src/internal/deadLetters/moving.ts"
import {
  billing,
  bytes,
  committed,
  deadLetter,
  group,
  onCluster,
  one,
  recordsOf,
  redrive,
  sendMany,
  tier1,
  usual,
  values
} from "./internal/deadLetters/letters.ts"

describe("a redrive that is disturbed", () => {
  it.effect("commits nothing that the broker has not acknowledged", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3)
      const kafka = yield* InMemoryKafka
      const reason = new KafkaError.RecordTooLarge({ topic: tier1, sizeBytes: 9 })
      yield* kafka.failProduce({ reason, topic: tier1 })
      const error = yield* Effect.flip(redrive())
      assert.strictEqual(error.reason._tag, "RecordTooLarge")
      assert.deepStrictEqual(yield* committed(), {})
      // At least once: what followed in the same batch is there twice afterwards, and nothing is missing.
      assert.lengthOf(yield* redrive(), 3)
      assert.lengthOf(new Set(yield* values(tier1)), 3)
      assert.deepStrictEqual(yield* committed(), { 0: 3 })
    }).pipe(onCluster))

  it.effect("ends committed though commits failed on the way, and fails if the last one does", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3)
      const kafka = yield* InMemoryKafka
      yield* kafka.failCommit()
      assert.lengthOf(yield* redrive({ max: 1 }), 1)
      assert.deepStrictEqual(yield* committed(), { 0: 1 })
      const reason = new KafkaError.CommitFailed({ group, problem: "no", retryable: false })
      yield* kafka.failCommit({ reason, times: 10 })
      assert.strictEqual((yield* Effect.flip(redrive({ max: 1 }))).reason._tag, "CommitFailed")
    }).pipe(onCluster))

  it.effect("finishes the batch in work and commits when it is interrupted", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(700)
      const kafka = yield* InMemoryKafka
      const engine = yield* KafkaEngine.Service
      const client = yield* engine.producer
      let handed = 0
      const produce: typeof client.produce = (message, done) => {
        handed++
        return client.produce(message, done)
      }
      yield* kafka.slow("1 second")
      const fiber = yield* Stream.runDrain(DeadLetters.redrive(billing)).pipe(
        Effect.provideService(KafkaEngine.Service, { ...engine, producer: Effect.succeed({ ...client, produce }) }),
        Effect.forkChild
      )
      for (let i = 0; i < 100 && handed === 0; i++) yield* TestClock.adjust("100 millis")
      // The client has them, the broker does not.
      assert.strictEqual(handed, 500)
      assert.lengthOf(yield* recordsOf(tier1), 0)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stopping)
      const sent = yield* recordsOf(tier1)
      assert.lengthOf(sent, 500)
      assert.strictEqual(handed, 500)
      assert.deepStrictEqual(yield* committed(), { 0: 500 })
      const rest = yield* Effect.forkChild(redrive())
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(yield* Fiber.join(rest), 200)
      assert.lengthOf(new Set(yield* values(tier1)), 700)
    }).pipe(onCluster))

  it.effect("ends behind the batch that a reader stops in, and all of it is sent once", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(700)
      const taken = yield* DeadLetters.redrive(billing).pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(taken.map(({ letter }) => letter.offset), [0, 1, 2])
      assert.lengthOf(yield* recordsOf(tier1), 500)
      assert.deepStrictEqual(yield* committed(), { 0: 500 })
      assert.lengthOf(yield* redrive(), 200)
      assert.lengthOf(new Set(yield* values(tier1)), 700)
    }).pipe(onCluster))

  it.effect("tells of the batch that it finished after an interruption, to whoever must know", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(700)
      const kafka = yield* InMemoryKafka
      yield* kafka.slow("1 second")
      let told = 0
      const tell = (moved: ReadonlyArray<DeadLetters.Moved>) =>
        Effect.sync(() => {
          told += moved.length
        })
      const fiber = yield* Effect.forkChild(moveEach(billing, {}, tell))
      // Somewhere on the way: whatever was sent by then is told.
      for (let i = 0; i < 60 && told === 0; i++) yield* TestClock.adjust("100 millis")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stopping)
      const sent = (yield* recordsOf(tier1)).length
      assert.strictEqual(told, sent)
      assert.deepStrictEqual(yield* committed(), { 0: sent })
    }).pipe(onCluster))

  it.effect("so does an import", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(3)
      const kafka = yield* InMemoryKafka
      const lines = yield* Stream.runCollect(DeadLetters.toNdjson(billing))
      yield* kafka.slow("10 seconds")
      let told = 0
      const importing = fromNdjson(billing, Stream.fromIterable(lines), {}, (done) => void (told += done.length))
      const fiber = yield* Effect.forkChild(Stream.runDrain(importing))
      // The requests before it take their time; the batch is on its way when it is interrupted.
      for (let i = 0; i < 100 && (yield* recordsOf(deadLetter)).length === 3; i++) yield* TestClock.adjust("1 second")
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(stopping)
      assert.strictEqual(told, 3)
      assert.lengthOf(yield* recordsOf(deadLetter), 6)
    }).pipe(onCluster))

  it.effect("holds the rate, also over several partitions", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(200, { partition })
      const fiber = yield* Effect.forkChild(redrive({ rate: 100 }))
      for (const seconds of [1, 2, 3, 4, 5]) {
        yield* TestClock.adjust("1 second")
        const sent = (yield* recordsOf(tier1)).length
        assert.isAtLeast(sent, seconds * 90)
        assert.isAtMost(sent, seconds * 100 + 10)
      }
      yield* TestClock.adjust("2 seconds")
      assert.lengthOf(yield* Fiber.join(fiber), 600)
    }).pipe(onCluster))

  it.effect("is shared between instances by the group", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(300, { partition })
      const gate = yield* Deferred.make<void>()
      const instance = Stream.runCollect(
        Stream.tap(DeadLetters.redrive(billing, { rate: 100 }), () => Deferred.succeed(gate, undefined))
      )
      const first = yield* Effect.forkChild(instance)
      yield* TestClock.adjust("1 second")
      yield* Deferred.await(gate)
      const second = yield* Effect.forkChild(instance)
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
      const [mine, theirs] = [yield* Fiber.join(first), yield* Fiber.join(second)]
      assert.isAbove(theirs.length, 0)
      const places = [...mine, ...theirs].map(({ letter }) => `${letter.partition}/${letter.offset}`)
      assert.lengthOf(places, 900)
      assert.lengthOf(new Set(places), 900)
      assert.deepStrictEqual(yield* committed(), { 0: 300, 1: 300, 2: 300 })
    }).pipe(onCluster))

  it.effect("loses nothing when its session ends under it", () =>
    Effect.gen(function*() {
      yield* usual
      for (const partition of [0, 1, 2]) yield* sendMany(50, { partition })
      const kafka = yield* InMemoryKafka
      const fiber = yield* Effect.forkChild(redrive({ rate: 10 }))
      yield* TestClock.adjust("2 seconds")
      yield* kafka.expire(group)
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.lengthOf(new Set(yield* values(tier1)), 150)
      assert.deepStrictEqual(yield* committed(), { 0: 50, 1: 50, 2: 50 })
    }).pipe(onCluster))

  for (const assignor of ["cooperative-sticky", "range"] as const) {
    it.effect(`goes on when the group is shared anew: ${assignor}`, () =>
      Effect.gen(function*() {
        yield* usual
        for (const partition of [0, 1, 2]) yield* sendMany(20, { partition })
        const kafka = yield* InMemoryKafka
        const fiber = yield* Effect.forkChild(redrive({ rate: 10 }))
        for (let i = 0; i < 30; i++) {
          if (i < 6) yield* kafka.rebalance(group)
          yield* TestClock.adjust("1 second")
        }
        assert.lengthOf(yield* Fiber.join(fiber), 60)
        assert.lengthOf(yield* recordsOf(tier1), 60)
        assert.deepStrictEqual(yield* committed(), { 0: 20, 1: 20, 2: 20 })
      }).pipe(Effect.provide(InMemoryKafka.layerWith({ autoCreateTopics: false, consumer: { assignor } }))))
  }

  it.effect("reaches the end behind transactions and compacted records", () =>
    Effect.gen(function*() {
      yield* one
      yield* sendMany(2, { key: "same" })
      const engine = yield* KafkaEngine.Service
      yield* Effect.scoped(Effect.gen(function*() {
        const client = yield* engine.transactional("t")
        for (const end of ["commit", "abort"] as const) {
          yield* client.begin
          client.produce({ topic: deadLetter, partition: 0, key: bytes(end), value: bytes("{}") }, () => {})
          yield* client[end]
        }
      }))
      const kafka = yield* InMemoryKafka
      yield* kafka.compact(deadLetter)
      assert.lengthOf(yield* redrive(), 2)
      assert.lengthOf(yield* redrive(), 0)
    }).pipe(onCluster))
})
