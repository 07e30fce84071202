import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Codec, Consumer, OnFailure, Retry, RetryTopics, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../src/engine/KafkaEngine.ts"

const Orders = Topic.make("orders", { key: Codec.nullable(Codec.bytes), value: Codec.string })
const delays = (...millis: ReadonlyArray<number>) =>
  Retry.nonBlocking(
    millis.map((delay) => Schedule.spaced(delay).pipe(Schedule.upTo({ times: 1 }))).reduce<
      Schedule.Schedule<unknown, unknown>
    >((a, b) => Schedule.concat(a, b), Schedule.recurs(0))
  )

/** A consumer with Spring's names, and what it handled. */
const springy = (seen: Array<string>, retries: RetryTopics.Options = {}, onFailure = delays(1_000, 2_000)) =>
  Consumer.make("billing", {
    offsetReset: "earliest",
    onFailure,
    retries: { naming: RetryTopics.spring, ...retries },
    handlers: [Topic.handle(Orders, ({ topic, value }) => Effect.sync(() => seen.push(`${topic} ${value}`)))]
  })

const adminOf = Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)

const make = (...names: ReadonlyArray<string>) =>
  Effect.flatMap(adminOf, (admin) => Effect.forEach(names, (name) => admin.createTopic({ name, partitions: 1 })))

const send = Effect.fnUntraced(function*(topic: string, ...values: ReadonlyArray<string>) {
  const kafka = yield* InMemoryKafka
  for (const value of values) {
    yield* kafka.produce({ topic, partition: 0, value: new TextEncoder().encode(value) })
  }
})

const pass = (seconds: number) => Effect.repeat(TestClock.adjust("1 second"), { times: seconds - 1 })

const on = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  test.pipe(
    Effect.scoped,
    Effect.provide(Layer.merge(InMemoryKafka.layerWith({ autoCreateTopics: false }), Logger.layer([])))
  )

describe("retry topics with Spring's names", () => {
  it.effect("of an earlier policy are listed, and their records handled when their own delay is over", () =>
    on(Effect.gen(function*() {
      yield* TestClock.adjust("1 hour")
      yield* make("orders", "orders-retry-5000", "orders-retry-1000", "orders-retry-2000", "users-retry-5000")
      yield* send("orders-retry-5000", "left")
      yield* send("users-retry-5000", "another's")
      const seen: Array<string> = []
      const consumer = springy(seen)
      const listed = yield* RetryTopics.list(consumer)
      assert.deepStrictEqual(listed.map(({ delay, topic, waiting }) => [topic, delay, waiting]), [
        ["orders-retry-1000", 1000, 0],
        ["orders-retry-2000", 2000, 0],
        ["orders-retry-5000", undefined, 1]
      ])
      const at = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      assert.strictEqual(listed[2]!.nextDue, at + 5_000)
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* pass(4)
      assert.deepStrictEqual(seen, [])
      yield* pass(6)
      assert.deepStrictEqual(seen, ["orders-retry-5000 left"])
    })))

  it.effect("are no sources' names: a source that is called like one stays a source", () =>
    on(Effect.gen(function*() {
      yield* make("orders", "orders-retry", "orders-retry-1000", "orders-retry-2000")
      const seen: Array<string> = []
      const named = Topic.make("orders-retry", { key: Codec.nullable(Codec.bytes), value: Codec.string })
      const consumer = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.stop,
        retries: { naming: RetryTopics.spring },
        handlers: [
          Topic.handle(Orders, () => Effect.void, { onFailure: delays(1_000, 2_000) }),
          Topic.handle(named, ({ value }) => Effect.sync(() => seen.push(value)))
        ]
      })
      assert.notInclude((yield* RetryTopics.list(consumer)).map(({ topic }) => topic), "orders-retry")
      yield* send("orders-retry", "once")
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* pass(5)
      assert.deepStrictEqual(seen, ["once"])
    })))
})

describe("taking over from another group", () => {
  const both = make("orders", "orders-retry-1000", "orders-retry-2000")
  const position = (topic: string, offset: number) => ({ topic, partition: 0, offset })

  it.effect("goes on where that one ended, and handles nothing twice", () =>
    on(Effect.gen(function*() {
      yield* both
      yield* send("orders-retry-1000", "theirs", "ours")
      yield* send("orders-retry-2000", "theirs", "theirs too")
      const admin = yield* adminOf
      yield* admin.alterGroupOffsets("billing-retry-1000", [position("orders-retry-1000", 1)])
      yield* admin.alterGroupOffsets("billing-retry-2000", [position("orders-retry-2000", 2), position("orders", 7)])
      const seen: Array<string> = []
      const consumer = springy(seen)
      const from = ["billing-retry-1000", "billing-retry-2000", "billing-retry-none"]
      const expected = [["orders-retry-1000", undefined, 1], ["orders-retry-2000", undefined, 2]]
      const rows = (adopted: ReadonlyArray<RetryTopics.Adopted>) =>
        adopted.map(({ after, before, topic }) => [topic, before, after])
      assert.deepStrictEqual(rows(yield* RetryTopics.adopt(consumer, { from, dryRun: true })), expected)
      assert.deepStrictEqual(yield* admin.groupOffsets("billing.retry"), [])
      assert.deepStrictEqual(rows(yield* RetryTopics.adopt(consumer, { from })), expected)
      assert.deepStrictEqual(yield* RetryTopics.adopt(consumer, { from }), [])
      const fiber = yield* Effect.forkScoped(Consumer.run(consumer))
      yield* pass(10)
      assert.deepStrictEqual(seen, ["orders-retry-1000 ours"])
      yield* Fiber.interrupt(fiber)
      const back = yield* RetryTopics.handBack(consumer, { to: ["billing-retry-1000"] })
      assert.deepStrictEqual(rows(back), [["orders-retry-1000", 1, 2], ["orders-retry-2000", undefined, 2]])
      const given = yield* admin.groupOffsets("billing-retry-1000")
      assert.deepStrictEqual(given.find(({ topic }) => topic === "orders-retry-1000")?.offset, 2)
    })))

  /** As a Spring application reads them: one group for each retry topic. */
  const application = Consumer.make("billing-retry-1000", {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [
      Topic.handle(Topic.make("orders-retry-1000", { key: Codec.none, value: Codec.string }), () => Effect.void)
    ]
  })

  it.effect("is refused while the other group has members, as is reading beside it", () =>
    on(Effect.gen(function*() {
      yield* both
      const fiber = yield* Effect.forkScoped(Consumer.run(application))
      yield* pass(5)
      const seen: Array<string> = []
      const refused = yield* Effect.flip(RetryTopics.adopt(springy(seen), { from: ["billing-retry-1000"] }))
      assert.include(refused.message, "group \"billing-retry-1000\" has 1 members")
      const beside = yield* Effect.forkScoped(Effect.flip(Consumer.run(springy(seen))))
      yield* pass(5)
      const error = yield* Fiber.join(beside)
      assert.include(error.message, "retries.otherReaders")
      assert.include(error.message, "millrace retry adopt --from-group billing-retry-1000")
      // Who knows what they do may.
      const warned = yield* Effect.forkScoped(Consumer.run(springy(seen, { otherReaders: "warn" })))
      yield* pass(5)
      assert.isUndefined(warned.pollUnsafe())
      yield* Fiber.interrupt(fiber)
    })))

  it.effect("may also be in that group itself", () =>
    on(Effect.gen(function*() {
      yield* both
      yield* send("orders-retry-1000", "theirs", "ours")
      const admin = yield* adminOf
      yield* admin.alterGroupOffsets("billing-retry-1000", [position("orders-retry-1000", 1)])
      const seen: Array<string> = []
      yield* Effect.forkScoped(Consumer.run(springy(seen, { group: "billing-retry-1000" })))
      yield* pass(10)
      assert.deepStrictEqual(seen, ["orders-retry-1000 ours"])
      assert.lengthOf(yield* admin.groupOffsets("billing.retry"), 0)
    })))

  it.effect("cannot be in the group of the sources", () =>
    on(Effect.gen(function*() {
      const error = yield* Effect.flip(Consumer.validate(springy([], { group: "billing" })))
      assert.include(error.message, "retries.group")
    })))
})
