/** What holds while copies of failed records are on their way. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { ConsumerControl, OnFailure, Topic } from "millrace"
import type { Handler } from "millrace"
import type { DeliveryCallback, Position, ProducerClient } from "../../../src/engine/KafkaEngine.ts"
import * as Plan from "../../../src/internal/plan/plan.ts"
import { Router } from "../../../src/internal/retry/router.ts"
import * as Runtime from "../../../src/internal/run/runtime.ts"
import * as Signal from "../../../src/internal/shared/signal.ts"
import { HealthCell } from "../../../src/internal/telemetry/healthCell.ts"
import { p0, scripted, settings, settle, Texts, texts, until } from "../loop/scenario.ts"

/** A consumer whose copies are acknowledged by the test, in the order of `answers`. */
const routed = Effect.fnUntraced(function*(
  handler: Handler.Handler<string, never>,
  emit: (() => Effect.Effect<void>) | undefined
) {
  const answers: Array<DeliveryCallback> = []
  const producer: ProducerClient = {
    produce: (_, done) => {
      answers.push(done)
      return true
    },
    whenSpace: Effect.never,
    flush: () => Effect.void
  }
  const router = new Router({
    group: "g",
    producer,
    clock: yield* Effect.clockWith(Effect.succeed),
    publish: Schedule.spaced(700),
    makeSignal: yield* Signal.maker,
    partitionsOf: () => 1,
    timestampTypeOf: () => "CreateTime",
    errorFields: true,
    restore: () => Effect.void
  })
  const plan = yield* Plan.make({
    group: "g",
    settings: { ...settings, chunkRecords: 5 },
    handlers: [handler],
    onFailure: OnFailure.deadLetter
  })
  const routing = { router, prepare: () => Effect.succeed(new Map()), forget: () => {}, attach: () => {} }
  const run = yield* Effect.provideService(
    Runtime.start(
      plan,
      { subscribed: plan, routing, wanted: [] },
      { holds: false, health: new HealthCell("g"), emit },
      () => Effect.void
    ),
    ConsumerControl.Registry,
    new Set()
  )
  return { answers, run }
})

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
