/** Copies that fail while there is more to do, on the in-memory cluster with a clock that is set by hand. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Codec, Consumer, ConsumerEvent, Health, KafkaError, OnFailure, Producer, Topic } from "millrace"
import type { Handler, Outcome, RetryTopics } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
const dlt = "g.notes.dlt"

/** The first record fails, and each of the others keeps its handler busy for a second. */
const send = (count: number) =>
  Producer.sendAll(Notes, Array.from({ length: count }, (_, i) => ({ key: "a", value: i === 0 ? "bad" : String(i) })))

const consumer = (seen: Array<string>, retries: RetryTopics.Options, concurrency?: Handler.Concurrency) =>
  Consumer.make("g", {
    offsetReset: "earliest",
    onFailure: OnFailure.deadLetter,
    chunkRecords: 50,
    retries,
    handlers: [
      Topic.handle(Notes, ({ value }) =>
        Effect.suspend(() => {
          seen.push(value)
          return value === "bad" ? Effect.fail("no") : Effect.sleep("1 second")
        }), { concurrency })
    ]
  })

/** Lets time pass until something holds; answers how many seconds that took. */
const seconds = Effect.fnUntraced(function*(most: number, holds: Effect.Effect<boolean, never, InMemoryKafka>) {
  let passed = 0
  while (passed < most && !(yield* holds)) {
    yield* TestClock.adjust("1 second")
    passed++
  }
  return passed
})

const timeout = new KafkaError.Timeout({ operation: "produce", timeoutMs: 1 })
const forbidden = new KafkaError.AuthorizationFailed({ resource: "topic", name: dlt })

const copied = Effect.flatMap(InMemoryKafka, (memory) => Effect.map(memory.records(dlt), ({ length }) => length > 0))

const on = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(test, Layer.merge(InMemoryKafka.layer, Logger.layer([])))

describe("a copy that fails while there is more to do", () => {
  it.effect("is sent again before the next record, and the partition waits", () =>
    on(Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* memory.failProduce({ topic: dlt, reason: timeout, times: 1 })
      yield* send(601)
      const seen: Array<string> = []
      const fiber = yield* Effect.forkScoped(Consumer.run(consumer(seen, { publish: Schedule.spaced("20 seconds") })))
      assert.isBelow(yield* seconds(100, copied), 30)
      assert.isBelow(seen.length, 5)
      assert.isAtMost(yield* seconds(30, Effect.sync(() => seen.length > 10)), 12)
      // The record in work needs its time.
      yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* TestClock.adjust("5 seconds")
    })))

  for (const concurrency of ["partition", { keys: 2 }, { unordered: 2 }] as const) {
    it.effect(`stops the consumer at once when it is refused for good: ${JSON.stringify(concurrency)}`, () =>
      on(Effect.gen(function*() {
        const memory = yield* InMemoryKafka
        yield* memory.failProduce({ topic: dlt, reason: forbidden, times: 1_000 })
        yield* send(601)
        const run = Consumer.run(consumer([], {}, concurrency))
        const fiber = yield* Effect.forkScoped(Effect.flip(run))
        assert.isBelow(yield* seconds(100, Effect.sync(() => fiber.pollUnsafe() !== undefined)), 10)
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "HandlerFailed", offset: 0 })
        assert.isTrue((yield* memory.committed("g")).every(({ offset }) => offset === 0))
      })))
  }

  it.effect("is no outcome, nor is what was handled behind it", () =>
    on(Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* memory.failProduce({ topic: dlt, reason: forbidden, times: 1_000 })
      yield* send(601)
      const told: Array<Outcome.OutcomeBatch> = []
      const stream = Consumer.outcomeBatches(consumer([], {}))
      const batches = Stream.runForEach(stream, (batch) => Effect.sync(() => told.push(batch)))
      const fiber = yield* Effect.forkScoped(Effect.exit(batches))
      yield* seconds(100, Effect.sync(() => fiber.pollUnsafe() !== undefined))
      assert.deepStrictEqual(told, [])
    })))

  for (const transactional of [false, true]) {
    it.effect(`goes through its schedule once: transactional ${transactional}`, () =>
      on(Effect.gen(function*() {
        const memory = yield* InMemoryKafka
        yield* memory.failProduce({ topic: dlt, reason: timeout, times: 1_000 })
        yield* send(3)
        const publish = Schedule.upTo(Schedule.spaced("10 seconds"), { times: 3 })
        const fiber = yield* Effect.forkScoped(Effect.flip(Consumer.run(consumer([], { publish, transactional }))))
        const passed = yield* seconds(200, Effect.sync(() => fiber.pollUnsafe() !== undefined))
        assert.isAtLeast(passed, 30)
        assert.isBelow(passed, 40)
      })))
  }
})

describe("a copy that the broker keeps refusing", () => {
  for (const concurrency of ["partition", { keys: 2 }, { unordered: 2 }] as const) {
    it.effect(`shows within a minute, and no longer when the broker has it: ${JSON.stringify(concurrency)}`, () => {
      const lines: Array<string> = []
      const log = Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))
      return Effect.gen(function*() {
        const memory = yield* InMemoryKafka
        const bus = yield* ConsumerEvent.makeBus
        const healths = new Set<() => Health.ConsumerHealth>()
        const mine = () => [...healths].map((read) => read()).find(({ group }) => group === "g")!
        yield* memory.failProduce({ topic: dlt, reason: timeout, times: 8 })
        yield* send(1)
        const events = yield* Effect.forkScoped(
          ConsumerEvent.stream.pipe(
            Stream.filter(({ _tag }) => _tag === "Unsent"),
            Stream.take(1),
            Stream.runHead,
            Effect.provideService(ConsumerEvent.Bus, bus)
          )
        )
        yield* Effect.forkScoped(
          Consumer.run(consumer([], {}, concurrency)).pipe(
            Effect.provideService(ConsumerEvent.Bus, bus),
            Effect.provideService(Health.Registry, healths)
          )
        )
        yield* seconds(5, Effect.sync(() => mine()?.status === "running"))
        assert.isBelow(yield* seconds(60, Effect.sync(() => !mine().healthy)), 60)
        const { unsent } = mine()
        assert.lengthOf(unsent, 1)
        assert.deepInclude(unsent[0], { topic: "notes", offset: 0, to: dlt })
        assert.include(unsent[0]!.error?.message, "produce")
        assert.deepInclude((yield* Fiber.join(events)).pipe(Option.getOrThrow), { _tag: "Unsent", offset: 0, to: dlt })
        const line = lines.find((line) => line.includes(dlt))
        assert.match(
          line ?? "",
          /^Error notes\/\d+ waits at offset 0: its copy for topic "g.notes.dlt" .* 30 s: .*produce/
        )
        yield* seconds(120, copied)
        yield* seconds(5, Effect.sync(() => mine().healthy))
        assert.isTrue(mine().healthy)
        assert.lengthOf(mine().unsent, 0)
      }).pipe(Effect.scoped, Effect.provide(Layer.merge(InMemoryKafka.layer, Logger.layer([log]))))
    })
  }

  it.effect("stops the consumer when the schedule for sending it again is broken, and says so", () =>
    on(Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* memory.failProduce({ topic: dlt, reason: timeout, times: 3 })
      yield* send(1)
      const publish = Schedule.modifyDelay(Schedule.spaced("1 second"), () => Effect.die(new Error("a bug")))
      const fiber = yield* Effect.forkScoped(Effect.flip(Consumer.run(consumer([], { publish }))))
      yield* TestClock.adjust("10 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "retries.publish")
    })))

  it.effect("is not one for its size alone: a dead letter topic takes what its source takes", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
      const config = { "max.message.bytes": "6000000" }
      yield* admin.createTopic({ name: "notes", partitions: 1, config })
      const value = Buffer.alloc(5_999_000, "x")
      yield* memory.produce({ topic: "notes", partition: 0, key: Buffer.from("a"), value })
      const failing = Consumer.make("g", {
        offsetReset: "earliest",
        onFailure: OnFailure.deadLetter,
        handlers: [Topic.handle(Notes, () => Effect.fail("no"))]
      })
      yield* Effect.forkScoped(Consumer.run(failing))
      assert.isBelow(yield* seconds(60, copied), 60)
      assert.strictEqual((yield* memory.records(dlt))[0]?.value?.length, value.length)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Layer.merge(InMemoryKafka.layerWith({ producer: { maxRequestBytes: 20_000_000 } }), Logger.layer([]))
      )
    ))
})
