import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Ref from "effect/Ref"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Codec, Consumer, ConsumerControl, Health, OnFailure, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { onCluster, Orders } from "./kit/cluster.ts"

const Numbers = Topic.make("numbers", { key: Codec.none, value: Codec.string })

/** A registry of its own, so that tests running at the same time do not see each other's consumers. */
const isolated = Layer.mergeAll(
  InMemoryKafka.layerWith({ defaultPartitions: 1 }),
  Layer.sync(ConsumerControl.Registry, () => new Set()),
  Layer.sync(Health.Registry, () => new Set())
)

const produce = (from: number, to: number) =>
  Producer.sendAll(
    Numbers,
    Array.from(
      { length: to - from + 1 },
      (_, i) => ({ key: null, value: String(from + i), timestamp: (from + i) * 1_000 })
    )
  )

/** Waits, letting time pass on the test's clock. */
const until = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.flatMap(condition, (holds) => holds ? Effect.void : Effect.andThen(TestClock.adjust(100), until(condition)))

const member = Effect.map(ConsumerControl.find("g"), ([control]) => control!)

const collecting = Effect.map(Ref.make<ReadonlyArray<string>>([]), (seen) => ({
  seen,
  count: (count: number) => Effect.map(Ref.get(seen), (all) => all.length === count),
  handler: Topic.handle(Numbers, (record) => Ref.update(seen, (all) => [...all, record.value]))
}))

describe("ConsumerControl", () => {
  it.effect("replays from an offset, and from a time, and keeps the new position committed", () =>
    Effect.gen(function*() {
      yield* produce(1, 5)
      const { count, handler, seen } = yield* collecting
      const consumer = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [handler] })
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* until(count(5))
      const control = yield* member
      yield* control.seek({ topic: "numbers", partition: 0, offset: 3 })
      yield* until(count(7))
      assert.deepStrictEqual(yield* Ref.get(seen), ["1", "2", "3", "4", "5", "4", "5"])
      yield* control.seekToTimestamp(5_000)
      yield* until(count(8))
      yield* control.commit
      const memory = yield* InMemoryKafka
      assert.strictEqual((yield* memory.committed("g"))[0]?.offset, 5)
      yield* control.stop
      assert.deepStrictEqual(yield* ConsumerControl.find("g"), [])
    }).pipe(Effect.provide(isolated)))

  it.effect("starts nothing on a paused partition until it is resumed", () =>
    Effect.gen(function*() {
      yield* produce(1, 2)
      const { count, handler, seen } = yield* collecting
      const consumer = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [handler] })
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* until(count(2))
      const control = yield* member
      yield* control.pause([{ topic: "numbers", partition: 0 }])
      yield* produce(3, 4)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Ref.get(seen)).length, 2)
      yield* control.resume([{ topic: "numbers", partition: 0 }])
      yield* until(count(4))
      yield* control.stop
    }).pipe(Effect.provide(isolated)))

  it.effect("lets a held partition go on behind the record that stopped it", () =>
    Effect.gen(function*() {
      yield* produce(1, 3)
      const seen = yield* Ref.make<ReadonlyArray<string>>([])
      const handler = Topic.handle(Numbers, (record) =>
        record.value === "2" ? Effect.fail("no twos") : Ref.update(seen, (all) => [...all, record.value]))
      const consumer = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [handler] })
      yield* Layer.build(Consumer.layer(consumer))
      const held = Effect.map(Health.all, (all) =>
        all.some((consumer) => consumer.held.length === 1))
      yield* until(held)
      const [health] = yield* Health.all
      assert.strictEqual(health?.healthy, false)
      assert.strictEqual(health?.held[0]?.offset, 1)
      const control = yield* member
      yield* control.seek({ topic: "numbers", partition: 0, offset: 2 })
      yield* until(Effect.map(Ref.get(seen), (all) => all.length === 2))
      assert.deepStrictEqual(yield* Ref.get(seen), ["1", "3"])
      assert.strictEqual((yield* Health.all)[0]?.healthy, true)
      yield* control.stop
    }).pipe(Effect.provide(isolated)))

  it.effect("refuses a partition that this member does not have", () =>
    Effect.gen(function*() {
      yield* produce(1, 1)
      const { count, handler } = yield* collecting
      const consumer = Consumer.make("g", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers: [handler] })
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* until(count(1))
      const control = yield* member
      const error = yield* Effect.flip(control.seek({ topic: "numbers", partition: 7, offset: 0 }))
      assert.strictEqual(error.reason._tag, "UnknownTopic")
      yield* control.stop
    }).pipe(Effect.provide(isolated)))

  it.effect("commits what is noted of failing records as well", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        yield* Producer.sendAll(Orders, ["ok", "bad"].map((value) => ({ key: "a", value })))
        yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: Retry.blocking(Schedule.spaced("1 hour")),
          handlers: [Topic.handle(Orders, ({ value }) => value === "bad" ? Effect.fail("no") : Effect.void)]
        })))
        const kafka = yield* InMemoryKafka
        const noted = Effect.map(kafka.committed("g"), ([position]) => position?.metadata)
        yield* until(Effect.map(noted, (text) => text !== undefined))
        const before = yield* noted
        assert.include(before, "1:1:")
        yield* Effect.flatMap(member, (control) => control.commit)
        assert.strictEqual(yield* noted, before)
      })
    ).pipe(Effect.provide(isolated)))
})
