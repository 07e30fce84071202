import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Consumer, Topic } from "millrace"
import type { CallName } from "../../kit/scriptedCalls.ts"
import { p0, p1, scripted, seen, settings, settle, start, text, Texts, texts, until } from "./scenario.ts"

const quick = Topic.handle(Texts, () => Effect.void)

const errorOf = (exit: Exit.Exit<unknown, unknown> | undefined): unknown =>
  exit !== undefined && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

describe("a client that dies", () => {
  const dyingIn = (call: CallName) =>
    it.effect(`in ${call} fails the run with its cause, and nothing hangs`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [quick] }))
        script.produce(p0, texts(0, 3))
        if (call === "answer") script.dying.add(call)
        script.emit("assign", [p0])
        if (call !== "answer") {
          yield* until(() => script.count("store") > 0)
          script.dying.add(call)
          script.produce(p0, texts(4, 6))
        }
        yield* TestClock.adjust("300 millis")
        yield* until(() => exit() !== undefined)
        assert.include(String(errorOf(exit())), `${call} died`)
        assert.strictEqual(script.count("close"), 1)
      })))
  for (const call of ["poll", "store", "answer", "highWatermark"] as const) dyingIn(call)

  it.effect("only in close fails a run that was clean until then", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { control, exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [quick] }))
      script.dying.add("close")
      yield* control.stop
      assert.include(String(errorOf(exit())), "close died")
    })))

  it.effect("in every call fails the run with the first cause", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [quick] }))
      for (const call of ["poll", "answer", "store", "close", "pause", "highWatermark"] as const) script.dying.add(call)
      script.emit("assign", [p0])
      yield* TestClock.adjust("300 millis")
      yield* until(() => exit() !== undefined)
      assert.include(String(errorOf(exit())), "answer died")
    })))
})

describe("stopping", () => {
  it.effect("while idle is immediate", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { fiber } = yield* start(script, Consumer.make("g", { ...settings, handlers: [quick] }))
      yield* Fiber.interrupt(fiber)
      assert.isFalse(script.isOpen)
    })))

  it.effect("under load finishes the records in work and commits them", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")))
      const { control, exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 99))
      script.produce(p1, texts(0, 99))
      script.emit("assign", [p0, p1])
      yield* until(() => started.length === 2)
      const stopping = yield* Effect.forkScoped(control.stop)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(stopping)
      assert.isTrue(Exit.isSuccess(exit()!))
      assert.deepStrictEqual(finished.toSorted(), ["0:0", "1:0"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
      assert.strictEqual(script.committed.get("t/1")?.offset, 1)
    })))

  it.effect("is bounded when a handler cannot be interrupted, also during a revoke", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.uninterruptible(Effect.sleep("1 hour"))))
      const consumer = Consumer.make("g", { ...settings, drainTimeout: "10 seconds", handlers: [handler] })
      const { control } = yield* start(script, consumer)
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("5 seconds")
      const stopping = yield* Effect.forkScoped(control.stop)
      yield* TestClock.adjust("12 seconds")
      yield* until(() => stopping.pollUnsafe() !== undefined)
      assert.isFalse(script.isOpen)
      assert.strictEqual(script.answersDue, 0)
      yield* TestClock.adjust("1 hour")
    })))

  it.effect("answers what is outstanding: an assignment that is being prepared", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handleOwningOffsets(Texts, () => Effect.void, { startOffsets: () => Effect.never })
      const { control } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.emit("assign", [p0])
      yield* settle
      assert.strictEqual(script.answersDue, 1)
      yield* control.stop
      assert.strictEqual(script.answersDue, 0)
      assert.strictEqual(
        yield* Effect.flip(control.seek({ ...p0, offset: 0 })).pipe(
          Effect.map((error) => error.reason._tag)
        ),
        "Closed"
      )
    })))

  it.effect("by a failure drains the others and ends with HandlerFailed", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => value === "bad" ? Effect.fail("bad") : Effect.sleep("2 seconds"))
      )
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p1, texts(0, 3))
      script.produce(p0, [text(0), text(1, "bad"), text(2)])
      script.emit("assign", [p0, p1])
      yield* until(() => started.length === 2)
      yield* TestClock.adjust("4 seconds")
      yield* until(() => exit() !== undefined)
      const error = errorOf(exit())
      assert.deepInclude(error, { _tag: "HandlerFailed", topic: "t", partition: 0, offset: 1 })
      assert.deepStrictEqual(finished.filter((name) => name.startsWith("0:")), ["0:0"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
      assert.strictEqual(script.committed.get("t/1")?.offset, finished.filter((name) => name.startsWith("1:")).length)
    })))

  it.effect("by a failure in one lane does not wait for a lane that hangs longer than the budget", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => value === "0" ? Effect.sleep("1 hour") : Effect.fail("bad")),
        { concurrency: { unordered: 2 } }
      )
      const consumer = Consumer.make("g", { ...settings, drainTimeout: "10 seconds", handlers: [handler] })
      const { exit } = yield* start(script, consumer)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* TestClock.adjust("12 seconds")
      yield* until(() => exit() !== undefined)
      assert.deepInclude(errorOf(exit()), { _tag: "HandlerFailed", offset: 1 })
      assert.isUndefined(script.committed.get("t/0"))
    })))
})

describe("until the end", () => {
  it.effect("goes on after everything was lost, when some of it comes back", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")))
      script.produce(p0, texts(0, 9))
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
      script.emit("assign", [p0])
      yield* TestClock.adjust("3 seconds")
      script.emit("lost", [p0])
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(exit())
      script.emit("assign", [p0])
      yield* TestClock.adjust("15 seconds")
      yield* until(() => exit() !== undefined)
      assert.include(finished, "0:9")
    })))

  it.effect("ends when all was lost and others have it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.sleep("1 second"))
      script.produce(p0, texts(0, 9))
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
      script.emit("assign", [p0])
      yield* TestClock.adjust("3 seconds")
      script.emit("lost", [p0])
      yield* TestClock.adjust("70 seconds")
      assert.isUndefined(exit())
      script.others = [[p0]]
      yield* TestClock.adjust("10 seconds")
      yield* until(() => exit() !== undefined)
    })))

  it.effect("fetches nothing more of a partition at its end", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "a" ? Effect.sleep("1 minute") : Effect.void))
      script.produce(p0, texts(0, 1))
      script.produce(p1, [text(0, "a"), text(1, "a")])
      const consumer = Consumer.make("g", { ...settings, until: "end", chunkRecords: 2, handlers: [handler] })
      const { control, exit } = yield* start(script, consumer)
      script.emit("assign", [p0, p1])
      yield* until(() => finished.length === 2)
      script.produce(p0, texts(2, 5_000))
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(script.isPaused(p0))
      yield* control.pause([p0, p1])
      yield* control.resume([p0, p1])
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(script.isPaused(p0))
      assert.isAtMost(script.handedOut(p0), 4)
      // A replay is read to the same end.
      yield* control.seek({ ...p0, offset: 0 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(finished, ["0:0", "0:1", "0:0", "0:1"])
      assert.isTrue(script.isPaused(p0))
      assert.isAtMost(script.handedOut(p0), 8)
      yield* TestClock.adjust("3 minutes")
      yield* until(() => exit() !== undefined)
      assert.isTrue(Exit.isSuccess(exit()!))
    })))

  it.effect("fetches nothing of a partition that began at its end", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 minute")))
      script.produce(p0, texts(0, 9))
      script.committed.set("t/0", { ...p0, offset: 10 })
      script.produce(p1, texts(0, 1))
      const consumer = Consumer.make("g", { ...settings, until: "end", handlers: [handler] })
      const { exit } = yield* start(script, consumer)
      script.emit("assign", [p0, p1])
      yield* until(() => script.isAssigned(p0))
      script.endOf(p0)
      yield* settle
      script.produce(p0, texts(10, 5_000))
      yield* TestClock.adjust("30 seconds")
      assert.isTrue(script.isPaused(p0))
      assert.strictEqual(script.handedOut(p0), 0)
      yield* TestClock.adjust("3 minutes")
      yield* until(() => exit() !== undefined)
      assert.deepStrictEqual(finished, ["1:0", "1:1"])
    })))

  it.effect("goes on while partitions of its topics are nobody's", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.void))
      script.produce(p0, texts(0, 1))
      script.produce(p1, texts(0, 1))
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
      script.emit("assign", [])
      yield* TestClock.adjust("2 minutes")
      assert.isUndefined(exit())
      script.emit("assign", [p0])
      yield* TestClock.adjust("2 minutes")
      assert.isUndefined(exit())
      script.emit("assign", [p1])
      yield* until(() => exit() !== undefined)
      assert.deepStrictEqual(finished, ["0:0", "0:1", "1:0", "1:1"])
    })))

  for (const told of [true, false]) {
    it.effect(`has nothing to do when others have all partitions (${told ? "it is told" : "it is not told"})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        script.produce(p0, texts(0, 1))
        const handler = Topic.handle(Texts, () => Effect.void)
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
        if (told) script.emit("assign", [])
        script.rebalances = true
        script.others = [[p0]]
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(exit())
        script.rebalances = false
        yield* TestClock.adjust("10 seconds")
        yield* until(() => exit() !== undefined)
      })))
  }

  it.effect("leaves the rest to the members that have it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      script.produce(p0, texts(0, 1))
      script.produce(p1, texts(0, 1))
      const handler = Topic.handle(Texts, () => Effect.void)
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
      script.emit("assign", [p0])
      script.others = [[p1]]
      yield* TestClock.adjust("1 second")
      yield* until(() => exit() !== undefined)
    })))

  it.effect("ends after a while where nobody may look at the group", () =>
    scripted(Effect.fnUntraced(function*(script) {
      script.produce(p0, texts(0, 1))
      script.produce(p1, texts(0, 1))
      const handler = Topic.handle(Texts, () => Effect.void)
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, until: "end", handlers: [handler] }))
      script.emit("assign", [p0])
      yield* until(() => script.isAssigned(p0))
      script.unreachable = true
      yield* TestClock.adjust("50 seconds")
      assert.isUndefined(exit())
      yield* TestClock.adjust("30 seconds")
      yield* until(() => exit() !== undefined)
    })))

  it.effect("handles what was there when it was assigned, and nothing that came later", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle, started } = seen()
      const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")))
      script.produce(p0, texts(0, 2))
      const consumer = Consumer.make("g", { ...settings, until: "end", handlers: [handler] })
      const { exit } = yield* start(script, consumer)
      script.emit("assign", [p0, p1])
      yield* until(() => started.length === 1)
      script.endOf(p1)
      script.produce(p0, texts(3, 9))
      yield* TestClock.adjust("3 seconds")
      yield* until(() => exit() !== undefined)
      assert.isTrue(Exit.isSuccess(exit()!))
      assert.deepStrictEqual(finished, ["0:0", "0:1", "0:2"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))
})

describe("the stall guard", () => {
  it.effect("ends the run when a handler makes no progress, and names the record", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = Topic.handle(Texts, handle((value) => value === "1" ? Effect.sleep("1 hour") : Effect.void))
      const consumer = Consumer.make("g", { ...settings, maxHandlerStall: "1 minute", handlers: [handler] })
      const { exit } = yield* start(script, consumer)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* until(() => started.length === 2)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(exit())
      yield* TestClock.adjust("35 seconds")
      yield* until(() => exit() !== undefined)
      assert.include(String(errorOf(exit())), "t/0 has been at offset 1")
    })))

  for (const concurrency of ["partition", { keys: 2 }, { unordered: 2 }] as const) {
    it.effect(`leaves an idle and a paused partition alone (${JSON.stringify(concurrency)})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { finished, handle } = seen()
        const handler = Topic.handle(Texts, handle(() => Effect.sleep("1 second")), { concurrency })
        const consumer = Consumer.make("g", { ...settings, maxHandlerStall: "10 seconds", handlers: [handler] })
        const { control, exit } = yield* start(script, consumer)
        script.produce(p0, texts(0, 5))
        script.emit("assign", [p0])
        yield* until(() => script.isAssigned(p0))
        yield* TestClock.adjust("1500 millis")
        yield* control.pause([p0])
        yield* TestClock.adjust("2 minutes")
        assert.isUndefined(exit())
        yield* control.resume([p0])
        yield* TestClock.adjust("2 minutes")
        assert.isUndefined(exit())
        assert.strictEqual(finished.length, 6)
      })))
  }
})
