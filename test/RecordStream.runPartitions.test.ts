import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Consumer, Producer } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { p0, p1, poison, scripted, settle, text, Texts, texts, until } from "./internal/loop/scenario.ts"

const settings = { offsetReset: "earliest" } as const

const commitLast = (window: ReadonlyArray<Consumer.Uncommitted<unknown, string>>) => window[window.length - 1]!.commit

/** Runs readers that commit windows, and says what they did. */
const windows = (size: number) => {
  const flushed: Array<string> = []
  const ended: Array<number> = []
  const read = (
    { partition }: { readonly partition: number },
    records: Stream.Stream<Consumer.Uncommitted<unknown, string>, unknown>
  ) =>
    records.pipe(
      Stream.groupedWithin(size, "1 hour"),
      Stream.runForEach((window) =>
        Effect.andThen(
          Effect.sync(() => flushed.push(`${partition}:${window.map(({ record }) => record.value)}`)),
          commitLast(window)
        )
      ),
      Effect.andThen(Effect.sync(() => ended.push(partition)))
    )
  return { flushed, ended, read }
}

describe("Consumer.runPartitions", () => {
  it.effect("gives a partition up when its reader is done, and runs another one when it comes back", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { ended, flushed, read } = windows(2)
      yield* Effect.forkScoped(Consumer.runPartitions("g", Texts, settings, read))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 2))
      script.produce(p1, texts(0, 0))
      script.emit("assign", [p0, p1])
      yield* until(() => flushed.length === 1)
      yield* settle
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual(flushed, ["0:0,1", "0:2"])
      assert.deepStrictEqual(ended, [0])
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
      script.produce(p0, texts(3, 4))
      script.emit("assign", [p0])
      yield* until(() => flushed.length === 3)
      assert.strictEqual(flushed[2], "0:3,4")
    })))

  it.effect("interrupts the reader after the drain budget, and of a lost partition at once", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const interrupted: Array<number> = []
      yield* Effect.forkScoped(Consumer.runPartitions("g", Texts, settings, ({ partition }, records) =>
        records.pipe(
          Stream.runForEach(() => Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => interrupted.push(partition)))
        )))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 2))
      script.produce(p1, texts(0, 2))
      script.emit("assign", [p0, p1])
      yield* settle
      script.emit("lost", [p1])
      yield* until(() => interrupted.length === 1)
      script.emit("revoke", [p0])
      yield* TestClock.adjust("29 seconds")
      assert.deepStrictEqual(interrupted, [1])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(interrupted, [1, 0])
      assert.strictEqual(script.answersDue, 0)
    })))

  it.effect("drains when it is interrupted", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { ended, flushed, read } = windows(100)
      const fiber = yield* Effect.forkScoped(Consumer.runPartitions("g", Texts, settings, read))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 2))
      script.emit("assign", [p0])
      yield* settle
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(flushed, ["0:0,1,2"])
      assert.deepStrictEqual(ended, [0])
      assert.strictEqual(script.committed.get("t/0")?.offset, 3)
    })))

  const failing: ReadonlyArray<readonly [what: string, work: Effect.Effect<void, string>, problem: string]> = [
    ["fails", Effect.fail("no"), "no"],
    ["dies", Effect.die(new Error("bug")), "bug"],
    ["ends too early", Effect.void, "ended before"]
  ]

  for (const [what, work, problem] of failing) {
    it.effect(`ends with the place when a reader ${what}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const fiber = yield* Consumer.runPartitions("g", Texts, settings, (_, records) =>
          records.pipe(
            Stream.take(3),
            Stream.runForEach(({ commit, record }): Effect.Effect<void, unknown> =>
              record.value === "2" ? work : commit
            )
          )).pipe(Effect.flip, Effect.forkScoped)
        yield* until(() => script.isOpen)
        script.produce(p0, texts(0, 9))
        script.emit("assign", [p0])
        const error = yield* Fiber.join(fiber)
        assert.deepInclude(error, { _tag: "HandlerFailed", group: "g", topic: "t", partition: 0, offset: 2 })
        assert.include(error.message, problem)
        assert.strictEqual(script.committed.get("t/0")?.offset, 2)
      })))
  }

  it.effect("ends with the poison that a reader does not catch", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { read } = windows(100)
      const fiber = yield* Effect.forkScoped(Effect.flip(Consumer.runPartitions("g", Texts, settings, read)))
      yield* until(() => script.isOpen)
      script.produce(p0, [text(0), poison(1)])
      script.emit("assign", [p0])
      assert.deepInclude(yield* Fiber.join(fiber), { _tag: "HandlerFailed", partition: 0, offset: 1 })
    })))

  it.effect("fails with what a reader fails with while its partition is given up", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const fiber = yield* Consumer.runPartitions(
        "g",
        Texts,
        settings,
        (_, records) => Effect.andThen(Stream.runDrain(records), Effect.fail("cannot flush"))
      ).pipe(Effect.flip, Effect.forkScoped)
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* settle
      script.emit("revoke", [p0])
      const error = yield* Fiber.join(fiber)
      assert.include(error.message, "cannot flush")
      assert.isUndefined(script.committed.get("t/0"))
    })))

  it.effect("ends at the end, when every reader is done", () =>
    Effect.gen(function*() {
      yield* Producer.sendAll(Texts, Array.from({ length: 1_000 }, (_, i) => ({ key: null, value: String(i) })))
      const { ended, flushed, read } = windows(300)
      const bounded = { ...settings, until: "end", bufferRecords: 300 } as const
      yield* Consumer.runPartitions("g", Texts, bounded, (tp, records) =>
        Effect.tap(read(tp, records), Effect.sleep("5 minutes"))).pipe(
          Effect.forkScoped,
          Effect.tap(() =>
            TestClock.adjust("6 minutes")
          ),
          Effect.flatMap(Fiber.join)
        )
      const count = flushed.reduce((sum, window) =>
        sum + window.split(",").length, 0)
      assert.strictEqual(count, 1_000)
      assert.deepStrictEqual([...ended].sort(), [0, 1, 2])
      const committed = yield* (yield* InMemoryKafka).committed("g")
      assert.strictEqual(committed.reduce((sum, { offset }) => sum + offset, 0), 1_000)
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
