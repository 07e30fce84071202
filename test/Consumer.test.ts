import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Consumer, ConsumerControl, Health, OnFailure, Topic } from "millrace"
import { p0, p1, scripted, seen, settings, settle, text, Texts, texts, until } from "./internal/loop/scenario.ts"

const quick = Topic.handle(Texts, () => Effect.void)
const health = Effect.map(Health.all, ([only]) => only!)

describe("a consumer", () => {
  const consumer = Consumer.make("g", { ...settings, handlers: [quick] })

  it("says what it is", () => {
    const shown = { _id: "Consumer", group: "g", offsetReset: "earliest", handlers: ["t"] }
    assert.deepStrictEqual(JSON.parse(JSON.stringify(consumer)), shown)
    assert.deepStrictEqual(JSON.parse(String(consumer)), shown)
    assert.strictEqual(consumer.pipe(({ group }) => group), "g")
  })

  it("is told from other values", () => {
    assert.isTrue(Consumer.isConsumer(consumer))
    for (const other of [undefined, null, {}, quick, "g"]) assert.isFalse(Consumer.isConsumer(other))
  })
})

describe("Consumer.outcomeBatches", () => {
  it.effect("answers what became of the records, and holds the handlers back while nobody reads", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "3" ? Effect.fail("no") : Effect.void))
      const consumer = Consumer.make("g", {
        offsetReset: "earliest",
        onFailure: OnFailure.skip,
        chunkRecords: 2,
        handlers: [handler]
      })
      const gate = yield* Deferred.make<void>()
      const reading = yield* Effect.forkScoped(
        Consumer.outcomeBatches(consumer).pipe(
          Stream.tap(() => Deferred.await(gate)),
          Stream.take(100),
          Stream.runCollect
        )
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 199))
      script.emit("assign", [p0])
      yield* settle
      const held = finished.length
      assert.isBelow(held, 60)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(finished.length, held)
      yield* Deferred.succeed(gate, undefined)
      const steps = yield* Fiber.join(reading)
      assert.deepStrictEqual(
        steps.map(({ from, to }) => [from, to]),
        Array.from({ length: 100 }, (_, i) => [2 * i, 2 * i + 1])
      )
      assert.deepStrictEqual(
        steps.flatMap(({ exceptions }) => exceptions.map(({ _tag, offset }) => [_tag, offset])),
        [["Skipped", 3]]
      )
      assert.strictEqual(steps[1]!.handled, 1)
      assert.strictEqual(script.committed.get("t/0")?.offset, 200)
    })))

  it.effect("that nobody reads does not hold a rebalance up", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.void))
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 1, handlers: [handler] })
      const gate = yield* Deferred.make<void>()
      const steps: Array<number> = []
      yield* Effect.forkScoped(
        Stream.runForEach(Consumer.outcomeBatches(consumer), ({ to }) =>
          Effect.tap(Deferred.await(gate), () => Effect.sync(() => steps.push(to))))
      )
      yield* until(() =>
        script.isOpen
      )
      script.produce(p0, texts(0, 99))
      script.emit("assign", [p0])
      yield* settle
      const held = finished.length
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      assert.strictEqual(script.committed.get("t/0")?.offset, held)
      yield* Deferred.succeed(gate, undefined)
      yield* until(() => steps.length === held)
      assert.strictEqual(finished.length, held)
    })))

  it.effect("that ends early does not wait for a handler that waits for its reader", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 1, handlers: [quick] })
      const first = yield* Effect.forkScoped(
        Consumer.outcomeBatches(consumer).pipe(Stream.take(1), Stream.runCollect)
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 99))
      script.emit("assign", [p0])
      yield* until(() => first.pollUnsafe() !== undefined)
      assert.isFalse(script.isOpen)
      assert.isAtLeast(script.committed.get("t/0")?.offset ?? 0, 1)
    })))

  it.effect("fails with HandlerFailed behind the outcomes before it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, ({ value }) => value === "2" ? Effect.fail("bad") : Effect.void)
      const steps: Array<number> = []
      const reading = yield* Effect.forkScoped(
        Stream.runForEach(
          Consumer.outcomeBatches(Consumer.make("g", { ...settings, handlers: [handler] })),
          ({ to }) => Effect.sync(() => steps.push(to))
        )
      )
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      const error = yield* Effect.flip(Fiber.join(reading))
      assert.deepInclude(error, { _tag: "HandlerFailed", offset: 2 })
      assert.deepStrictEqual(steps, [1])
    })))
})

describe("Consumer.layer", () => {
  it.effect("fails the build on bad configuration", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 0, handlers: [quick] })
      const exit = yield* Effect.exit(Layer.build(Consumer.layer(consumer)))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(script.clients, 0)
    })))

  it.effect("holds a partition whose policy says stop, with red health, until it is sought", () =>
    scripted(Effect.fnUntraced(function*(script) {
      let broken = true
      const { finished, handle } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => value === "bad" && broken ? Effect.fail("bad") : Effect.void),
        { concurrency: { keys: 2 } }
      )
      const consumer = Consumer.make("g", { ...settings, chunkRecords: 5, bufferRecords: 10, handlers: [handler] })
      yield* Layer.build(Consumer.layer(consumer))
      yield* until(() => script.isOpen)
      script.produce(p0, [text(0), text(1, "bad"), ...texts(2, 20)])
      script.produce(p1, texts(0, 50))
      script.emit("assign", [p0, p1])
      yield* until(() => finished.filter((name) => name.startsWith("1:")).length === 51)
      const red = yield* health
      assert.isFalse(red.healthy)
      assert.deepStrictEqual(red.held.map(({ offset, partition }) => [partition, offset]), [[0, 1]])
      assert.isTrue(script.isPaused(p0))
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(finished.filter((name) => name.startsWith("0:")), ["0:0"])
      broken = false
      const [control] = yield* Effect.map(Effect.service(ConsumerControl.Registry), (controls) => [...controls])
      yield* control!.seek({ ...p0, offset: 1 })
      yield* until(() => finished.filter((name) => name.startsWith("0:")).length === 21)
      assert.isTrue((yield* health).healthy)
    })))

  it.effect("lets a held partition go when it is revoked", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.fail("bad"))
      yield* Layer.build(Consumer.layer(Consumer.make("g", { ...settings, handlers: [handler] })))
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => script.isPaused(p0))
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual((yield* health).held, [])
      assert.isTrue((yield* health).healthy)
    })))

  it.effect("starts again by its schedule, and gives up when that is over", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const restart = Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 2 }))
      const logged: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => logged.push([message].flat()[0]))])
      const consumer = Consumer.layer(Consumer.make("g", { ...settings, restart, handlers: [quick] }))
      yield* Layer.build(Layer.provide(consumer, logger))
      for (const clients of [1, 2, 3]) {
        yield* until(() => script.clients === clients && script.isOpen)
        assert.strictEqual((yield* health).status, "running")
        script.fail()
        yield* until(() => !script.isOpen)
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(script.clients, clients)
        yield* TestClock.adjust("2 seconds")
      }
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(script.clients, 3)
      assert.strictEqual((yield* health).status, "failed")
      assert.lengthOf(logged.filter((line) => line === "consumer of group \"g\" ended; starting it again"), 3)
      assert.include(logged, "consumer of group \"g\" is not started again: its restart schedule is over")
    })))

  for (const [how, settled] of [["joined", "2 seconds"], ["been there for a minute", "61 seconds"]] as const) {
    it.effect(`is red after it was started again, until it has ${how}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        yield* Layer.build(Consumer.layer(Consumer.make("g", { ...settings, handlers: [quick] })))
        for (const clients of [1, 2]) {
          yield* until(() => script.clients === clients && script.isOpen)
          script.fail()
          yield* until(() => !script.isOpen)
          yield* TestClock.adjust("5 seconds")
        }
        yield* until(() => script.clients === 3 && script.isOpen)
        const red = yield* health
        assert.deepInclude(red, { status: "running", healthy: false })
        assert.include(red.problem, "started again after an error")
        if (how === "joined") script.emit("assign", [p0])
        yield* TestClock.adjust(settled)
        assert.deepInclude(yield* health, { status: "running", healthy: true, problem: undefined })
      })))
  }

  it.effect("does not start again for ever what its handler's startOffsets makes impossible", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handleOwningOffsets(Texts, () => Effect.void, {
        startOffsets: () => Effect.succeed([{ ...p0, offset: 1.5 }])
      })
      yield* Layer.build(Consumer.layer(Consumer.make("g", { ...settings, handlers: [handler] })))
      yield* until(() => script.isOpen)
      script.emit("assign", [p0])
      yield* until(() => !script.isOpen)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(script.clients, 1)
      const { lastError, status } = yield* health
      assert.strictEqual(status, "failed")
      assert.include(lastError?.message, "startOffsets")
    })))

  it.effect("keeps one owner over a restart", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.uninterruptible(Effect.sleep("1 minute"))))
      yield* Layer.build(Consumer.layer(Consumer.make("g", { ...settings, handlers: [handler] })))
      script.produce(p0, [text(0)])
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.fail()
      yield* until(() => !script.isOpen)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(script.clients, 2)
      script.emit("assign", [p0])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(started, ["0:0"])
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(started, ["0:0", "0:0"])
      yield* TestClock.adjust("1 minute")
    })))
})

describe("Consumer.run", () => {
  it.effect("leaves no client behind when it is interrupted while it starts", () =>
    scripted(Effect.fnUntraced(function*(script) {
      for (let turns = 0; turns < 12; turns++) {
        const fiber = yield* Effect.forkScoped(Consumer.run(Consumer.make("g", { ...settings, handlers: [quick] })))
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        assert.isFalse(script.isOpen)
        const exit = fiber.pollUnsafe()!
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      }
    })))
})
