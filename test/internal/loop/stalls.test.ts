import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Codec, Consumer, Health, OnFailure, Retry, Topic } from "millrace"
import { givenUndecoded } from "../../../src/Handler.ts"
import type { Undecoded } from "../../../src/internal/shared/undecoded.ts"
import { p0, scripted, seen, settings, start, text, Texts, texts, until } from "./scenario.ts"

const Keyed = Topic.make("t", { key: Codec.string, value: Codec.string })
const keyed = (offset: number, key: string) => ({ ...text(offset), key: new TextEncoder().encode(key) })
const limits = { ...settings, drainTimeout: 100, maxHandlerStall: "1 minute" } as const

/** Its codec waits for each record. */
const late = (wait: Effect.Effect<unknown>) =>
  Topic.make("t", {
    key: Codec.none,
    value: Codec.make<unknown>({
      decoder: () => Effect.succeed(() => new Codec.Pending(wait)),
      encoder: () => Effect.succeed(() => new Uint8Array())
    })
  })

const decoded = (records: ReadonlyArray<unknown>) =>
  Effect.forEach(records as ReadonlyArray<Undecoded<unknown>>, (record) => {
    const found = record.decoded()
    return found instanceof Codec.Pending ? found.effect : Effect.void
  })

/** Handlers of batches whose codecs wait: the records are decoded before one is called, or by it. */
const waiting = (wait: Effect.Effect<unknown>) =>
  [
    ["before its handler is called", Topic.handleBatch(late(wait), () => Effect.void)],
    [
      "by its handler",
      givenUndecoded(Topic.handleOwningOffsets(late(wait), ({ records }) => decoded(records), {
        startOffsets: () => Effect.succeed([])
      }))
    ]
  ] as const

describe("a stall is noticed", () => {
  it.effect("of one key while others go on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, started } = seen()
      const work = handle((value) => value === "0" ? Effect.never : Effect.void)
      const handler = Topic.handle(Keyed, work, { concurrency: { keys: 2 } })
      const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
      script.produce(p0, [keyed(0, "a")])
      script.emit("assign", [p0])
      yield* until(() => started.length === 1)
      for (let i = 1; i < 20 && exit() === undefined; i++) {
        script.produce(p0, [keyed(i, "b")])
        yield* TestClock.adjust("20 seconds")
      }
      assert.isDefined(exit())
    })))

  for (const [when, handler] of waiting(Effect.never)) {
    it.effect(`of a codec, ${when}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
        script.produce(p0, texts(0, 20))
        script.emit("assign", [p0])
        for (let i = 0; i < 10; i++) yield* TestClock.adjust("20 seconds")
        const [health] = yield* Health.all
        assert.isFalse(health!.healthy)
        assert.strictEqual(health!.lag, 21)
        assert.deepInclude(health!.stalled[0], { offset: 0, problem: "its codec waits, and has not decoded it" })
        // Another consumer would wait, too.
        assert.isUndefined(exit())
      })))
  }

  it.effect("of a policy that does not decide", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.fail("no"), { onFailure: OnFailure.make(() => Effect.never) })
      const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      for (let i = 0; i < 20 && exit() === undefined; i++) yield* TestClock.adjust("20 seconds")
      assert.isDefined(exit())
    })))
})

describe("no stall is", () => {
  for (const [when, handler] of waiting(Effect.sleep("40 seconds"))) {
    it.effect(`a batch whose codec waits for each record ${when}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
        script.produce(p0, texts(0, 20))
        script.emit("assign", [p0])
        for (let i = 0; i < 30; i++) {
          yield* TestClock.adjust("20 seconds")
          const [health] = yield* Health.all
          assert.isTrue(health!.healthy, health!.stalled[0]?.problem)
        }
        assert.isUndefined(exit())
      })))
  }

  for (const concurrency of ["partition", { keys: 2 }] as const) {
    it.effect(`a record that fails again and again (${JSON.stringify(concurrency)})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        let attempts = 0
        const handler = Topic.handle(
          Keyed,
          () => Effect.suspend(() => Effect.delay(Effect.fail(++attempts), "20 seconds")),
          {
            concurrency,
            onFailure: Retry.blocking(Schedule.recurs(1_000))
          }
        )
        const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
        script.produce(p0, [keyed(0, "a")])
        script.emit("assign", [p0])
        for (let i = 0; i < 30; i++) yield* TestClock.adjust("20 seconds")
        assert.isUndefined(exit())
        assert.isAbove(attempts, 20)
      })))

    it.effect(`a record that waits for its next attempt (${JSON.stringify(concurrency)})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handler = Topic.handle(Keyed, () => Effect.fail("no"), {
          concurrency,
          onFailure: Retry.blocking(Schedule.spaced("1 hour"))
        })
        const { exit } = yield* start(script, Consumer.make("g", { ...limits, handlers: [handler] }))
        script.produce(p0, [keyed(0, "a")])
        script.emit("assign", [p0])
        for (let i = 0; i < 30; i++) yield* TestClock.adjust("20 seconds")
        assert.isUndefined(exit())
      })))
  }
})
