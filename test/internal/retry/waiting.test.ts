/** Records that wait in place, on the scripted engine. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Consumer, Retry, Topic } from "millrace"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import { p0, scripted, seen, settings, settle, start, Texts, texts, until } from "../loop/scenario.ts"

const policy = (delay: "1 second" | "1 hour") => Retry.blocking(Schedule.spaced(delay))

const handlers = {
  partition: (handle: (value: string) => Effect.Effect<unknown, string>) =>
    Topic.handle(Texts, ({ value }) => handle(value)),
  lanes: (handle: (value: string) => Effect.Effect<unknown, string>) =>
    Topic.handle(Texts, ({ value }) => handle(value), { concurrency: { unordered: 2 } }),
  batch: (handle: (value: string) => Effect.Effect<unknown, string>) =>
    Topic.handleBatch(Texts, ([first]) => handle(first!.value))
}

describe("a record that waits", () => {
  for (const kind of ["partition", "lanes", "batch"] as const) {
    it.effect(`holds up no rebalance, and notes how often it failed: ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { handle, started } = seen()
        const handler = handlers[kind]((value) => handle(() => Effect.fail("no"))({ partition: 0, value }))
        yield* start(script, Consumer.make("g", { ...settings, onFailure: policy("1 hour"), handlers: [handler] }))
        script.produce(p0, texts(0, 0))
        script.emit("assign", [p0])
        yield* TestClock.adjust("1 second")
        yield* until(() => script.committed.get("t/0") !== undefined)
        const noted = script.committed.get("t/0")!
        assert.strictEqual(noted.offset, 0)
        assert.include(OffsetNotes.decode(0, noted.metadata).attempts[0], { offset: 0, executions: 1 })
        const before = script.time
        script.emit("revoke", [p0])
        yield* until(() => script.answersDue === 0)
        assert.strictEqual(script.time, before)
        yield* TestClock.adjust("2 hours")
        assert.deepStrictEqual(started, ["0:0"])
      })))

    it.effect(`is no stalled handler, however long it takes: ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { handle, started } = seen()
        const handler = handlers[kind]((value) => handle(() => Effect.fail("no"))({ partition: 0, value }))
        const { exit } = yield* start(
          script,
          Consumer.make("g", {
            ...settings,
            maxHandlerStall: "1 minute",
            onFailure: policy("1 hour"),
            handlers: [handler]
          })
        )
        script.produce(p0, texts(0, 0))
        script.emit("assign", [p0])
        yield* until(() => started.length === 1)
        yield* TestClock.adjust("90 minutes")
        assert.isUndefined(exit())
        assert.strictEqual(started.length, 2)
      })))
  }

  it.effect("does not hide that another handler of its partition is stalled", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = handlers.lanes((value) =>
        handle(() => value === "0" ? Effect.never : Effect.fail("no"))({ partition: 0, value })
      )
      const { exit } = yield* start(
        script,
        Consumer.make("g", {
          ...settings,
          maxHandlerStall: "1 minute",
          onFailure: policy("1 second"),
          handlers: [handler]
        })
      )
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* until(() => started.length === 2)
      yield* TestClock.adjust("3 minutes")
      const ended = exit()
      assert.include(String(ended), "t/0 has been at offset 0")
    })))

  it.effect("may be taken away while a copy of what it knows is being committed", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const handler = handlers.partition((value) => handle(() => Effect.fail("no"))({ partition: 0, value }))
      script.failing.push("commit")
      const { control } = yield* start(
        script,
        Consumer.make("g", { ...settings, onFailure: policy("1 second"), handlers: [handler] })
      )
      script.produce(p0, texts(0, 0))
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      yield* TestClock.adjust("250 millis")
      script.emit("lost", [p0])
      yield* until(() => script.answersDue === 0)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(started.length, 1)
      script.emit("assign", [p0])
      yield* until(() => started.length === 2)
      yield* TestClock.adjust("250 millis")
      yield* settle
      // The commit that failed is made up for by the next wait.
      const { attempts } = OffsetNotes.decode(0, script.committed.get("t/0")?.metadata)
      assert.include(attempts[0], { offset: 0, executions: 1 })
      yield* control.stop
      assert.deepStrictEqual(yield* control.waiting, [])
    })))
})
