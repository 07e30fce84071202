/** What is finished behind a record that is not survives a crash, a handover and a shutdown. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Consumer, OnFailure, Retry, Topic } from "millrace"
import type { Handler } from "millrace"
import type { Script } from "../../kit/scriptedEngine.ts"
import { p0, scripted, settings, start, Texts, texts, until } from "../loop/scenario.ts"

const kinds = { keys: { keys: 8 }, unordered: { unordered: 8 } } as const

/** Records with a key each. */
const keyed = (to: number) =>
  texts(0, to).map((record) => ({ ...record, key: new Uint8Array([record.offset % 251, 1]) }))

/** A consumer whose handler never ends at some offsets, and what it handled. */
const hangingAt = (offsets: ReadonlyArray<number>, concurrency: Handler.Concurrency) => {
  const handled: Array<number> = []
  const handler = Topic.handle(
    Texts,
    ({ offset }) => offsets.includes(offset) ? Effect.never : Effect.sync(() => handled.push(offset)),
    { concurrency }
  )
  return { handled, consumer: Consumer.make("g", { ...settings, drainTimeout: "100 millis", handlers: [handler] }) }
}

/** The client dies: nothing more is committed. */
const crash = (script: Script, exit: () => unknown) =>
  Effect.gen(function*() {
    script.fail()
    yield* until(() => exit() !== undefined)
  })

describe.each(["keys", "unordered"] as const)("finished records behind a gap, with { %s }", (kind) => {
  it.effect("are not handled again after a crash, but for the last commit interval", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const first = hangingAt([0, 40], kinds[kind])
      const { exit } = yield* start(script, first.consumer)
      script.produce(p0, keyed(199))
      script.emit("assign", [p0])
      yield* until(() => first.handled.length === 198)
      yield* TestClock.adjust("6 seconds")
      script.produce(p0, [...keyed(209)].slice(200))
      yield* until(() => first.handled.length === 208)
      const before = script.committed.get("t/0")
      assert.strictEqual(before?.offset, 0)
      script.forgetStored()
      yield* crash(script, exit)
      const second = hangingAt([], kinds[kind])
      yield* start(script, second.consumer)
      script.emit("assign", [p0])
      yield* until(() => second.handled.length >= 12)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        second.handled.toSorted((a, b) => a - b),
        [0, 40, ...Array.from({ length: 10 }, (_, i) => 200 + i)]
      )
      yield* TestClock.adjust("10 seconds")
    })))

  it.effect("are not handled again after a handover", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const first = hangingAt([3], kinds[kind])
      yield* start(script, first.consumer)
      script.produce(p0, keyed(99))
      script.emit("assign", [p0])
      yield* until(() => first.handled.length === 99)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("2 seconds")
      yield* until(() => script.answersDue === 0)
      script.emit("assign", [p0])
      yield* until(() => script.answersDue === 0)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(first.handled.length, 99)
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))

  it.effect("are not handled again after a shutdown, in whichever order", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const first = hangingAt([3, 70], kinds[kind])
      const { control, exit } = yield* start(script, first.consumer)
      script.produce(p0, keyed(99))
      script.emit("assign", [p0])
      yield* until(() => first.handled.length === 98)
      const stopping = yield* Effect.forkScoped(control.stop)
      yield* TestClock.adjust("2 seconds")
      yield* until(() => stopping.pollUnsafe() !== undefined && exit() !== undefined)
      const second = hangingAt([], { unordered: 1 })
      const again = yield* start(script, second.consumer)
      script.emit("assign", [p0])
      yield* until(() => second.handled.length === 2)
      yield* TestClock.adjust("1 second")
      yield* again.control.stop
      assert.deepStrictEqual(second.handled, [3, 70])
      assert.strictEqual(script.committed.get("t/0")?.offset, 100)
    })))

  it.effect("are handled again when the partition is moved back", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const first = hangingAt([], kinds[kind])
      const { control } = yield* start(script, first.consumer)
      script.produce(p0, keyed(19))
      script.emit("assign", [p0])
      yield* until(() => first.handled.length === 20)
      yield* control.seek({ ...p0, offset: 5 })
      yield* until(() => first.handled.length === 35)
    })))

  it.effect("do not keep positions from being committed when the broker takes shorter texts", () =>
    scripted(Effect.fnUntraced(function*(script) {
      for (const most of [300, 20, 0]) {
        script.mostMetadata = most
        const first = hangingAt([500], kinds[kind])
        const { control, exit } = yield* start(script, first.consumer)
        if (most === 300) script.produce(p0, keyed(999))
        script.emit("assign", [p0])
        yield* until(() => first.handled.some((offset) => offset === 499) || most < 300)
        for (let second = 0; second < 60; second++) yield* TestClock.adjust("1 second")
        const stopping = yield* Effect.forkScoped(control.stop)
        yield* TestClock.adjust("2 seconds")
        yield* until(() => stopping.pollUnsafe() !== undefined && exit() !== undefined)
        assert.strictEqual(script.committed.get("t/0")?.offset, 500)
        assert.isAtMost(script.committed.get("t/0")?.metadata?.length ?? 0, most)
      }
    })))
})

it.effect("a maximum of attempts is one for 300 records that wait, across a restart", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const runs = new Map<number, number>()
    const onFailure = Retry.blocking(Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 }))).pipe(
      OnFailure.andThen(OnFailure.skip)
    )
    const handler = Topic.handle(
      Texts,
      ({ offset }) =>
        Effect.suspend(() => {
          runs.set(offset, (runs.get(offset) ?? 0) + 1)
          return Effect.fail("bad")
        }),
      { concurrency: { unordered: 50 }, onFailure }
    )
    const consumer = Consumer.make("g", { ...settings, handlers: [handler] })
    const first = yield* start(script, consumer)
    script.produce(p0, texts(0, 299))
    script.emit("assign", [p0])
    yield* until(() => runs.size === 300)
    yield* TestClock.adjust("150 seconds")
    const stopping = yield* Effect.forkScoped(first.control.stop)
    yield* TestClock.adjust("2 seconds")
    yield* until(() => stopping.pollUnsafe() !== undefined && first.exit() !== undefined)
    yield* start(script, consumer)
    script.emit("assign", [p0])
    for (let minute = 0; minute < 10; minute++) yield* TestClock.adjust("1 minute")
    assert.deepStrictEqual([...new Set(runs.values())], [4])
  })))

it.effect(
  "work that runs ahead of a record without an end stops at 100,000 records",
  () =>
    scripted(Effect.fnUntraced(function*(script) {
      script.keepCalls = false
      const { consumer, handled } = hangingAt([0], { unordered: 8 })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 120_000))
      script.emit("assign", [p0])
      yield* until(() => handled.length >= 100_000 - 1)
      yield* TestClock.adjust("1 second")
      assert.isBelow(handled.length, 100_000 + 300)
    })),
  30_000
)
