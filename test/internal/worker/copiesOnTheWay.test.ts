/** What holds while copies of failed records are on their way. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Topic } from "millrace"
import type { DeliveryCallback, Position } from "../../../src/engine/KafkaEngine.ts"
import { p0, p1, scripted, settle, Texts, texts, until } from "../loop/scenario.ts"
import { routed } from "./routed.ts"

it.effect("a partition is not drained while copies of it are on their way, however slow the reader is", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const handled: Array<number> = []
    let answers: ReadonlyArray<DeliveryCallback> = []
    const handler = Topic.handle(Texts, ({ offset }) =>
      Effect.suspend(() => {
        handled.push(offset)
        // The copy of the first chunk is there by the time the second one is handled.
        if (offset === 9) answers[0]!(undefined, undefined)
        // By then the second chunk waits behind the first one.
        if (offset === 0) return Effect.sleep("10 millis")
        return offset === 2 || offset === 7 ? Effect.fail("bad") : Effect.void
      }))
    const made = yield* routed(handler, () => Effect.never)
    answers = made.answers
    script.produce(p0, texts(0, 9))
    script.emit("assign", [p0])
    yield* until(() => handled.length === 1)
    yield* settle
    yield* TestClock.adjust("10 millis")
    yield* until(() => handled.length === 10)
    yield* settle
    script.emit("revoke", [p0])
    yield* settle
    assert.strictEqual(script.answersDue, 1, "a copy is on its way")
    answers[1]!(undefined, undefined)
    yield* until(() => script.answersDue === 0)
    assert.strictEqual(script.committed.get("t/0")?.offset, 10)
    yield* Effect.forkDetach(made.run.stop)
  })))

it.effect("a position before a copy has the leader epoch of the record before it, not of the last one handled", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const handler = Topic.handle(Texts, ({ offset }) => offset === 1 || offset === 3 ? Effect.fail("bad") : Effect.void)
    const { answers, run } = yield* routed(handler, undefined)
    script.produce(p0, texts(0, 4).map((record) => ({ ...record, leaderEpoch: 10 + record.offset })))
    script.emit("assign", [p0])
    yield* until(() => answers.length === 2)
    answers[0]!(undefined, undefined)
    yield* until(() => script.calls.some(({ call, positions }) => call === "store" && positions?.[0]?.offset === 3))
    const stored = script.calls.filter(({ call }) => call === "store").flatMap(({ positions }) => positions ?? [])
    assert.deepInclude(stored.at(-1) as Position, { offset: 3, leaderEpoch: 12 })
    answers[1]!(undefined, undefined)
    yield* Effect.forkDetach(run.stop)
    yield* until(() => !script.isOpen)
    assert.deepInclude(script.committed.get("t/0"), { offset: 5, leaderEpoch: 14 })
  })))

it.effect("where copies go is forgotten with the last partition of a topic", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const { forgotten, run } = yield* routed(Topic.handle(Texts, () => Effect.void), undefined)
    for (const [i, kind] of (["revoke", "lost"] as const).entries()) {
      script.emit("assign", [p0, p1])
      yield* until(() => script.isAssigned(p0) && script.isAssigned(p1))
      script.emit(kind, [p0])
      yield* until(() => script.answersDue === 0)
      assert.lengthOf(forgotten, i)
      script.emit(kind, [p1])
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual(forgotten, Array.from({ length: i + 1 }, () => "t"))
    }
    yield* Effect.forkDetach(run.stop)
  })))
