import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Consumer, Topic } from "millrace"
import { p0, p1, scripted, seen, settings, settle, start, text, Texts, texts, until } from "./scenario.ts"

describe("a revoke", () => {
  it.effect("waits for the handler that sleeps, stores what it finished, and starts nothing more", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")))
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => script.isAssigned(p0))
      yield* TestClock.adjust("1500 millis")
      script.emit("revoke", [p0])
      yield* settle
      assert.strictEqual(script.answersDue, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(script.answersDue, 0)
      assert.deepStrictEqual(finished, ["0:0", "0:1"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 2)
    })))

  it.effect("interrupts the handler when the drain budget is over, and others go on meanwhile", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => value === "long" ? Effect.sleep("10 minutes") : Effect.void)
      )
      yield* start(script, Consumer.make("g", { ...settings, drainTimeout: "30 seconds", handlers: [handler] }))
      script.produce(p0, [text(0), text(1, "long"), text(2)])
      script.emit("assign", [p0, p1])
      yield* until(() => started.length === 2)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(script.answersDue, 1)
      script.produce(p1, texts(0, 3))
      yield* until(() => finished.includes("1:3"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(script.answersDue, 0)
      assert.deepStrictEqual(started.filter((name) => name.startsWith("0:")), ["0:0", "0:long"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
    })))

  it.effect("gives a handler up that cannot be interrupted, and the next owner waits for it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) =>
          value === "0" && started.length === 1 ? Effect.uninterruptible(Effect.sleep("5 minutes")) : Effect.void
        )
      )
      yield* start(script, Consumer.make("g", { ...settings, drainTimeout: "10 seconds", handlers: [handler] }))
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual(script.answersDue, 0)
      assert.isUndefined(script.committed.get("t/0"))
      script.emit("assign", [p0])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(started, ["0:0"])
      // Given up before it began: nobody has to wait for it.
      script.emit("revoke", [p0])
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(script.answersDue, 0)
      script.emit("assign", [p0])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(started, ["0:0"])
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(started, ["0:0", "0:0", "0:1"])
      // The one that was given up was interrupted behind its sleep.
      assert.deepStrictEqual(finished, ["0:0", "0:1"])
    })))

  it.effect("followed at once by an assignment of the same partition keeps one owner and repeats nothing", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.uninterruptible(Effect.sleep("1 second"))))
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("50 millis")
      script.emit("assign", [p0])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(started, ["0:0", "0:1", "0:2"])
      assert.deepStrictEqual(finished, started)
    })))

  it.effect("stores what a parallel handler finished of a chunk", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => Number(value) < 4 ? Effect.void : Effect.sleep("1 second")),
        {
          concurrency: { unordered: 2 }
        }
      )
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => finished.length === 4)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(script.answersDue, 0)
      assert.strictEqual(script.committed.get("t/0")?.offset, 6)
    })))
})

describe("a lost partition", () => {
  const lostWhile = (phase: "idle" | "handling" | "draining") =>
    it.effect(`is fenced at once while ${phase}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { finished, handle, started } = seen()
        const handler = Topic.handle(Texts, handle(() => Effect.sleep("5 seconds")))
        const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.emit("assign", [p0, p1])
        yield* until(() => script.isAssigned(p0))
        if (phase !== "idle") {
          script.produce(p0, texts(0, 3))
          yield* until(() => started.length === 1)
        }
        if (phase === "draining") script.emit("revoke", [p0])
        yield* TestClock.adjust("1 second")
        script.emit("lost", [p0])
        yield* until(() => script.answersDue === 0)
        assert.deepStrictEqual(yield* control.assignment, [p1])
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(finished, [])
        assert.isUndefined(script.committed.get("t/0"))
        script.produce(p1, texts(0, 0))
        yield* TestClock.adjust("6 seconds")
        assert.deepStrictEqual(finished, ["1:0"])
      })))
  lostWhile("idle")
  lostWhile("handling")
  lostWhile("draining")

  it.effect("has one owner even when it is lost again while its new owner still waits for the old one", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.uninterruptible(Effect.sleep("1 minute"))))
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, [text(0)])
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      for (let times = 0; times < 3; times++) {
        script.emit("lost", [p0])
        script.emit("assign", [p0])
        yield* TestClock.adjust("10 seconds")
      }
      assert.strictEqual(started.length, 1)
      yield* TestClock.adjust("31 seconds")
      assert.strictEqual(started.length, 2)
      yield* TestClock.adjust("1 minute")
      yield* control.stop
    })))

  it.effect("does not come to life when its assignment is answered after the loss", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handleOwningOffsets(
        Texts,
        ({ partition, records }) =>
          Effect.forEach(records, ({ value }) => handle(() => Effect.void)({ partition, value }), { discard: true }),
        { startOffsets: () => Effect.as(Effect.sleep("3 seconds"), []) }
      )
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* TestClock.adjust("1 second")
      script.emit("lost", [p0])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(script.answersDue, 0)
      assert.deepStrictEqual(yield* control.assignment, [])
      assert.deepStrictEqual(started, [])
      script.emit("assign", [p0])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(started.length, 4)
    })))
})

describe("a seek", () => {
  it.effect("fails the run when the client refuses it, since nothing else could go on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.void)
      const { control, exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.emit("assign", [p0])
      yield* until(() => script.isAssigned(p0))
      script.failing.push("seek")
      const error = yield* Effect.flip(control.seek({ ...p0, offset: 3 }))
      assert.strictEqual(error.reason._tag, "Timeout")
      yield* until(() => exit() !== undefined)
      assert.strictEqual(exit()?._tag, "Failure")
    })))

  it.effect("of a partition that is lost meanwhile fails alone, and the run goes on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.void))
      const { control, exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* until(() => started.length === 4)
      script.observer = { seeking: () => script.emit("lost", [p0]) }
      const error = yield* Effect.flip(control.seek({ ...p0, offset: 2 }))
      assert.strictEqual(error.reason._tag, "UnknownTopic")
      yield* until(() => script.answersDue === 0)
      script.emit("assign", [p0])
      yield* until(() => started.length === 8)
      assert.isUndefined(exit())
    })))

  it.effect("interrupts a handler that takes longer than the drain budget", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "0" ? Effect.sleep("1 hour") : Effect.void))
      const consumer = Consumer.make("g", { ...settings, drainTimeout: "5 seconds", handlers: [handler] })
      const { control } = yield* start(script, consumer)
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      const seeking = yield* Effect.forkScoped(control.seek({ ...p0, offset: 2 }))
      yield* TestClock.adjust("6 seconds")
      yield* until(() => seeking.pollUnsafe()?._tag === "Success")
      yield* until(() => started.length === 3)
      assert.deepStrictEqual(started, ["0:0", "0:2", "0:3"])
    })))

  it.effect("twice goes to the later place, and both callers hear of it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "0" ? Effect.sleep("1 second") : Effect.void))
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      const both = yield* Effect.forkScoped(
        Effect.all([control.seek({ ...p0, offset: 5 }), control.seek({ ...p0, offset: 8 })], { concurrency: 2 })
      )
      yield* TestClock.adjust("1 second")
      yield* until(() => both.pollUnsafe()?._tag === "Success" && started.length === 3)
      assert.deepStrictEqual(started, ["0:0", "0:8", "0:9"])
      yield* control.stop
      assert.strictEqual(script.committed.get("t/0")?.offset, 10)
    })))
})
