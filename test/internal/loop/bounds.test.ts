/** What is waited for is bounded: the end of a run, commits beside a rebalance, controls inside of handlers. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Consumer, ConsumerControl, type Handler, Topic } from "millrace"
import type { CallName } from "../../kit/scriptedCalls.ts"
import { p0, p1, scripted, seen, settings, settle, start, Texts, texts, until } from "./scenario.ts"

const consumer = <E>(handler: Handler.Handler<E, never>) =>
  Consumer.make("g", { ...settings, drainTimeout: 1_000, closeTimeout: 500, handlers: [handler] })

const nothing = Topic.handle(Texts, () => Effect.void)

const control = Effect.map(ConsumerControl.find("g"), ([member]) => member!)

describe("a run that is stopped ends", () => {
  for (const call of ["answer", "commit", "seek"] as const satisfies ReadonlyArray<CallName>) {
    it.live(`though the client does not return from ${call}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { control, fiber } = yield* start(script, consumer(nothing))
        script.produce(p0, texts(0, 4))
        script.produce(p1, texts(0, 4))
        script.emit("assign", [p0, p1])
        yield* until(() => script.calls.some(({ call }) => call === "store"))
        script.hanging.add(call)
        if (call === "seek") yield* Effect.forkChild(control.seek({ ...p1, offset: 0 }))
        if (call === "commit") yield* Effect.forkChild(control.commit)
        script.emit("revoke", [p0])
        yield* settle
        // Counted in ticks of the same kind as the loop's: a machine that is busy has fewer of them, not more.
        let ticks = 0
        const timer = setInterval(() => ticks++, 50)
        yield* Fiber.interrupt(fiber)
        clearInterval(timer)
        // Both budgets and the second of grace are 50 of them.
        assert.isBelow(ticks, 60)
        assert.strictEqual(script.count("close"), 1)
        script.violations.length = 0
      })))
  }
})

describe("a commit that is asked for", () => {
  const committing = Effect.fnUntraced(function*(script: Parameters<Parameters<typeof scripted>[0]>[0]) {
    const run = yield* start(script, consumer(nothing))
    script.produce(p0, texts(0, 4))
    script.emit("assign", [p0])
    yield* until(() => script.calls.some(({ call }) => call === "store"))
    const gate = yield* Deferred.make<void>()
    script.slow.set("commit", Deferred.await(gate))
    const commit = yield* Effect.forkChild(run.control.commit)
    yield* until(() => script.count("commit") === 1)
    return { commit, gate, fiber: run.fiber }
  })

  it.effect("is done before its partition is given up", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { commit, gate } = yield* committing(script)
      script.emit("revoke", [p0])
      yield* settle
      assert.strictEqual(script.answersDue, 1)
      yield* Deferred.succeed(gate, undefined)
      yield* until(() => script.answersDue === 0)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(commit)))
      assert.strictEqual(script.committed.get("t/0")?.offset, 5)
    })))

  it.effect("is done although the run is stopped meanwhile, and is no error", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { commit, fiber, gate } = yield* committing(script)
      const stopping = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      assert.strictEqual(script.count("close"), 0)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(stopping)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(commit)))
      assert.strictEqual(script.committed.get("t/0")?.offset, 5)
    })))

  it.effect("takes nothing back, though the broker gets it after a later one", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { commit, gate } = yield* committing(script)
      script.produce(p0, texts(5, 9))
      yield* until(() => script.calls.some(({ positions }) => positions?.[0]?.offset === 10))
      script.commitByTimer()
      yield* settle
      assert.strictEqual(script.committed.get("t/0")?.offset, 10)
      yield* Deferred.succeed(gate, undefined)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(commit)))
      assert.strictEqual(script.committed.get("t/0")?.offset, 5)
      script.slow.delete("commit")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(script.committed.get("t/0")?.offset, 10)
      const commits = script.count("commit")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(script.count("commit"), commits)
    })))

  it.effect("is given up with its partition when it takes longer than the drain budget", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { commit, gate } = yield* committing(script)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("2 seconds")
      yield* until(() => script.answersDue === 0)
      const error = yield* Effect.flip(Fiber.join(commit))
      assert.strictEqual(error.reason._tag, "CommitFailed")
      // The next owner is at 10 by now; what comes late must not take it back.
      script.committed.set("t/0", { ...p0, offset: 10 })
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.strictEqual(script.committed.get("t/0")?.offset, 10)
    })))

  it.effect("fails when its partition is lost", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { commit, gate } = yield* committing(script)
      script.emit("lost", [p0])
      yield* until(() => script.answersDue === 0)
      const error = yield* Effect.flip(Fiber.join(commit))
      assert.strictEqual(error.reason._tag, "CommitFailed")
      script.committed.set("t/0", { ...p0, offset: 10 })
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      assert.strictEqual(script.committed.get("t/0")?.offset, 10)
    })))
})

describe("inside of a handler", () => {
  it.effect("a seek of its own partition is noted at once, and done when the handler returns", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      let sought = false
      const handler = Topic.handle(
        Texts,
        handle((value) => {
          if (value !== "2" || sought) return Effect.void
          sought = true
          return Effect.flatMap(control, ({ seek }) => Effect.orDie(seek({ ...p0, offset: 0 })))
        })
      )
      yield* start(script, consumer(handler))
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      yield* until(() => finished.length === 8)
      assert.deepStrictEqual(finished, ["0", "1", "2", "0", "1", "2", "3", "4"].map((value) => `0:${value}`))
    })))

  it.effect("stopping the run returns at once, and the handler finishes", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      const handler = Topic.handle(
        Texts,
        handle((value) => value === "2" ? Effect.flatMap(control, ({ stop }) => stop) : Effect.void)
      )
      const { exit } = yield* start(script, consumer(handler))
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0])
      yield* until(() => exit() !== undefined)
      assert.deepStrictEqual(finished, ["0:0", "0:1", "0:2"])
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))
})
