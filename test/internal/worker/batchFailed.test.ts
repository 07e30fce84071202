/** Handlers of batches that say which record failed. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { BatchFailed, Consumer, type Handler, HandlerFailed, OnFailure, Retry, Topic } from "millrace"
import { p0, poison, scripted, settings, start, text, Texts, texts, until } from "../loop/scenario.ts"

/** A table of values that refuses one whose text begins with `bad`; the good ones before it are stored. */
const makeTable = () => {
  const stored: Array<string> = []
  const calls: Array<ReadonlyArray<string>> = []
  const accepted = new Set<string>()
  const store = (records: ReadonlyArray<{ readonly value: string; readonly offset: number }>) =>
    Effect.suspend(() => {
      calls.push(records.map(({ value }) => value))
      for (const { offset, value } of records) {
        if (value.startsWith("bad") && !accepted.has(value)) {
          return Effect.fail(new BatchFailed({ offset, cause: Cause.fail(value) }))
        }
        stored.push(value)
      }
      return Effect.void
    })
  return { accepted, calls, store, stored }
}

type Table = ReturnType<typeof makeTable>

const kinds: { readonly [kind: string]: (table: Table, starts: Array<number>) => Handler.Handler<string, never> } = {
  batch: (table, starts) =>
    Topic.handleBatch(Texts, (records, { start }) => {
      starts.push(start)
      return table.store(records)
    }),
  owned: (table, starts) =>
    Topic.handleOwningOffsets(Texts, ({ records, start }) => {
      starts.push(start)
      return table.store(records)
    }, { startOffsets: () => Effect.succeed([]) })
}

for (const [kind, handlerOf] of Object.entries(kinds)) {
  describe(`a ${kind} handler that names the record that failed`, () => {
    it.effect("has that one skipped, and is handed the rest", () =>
      scripted(Effect.fnUntraced(function*(script) {
        const table = makeTable()
        const starts: Array<number> = []
        const failures: Array<OnFailure.Failure<unknown>> = []
        const onFailure = OnFailure.make((failure) =>
          Effect.sync(() => {
            failures.push(failure)
            return OnFailure.skip
          })
        )
        const consumer = Consumer.make("g", { ...settings, onFailure, handlers: [handlerOf(table, starts)] })
        const { control } = yield* start(script, consumer)
        script.produce(p0, [...texts(0, 2), text(3, "bad"), ...texts(4, 5), text(6, "bad too"), poison(7), text(8)])
        script.emit("assign", [p0])
        yield* until(() => table.stored.length === 6)
        yield* control.stop
        assert.deepStrictEqual(table.stored, ["0", "1", "2", "4", "5", "8"])
        assert.deepStrictEqual(failures.map(({ records }) => records.map(({ offset }) => offset)).sort(), [[3], [6], [
          7
        ]])
        assert.deepStrictEqual(
          failures.filter(({ kind }) => kind === "error").map(({ cause }) => Cause.squash(cause)),
          ["bad", "bad too"]
        )
        assert.deepStrictEqual(starts, [0, 3, 6])
        assert.strictEqual(script.committed.get("t/0")?.offset, 9)
      })))

    it.effect("stops at that one, with what is before it committed", () =>
      scripted(Effect.fnUntraced(function*(script) {
        const table = makeTable()
        const consumer = Consumer.make("g", { ...settings, handlers: [handlerOf(table, [])] })
        const { fiber } = yield* start(script, consumer)
        script.produce(p0, [...texts(0, 2), text(3, "bad"), ...texts(4, 5)])
        script.emit("assign", [p0])
        const exit = yield* Fiber.await(fiber)
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(error, HandlerFailed)
        assert.deepInclude(error, { offset: 3 })
        assert.deepStrictEqual(table.stored, ["0", "1", "2"])
        assert.strictEqual(script.committed.get("t/0")?.offset, 3)
      })))

    it.effect("waits in place at that one, whose attempts are counted for itself", () =>
      scripted(Effect.fnUntraced(function*(script) {
        const table = makeTable()
        const onFailure = Retry.blocking(Schedule.spaced("1 minute")).pipe(OnFailure.andThen(OnFailure.stop))
        const consumer = Consumer.make("g", { ...settings, onFailure, handlers: [handlerOf(table, [])] })
        const { control } = yield* start(script, consumer)
        script.produce(p0, [text(0), text(1, "bad"), text(2)])
        script.emit("assign", [p0])
        yield* until(() => table.calls.length === 1)
        const [waiting] = yield* control.waiting
        assert.deepInclude(waiting, { offset: 1 })
        table.accepted.add("bad")
        yield* TestClock.adjust("1 minute")
        yield* until(() => table.stored.length === 3)
        assert.deepStrictEqual(table.calls, [["0", "bad", "2"], ["bad", "2"]])
        yield* control.stop
        assert.strictEqual(script.committed.get("t/0")?.offset, 3)
      })))

    it.effect("fails as a whole with a defect when the offset is not in its batch", () =>
      scripted(Effect.fnUntraced(function*(script) {
        const failed = () => Effect.fail(new BatchFailed({ offset: 17, cause: Cause.fail("bad") }))
        const handler = kind === "batch"
          ? Topic.handleBatch(Texts, failed)
          : Topic.handleOwningOffsets(Texts, failed, { startOffsets: () => Effect.succeed([]) })
        const { fiber } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        const exit = yield* Fiber.await(fiber)
        assert.match(
          Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "",
          /BatchFailed at offset 17, but its batch has 0 to 2/
        )
        assert.isUndefined(script.committed.get("t/0"))
      })))
  })
}

describe("a batch of which each record fails", () => {
  it.effect("costs as much for each of many as for each of few", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const count = 1_000
      const done = yield* Deferred.make<void>()
      let failed = 0
      let looks = 0
      const onFailure = OnFailure.make(() =>
        Effect.as(++failed === count ? Deferred.succeed(done, undefined) : Effect.void, OnFailure.skip)
      )
      const first = (records: ReadonlyArray<{ readonly offset: number }>) =>
        records.length === 0
          ? Effect.void
          : Effect.fail(new BatchFailed({ offset: records[0]!.offset, cause: Cause.fail("no") }))
      const handler = Topic.handleOwningOffsets(Texts, ({ records }) => first(records), {
        startOffsets: () => Effect.succeed([]),
        maxSize: count
      })
      const { control } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
      script.log(p0).push(...Array.from({ length: count }, (_, offset) => ({
        ...p0,
        get offset() {
          looks++
          return offset
        },
        timestamp: 0,
        key: null,
        value: new Uint8Array(1),
        size: 1
      })))
      script.emit("assign", [p0])
      yield* Deferred.await(done)
      yield* control.stop
      assert.isBelow(looks / count, 100)
    })))
})
