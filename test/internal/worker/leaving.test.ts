/** Batches that are given up after some of their records were skipped or sent elsewhere: that is not done again. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { OnFailure, Topic } from "millrace"
import { p0, poison, scripted, settle, text, Texts, until } from "../loop/scenario.ts"
import { routed } from "./routed.ts"

const waiting = { maxSize: 10, maxWait: "10 minutes" } as const

describe("a batch that is given up before it is handled", () => {
  it.effect("leaves out poison behind other records that was sent to the dead letters, when it is read again", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled: Array<number> = []
      const handler = Topic.handleBatch(
        Texts,
        (records) => Effect.sync(() => void handled.push(...records.map(({ offset }) => offset))),
        waiting
      )
      const { answers, run } = yield* routed(handler, undefined)
      script.produce(p0, [text(0), poison(1), text(2)])
      script.emit("assign", [p0])
      yield* until(() => answers.length === 1)
      answers[0]!(undefined, undefined)
      yield* settle
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("10 minutes")
      yield* until(() => handled.length === 2)
      assert.deepStrictEqual(handled, [0, 2])
      assert.strictEqual(answers.length, 1)
      yield* Effect.forkDetach(run.stop)
      yield* until(() => !script.isOpen)
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))

  it.effect("begins behind poison that came first, and tells of it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const told: Array<unknown> = []
      const handler = Topic.handleBatch(Texts, () => Effect.void, waiting)
      const { answers } = yield* routed(handler, (batch) => Effect.sync(() => told.push(batch)))
      script.produce(p0, [poison(0), text(1)])
      script.emit("assign", [p0])
      yield* until(() => answers.length === 1)
      answers[0]!(undefined, undefined)
      yield* settle
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
      assert.strictEqual(told.length, 1)
      assert.deepInclude(told[0], { from: 0, to: 0, handled: 0 })
    })))

  it.effect("leaves out what its policy took out of it, when the handler is interrupted with the rest", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled: Array<ReadonlyArray<number>> = []
      const handler = Topic.handleBatch(Texts, (records) =>
        Effect.suspend(() => {
          handled.push(records.map(({ offset }) => offset))
          return handled.length === 1 ? Effect.fail("bad") : handled.length === 2 ? Effect.never : Effect.void
        }), {
        maxSize: 3,
        maxWait: "1 second",
        onFailure: OnFailure.make(({ records }) => OnFailure.only([records[1]!], OnFailure.skip))
      })
      const { run } = yield* routed(handler, undefined)
      script.produce(p0, [text(0), text(1), text(2)])
      script.emit("assign", [p0])
      yield* until(() => handled.length === 2)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("31 seconds")
      yield* until(() => script.answersDue === 0)
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* until(() => handled.length === 3)
      assert.deepStrictEqual(handled, [[0, 1, 2], [0, 2], [0, 2]])
      yield* Effect.forkDetach(run.stop)
    })))
})
