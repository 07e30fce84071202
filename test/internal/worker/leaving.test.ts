/** Batches that are given up after some of their records were skipped or sent elsewhere: that is not done again. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { BatchFailed, Consumer, OnFailure, Topic } from "millrace"
import { p0, poison, scripted, settings, settle, start, text, Texts, texts, until } from "../loop/scenario.ts"
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

describe("an owner of offsets", () => {
  it.effect("stores that a record has its dead letter, also if it then gives the others up", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const calls: Array<unknown> = []
      const told: Array<unknown> = []
      let stored = 0
      const handler = Topic.handleOwningOffsets(Texts, ({ next, records, start }) =>
        Effect.suspend(() => {
          calls.push({ start, next, offsets: records.map(({ offset }) => offset) })
          const bad = records.find(({ offset }) => offset === 1)
          if (bad !== undefined) return Effect.fail(new BatchFailed({ offset: 1, cause: Cause.fail("bad") }))
          stored = next
          return Effect.void
        }), { startOffsets: () => Effect.sync(() => [{ ...p0, offset: stored }]) })
      const { answers, run } = yield* routed(handler, (batch) => Effect.sync(() => told.push(batch)))
      script.produce(p0, [text(0), text(1), text(2)])
      script.emit("assign", [p0])
      yield* until(() => answers.length === 1)
      script.emit("revoke", [p0])
      yield* settle
      answers[0]!(undefined, undefined)
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual(calls, [
        { start: 0, next: 3, offsets: [0, 1, 2] },
        { start: 1, next: 2, offsets: [] }
      ])
      assert.deepInclude(told.at(-1), { from: 1, to: 1, handled: 0 })
      script.emit("assign", [p0])
      yield* until(() => stored === 3)
      assert.deepStrictEqual(calls.at(-1), { start: 2, next: 3, offsets: [2] })
      assert.strictEqual(answers.length, 1)
      yield* Effect.forkDetach(run.stop)
    })))

  for (const [rest, next] of [[[text(1)], 1], [[], 1], [[poison(1)], 2]] as const) {
    it.effect(`stores that poison has its dead letter where ${rest.length} records are behind it (${next})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const calls: Array<unknown> = []
        const handler = Topic.handleOwningOffsets(
          Texts,
          ({ next, records, start }) => Effect.sync(() => calls.push({ start, next, records: records.length })),
          { ...waiting, startOffsets: () => Effect.succeed([]) }
        )
        const { answers } = yield* routed(handler, undefined)
        script.produce(p0, [poison(0), ...rest])
        script.emit("assign", [p0])
        for (let sent = 1; sent <= next; sent++) {
          yield* until(() => answers.length === sent)
          if (sent === next) script.emit("revoke", [p0])
          yield* settle
          answers[sent - 1]!(undefined, undefined)
        }
        yield* until(() => script.answersDue === 0)
        assert.deepStrictEqual(calls, [{ start: 0, next, records: 0 }])
        assert.strictEqual(answers.length, next)
      })))
  }

  it.effect("stores that a record was skipped before it stops at the next one", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const calls: Array<unknown> = []
      const handler = Topic.handleOwningOffsets(Texts, ({ next, records, start }) =>
        Effect.suspend(() => {
          calls.push({ start, next, records: records.length })
          return records.length === 0
            ? Effect.void
            : Effect.fail(new BatchFailed({ offset: records[0]!.offset, cause: Cause.fail("bad") }))
        }), { startOffsets: () => Effect.succeed([]) })
      const onFailure = OnFailure.make(({ record }) => record.offset < 2 ? OnFailure.skip : OnFailure.stop)
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* until(() => exit() !== undefined)
      assert.deepStrictEqual(calls.at(-1), { start: 0, next: 2, records: 0 })
    })))
})
