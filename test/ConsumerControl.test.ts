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
      assert.isFalse(yield* Health.ready, "no consumer")
      yield* Effect.forkScoped(Consumer.run(consumer))
      yield* until(count(5))
      assert.isTrue(yield* Health.ready)
      const control = yield* member
      yield* control.seek({ topic: "numbers", partition: 0, offset: 3 })
      yield* until(count(7))
      assert.deepStrictEqual(yield* Ref.get(seen), ["1", "2", "3", "4", "5", "4", "5"])
      yield* control.seekToTimestamp("1970-01-01T00:00:05Z")
      yield* until(count(8))
      const wrong = yield* Effect.flip(control.seekToTimestamp("2026-02-30"))
      assert.deepInclude(wrong.reason, { _tag: "InvalidSetting", setting: "seekToTimestamp" })
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
      assert.isFalse(yield* Health.ready)
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
      const [own, other] = [{ topic: "numbers", partition: 0 }, { topic: "numbers", partition: 7 }]
      for (const call of [control.pause, control.resume]) {
        const error = yield* Effect.flip(call([own, other]))
        assert.strictEqual(error.reason._tag, "UnknownTopic")
        assert.include(error.message, "7")
      }
      // Nothing was paused.
      yield* produce(2, 2)
      yield* until(count(2))
      assert.strictEqual(yield* control.retryNow(other), 0)
      assert.isFalse(yield* control.skip({ ...other, offset: 0 }))
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
        assert.match(before ?? "", /^millrace\/\d+ /)
        yield* Effect.flatMap(member, (control) => control.commit)
        assert.strictEqual(yield* noted, before)
      })
    ).pipe(Effect.provide(isolated)))

  const retried = {
    "one by one": (handle: (value: string) => Effect.Effect<void, string>) =>
      Topic.handle(Numbers, ({ value }) => handle(value)),
    "several at once": (handle: (value: string) => Effect.Effect<void, string>) =>
      Topic.handle(Numbers, ({ value }) => handle(value), { concurrency: { unordered: 2 } }),
    "in batches": (handle: (value: string) => Effect.Effect<void, string>) =>
      Topic.handleBatch(
        Numbers,
        (records) => Effect.forEach(records, ({ value }) => handle(value), { discard: true }),
        {
          maxSize: 1,
          maxWait: "10 millis"
        }
      )
  }

  for (const [kind, handlerOf] of Object.entries(retried)) {
    it.effect(`skips a record of a retry topic that is held back: ${kind}`, () =>
      Effect.gen(function*() {
        yield* produce(1, 2)
        const tries: Array<string> = []
        const handler = handlerOf((value) => Effect.suspend(() => (tries.push(value), Effect.fail("no"))))
        const consumer = Consumer.make("g", {
          offsetReset: "earliest",
          onFailure: Retry.nonBlocking(Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 1 }))),
          handlers: [handler]
        })
        yield* Effect.forkScoped(Consumer.run(consumer))
        const retrying = Effect.map(ConsumerControl.find("g.retry"), ([control]) => control)
        const waiting = Effect.flatMap(retrying, (control) => control?.waiting ?? Effect.succeed([]))
        yield* until(Effect.map(waiting, ([first]) => first?.offset === 0))
        const control = (yield* retrying)!
        const [held] = yield* waiting
        assert.strictEqual(held!.kind, "due")
        assert.isFalse(yield* control.skip({ ...held!, offset: 1 }))
        assert.isTrue(yield* control.skip(held!))
        yield* until(Effect.map(waiting, ([first]) => first?.offset === 1))
        assert.deepStrictEqual(tries, ["1", "2"])
        yield* control.commit
        const memory = yield* InMemoryKafka
        assert.strictEqual((yield* memory.committed("g.retry"))[0]?.offset, 1)
        // The one behind it is handled as ever.
        assert.strictEqual(yield* control.retryNow(held!), 0)
        assert.strictEqual(yield* control.retryNow({ ...held!, offset: 1 }), 1)
        yield* until(Effect.map(memory.records("g.numbers.dlt"), (dead) => dead.length === 1))
        assert.deepStrictEqual(tries, ["1", "2", "2"])
        assert.deepStrictEqual(yield* waiting, [])
        yield* control.stop
      }).pipe(Effect.provide(isolated)))
  }
})
