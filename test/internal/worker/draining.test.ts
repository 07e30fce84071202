/** Handlers that end while their partition is given up: by themselves, or because they were interrupted. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Consumer, OnFailure, Retry, Topic } from "millrace"
import { Codec } from "millrace"
import { Pending } from "../../../src/Codec.ts"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import { p0, scripted, settings, start, Texts, texts, until } from "../loop/scenario.ts"

/** Fails a second after it began. */
const failing = (begun: { count: number }) =>
  Effect.andThen(
    Effect.sync(() => begun.count++),
    Effect.andThen(Effect.sleep("1 second"), Effect.fail("bad"))
  )

const kinds = {
  record: (begun: { count: number }) => Topic.handle(Texts, () => failing(begun)),
  batch: (begun: { count: number }) => Topic.handleBatch(Texts, () => failing(begun), { maxSize: 1 }),
  owned: (begun: { count: number }) =>
    Topic.handleOwningOffsets(Texts, ({ records }) => records.length === 0 ? Effect.void : failing(begun), {
      maxSize: 1,
      startOffsets: () => Effect.succeed([])
    }),
  keys: (begun: { count: number }) => Topic.handle(Texts, () => failing(begun), { concurrency: { keys: 2 } }),
  unordered: (begun: { count: number }) => Topic.handle(Texts, () => failing(begun), { concurrency: { unordered: 1 } })
}

describe("a handler that fails while its partition drains", () => {
  for (const [kind, handlerOf] of Object.entries(kinds)) {
    it.effect(`is judged: skipped, ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const begun = { count: 0 }
        const consumer = Consumer.make("g", { ...settings, onFailure: OnFailure.skip, handlers: [handlerOf(begun)] })
        yield* start(script, consumer)
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => begun.count === 1)
        yield* TestClock.adjust("500 millis")
        script.emit("revoke", [p0])
        yield* TestClock.adjust("1 second")
        yield* until(() => script.answersDue === 0)
        assert.strictEqual(script.committed.get("t/0")?.offset, 1)
        assert.strictEqual(begun.count, 1)
      })))

    it.effect(`is judged: its attempt is kept, ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const begun = { count: 0 }
        const onFailure = Retry.blocking(Schedule.spaced("1 minute")).pipe(OnFailure.andThen(OnFailure.stop))
        const consumer = Consumer.make("g", { ...settings, onFailure, handlers: [handlerOf(begun)] })
        const { control } = yield* start(script, consumer)
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => begun.count === 1)
        const stopping = yield* Effect.forkScoped(control.stop)
        yield* TestClock.adjust("1 second")
        yield* until(() => stopping.pollUnsafe() !== undefined)
        const { attempts } = OffsetNotes.decode(0, script.committed.get("t/0")?.metadata)
        assert.deepInclude(attempts[0], { offset: 0, executions: 1 })
        assert.strictEqual(begun.count, 1)
      })))

    it.effect(`is not judged when it was interrupted, ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const begun = { count: 0 }
        const consumer = Consumer.make("g", {
          ...settings,
          drainTimeout: "100 millis",
          onFailure: OnFailure.skip,
          handlers: [handlerOf(begun)]
        })
        yield* start(script, consumer)
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => begun.count === 1)
        script.emit("revoke", [p0])
        yield* TestClock.adjust("400 millis")
        yield* until(() => script.answersDue === 0)
        assert.isUndefined(script.committed.get("t/0"))
      })))
  }

  it.effect("is judged when it is a codec that has to wait", () =>
    scripted(Effect.fnUntraced(function*(script) {
      let begun = 0
      const slow: Codec.Codec<string> = {
        ...Codec.string,
        decoder: () =>
          Effect.succeed(() => {
            begun++
            return new Pending(Effect.andThen(Effect.sleep("1 second"), Effect.fail("no text")))
          })
      }
      const handler = Topic.handle(Topic.make("t", { key: Codec.none, value: slow }), () => Effect.void)
      yield* start(script, Consumer.make("g", { ...settings, onFailure: OnFailure.skip, handlers: [handler] }))
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* until(() => begun === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("1 second")
      yield* until(() => script.answersDue === 0)
      assert.strictEqual(script.committed.get("t/0")?.offset, 1)
    })))
})
