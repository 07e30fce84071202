/** Batches that cannot fill: the fetch budget is used up before there are as many records as they want. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Consumer, Topic } from "millrace"
import { p0, scripted, settings, settle, start, text, Texts, texts, until } from "../loop/scenario.ts"

/** Batches that would wait for ten minutes. */
const counting = (handled: { count: number }, maxSize = 1_000) =>
  Topic.handleBatch(Texts, (records) => Effect.sync(() => handled.count += records.length), {
    maxSize,
    maxWait: "10 minutes"
  })

describe("a batch is handed over when the budget has no room for more", () => {
  it.effect("of records", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled = { count: 0 }
      const consumer = Consumer.make("g", {
        ...settings,
        chunkRecords: 100,
        bufferRecords: 300,
        handlers: [counting(handled)]
      })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 899))
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(handled.count, 900)
    })))

  it.effect("of bytes", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled = { count: 0 }
      const consumer = Consumer.make("g", { ...settings, bufferBytes: 50_000, handlers: [counting(handled)] })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 199).map((record) => ({ ...record, size: 1_000 })))
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.strictEqual(handled.count, 200)
    })))

  it.effect("that sixty partitions share", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled = { count: 0 }
      const partitions = Array.from({ length: 60 }, (_, partition) => ({ topic: "t", partition }))
      yield* start(script, Consumer.make("g", { ...settings, handlers: [counting(handled)] }))
      for (const partition of partitions) script.produce(partition, texts(0, 999))
      script.emit("assign", partitions)
      // What is left when the topics are read to their ends has room, and may wait.
      for (let i = 0; i < 20; i++) yield* Effect.andThen(settle, TestClock.adjust("1 second"))
      assert.isAbove(handled.count, 60_000 - 20_000)
      yield* TestClock.adjust("10 minutes")
      // So may what came only when others had been handled.
      yield* TestClock.adjust("10 minutes")
      yield* until(() => handled.count === 60_000)
    })), 20_000)

  it.effect("and waits otherwise", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handled = { count: 0 }
      yield* start(script, Consumer.make("g", { ...settings, bufferRecords: 300, handlers: [counting(handled, 200)] }))
      script.produce(p0, texts(0, 149))
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(handled.count, 0)
      script.produce(p0, [text(150)])
      yield* TestClock.adjust("1 minute")
      yield* until(() => handled.count === 151)
    })))
})
