/** Owners of offsets that say at once which of a batch's records fail, without having handled those between. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Consumer, HandlerFailed, KafkaError, OnFailure, Retry, Topic } from "millrace"
import { FailedAhead } from "../../../src/BatchFailed.ts"
import type { Script } from "../../kit/scriptedEngine.ts"
import { p0, scripted, settings, settle, start, text, Texts, until } from "../loop/scenario.ts"
import { routed } from "./routed.ts"

/** A table that refuses values that begin with `bad`, and finds them before it stores anything behind the first. */
const makeTable = () => {
  const stored: Array<string> = []
  const calls: Array<ReadonlyArray<number>> = []
  const accepted = new Set<string>()
  let next = 0
  const handler = Topic.handleOwningOffsets(Texts, (batch) =>
    Effect.suspend(() => {
      const { records } = batch
      calls.push(records.map(({ offset }) => offset))
      const isBad = (value: string) => value.startsWith("bad") && !accepted.has(value)
      const bad = records.filter(({ value }) => isBad(value))
        .map(({ offset, value }) => ({ offset, cause: Cause.fail(value) }))
      const [first, ...ahead] = bad
      stored.push(...records.flatMap(({ offset, value }) => first === undefined || offset < first.offset ? value : []))
      next = first?.offset ?? batch.next
      return first === undefined ? Effect.void : Effect.fail(new FailedAhead(first, ahead))
    }), { startOffsets: () => Effect.sync(() => [{ ...p0, offset: next }]) })
  return { accepted, calls, handler, next: () => next, stored }
}

const encoder = new TextEncoder()

const keyed = (offset: number, key: string, value: string) => ({ ...text(offset, value), key: encoder.encode(key) })

const batch = ["0", "bad 1", "2", "bad 3", "4", "bad 5", "6"].map((value, i) => keyed(i, `k${i}`, value))

/** A consumer that skips what fails, and which offsets it was asked about. */
const skipping = Effect.fnUntraced(function*(script: Script, { handler }: ReturnType<typeof makeTable>) {
  const asked: Array<number> = []
  const onFailure = OnFailure.make(({ record }) =>
    Effect.sync(() => {
      asked.push(record.offset)
      return OnFailure.skip
    })
  )
  const { control } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
  return { asked, control }
})

describe("records of a batch that are known to fail", () => {
  it.effect("are judged at once, and the others are handed over in one piece", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const { asked, control } = yield* skipping(script, table)
      script.produce(p0, batch)
      script.emit("assign", [p0])
      yield* until(() => table.stored.length === 4)
      yield* control.stop
      assert.deepStrictEqual(table.calls, [[0, 1, 2, 3, 4, 5, 6], [2, 4, 6]])
      assert.deepStrictEqual(asked, [1, 3, 5])
      assert.strictEqual(table.next(), 7)
      assert.strictEqual(script.committed.get("t/0")?.offset, 7)
    })))

  it.effect("wait for records of their key, which may fail, too", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const { asked, control } = yield* skipping(script, table)
      script.produce(p0, [
        keyed(0, "a", "bad 0"),
        keyed(1, "b", "1"),
        keyed(2, "a", "bad 2"),
        keyed(3, "b", "bad 3"),
        keyed(4, "b", "bad 4"),
        keyed(5, "c", "bad 5")
      ])
      script.emit("assign", [p0])
      yield* until(() => table.next() === 6)
      assert.deepStrictEqual(asked, [0, 2, 5, 3, 4])
      assert.deepStrictEqual(table.calls.slice(0, 2), [[0, 1, 2, 3, 4, 5], [1, 3, 4]])
      yield* control.stop
    })))

  it.effect("are done before the policy stops at one of them, with the others before it", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const onFailure = OnFailure.make(({ record }) =>
        Effect.succeed(record.offset === 5 ? OnFailure.stop : OnFailure.skip)
      )
      const { fiber } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [table.handler] }))
      script.produce(p0, batch)
      script.emit("assign", [p0])
      const exit = yield* Fiber.await(fiber)
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(error, HandlerFailed)
      assert.deepInclude(error, { offset: 5 })
      assert.deepStrictEqual(table.stored, ["0", "2", "4"])
      assert.strictEqual(table.next(), 5)
      assert.strictEqual(script.committed.get("t/0")?.offset, 5)
    })))

  it.effect("are done before one of them waits, with the others before it, and that one is judged once", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const asked: Array<number> = []
      const blocking = Retry.blocking(Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })))
      const waits = blocking.pipe(OnFailure.andThen(OnFailure.stop))
      const onFailure = OnFailure.make(({ record }) =>
        Effect.sync(() => {
          asked.push(record.offset)
          return record.offset === 3 ? waits : OnFailure.skip
        }), { uses: [waits] })
      const { control } = yield* start(
        script,
        Consumer.make("g", { ...settings, onFailure, handlers: [table.handler] })
      )
      script.produce(p0, batch)
      script.emit("assign", [p0])
      yield* until(() => table.calls.length === 2)
      yield* settle
      assert.deepStrictEqual(table.stored, ["0", "2"])
      assert.deepStrictEqual((yield* control.waiting).map(({ offset }) => offset), [3])
      assert.deepStrictEqual(asked, [1, 3])
      table.accepted.add("bad 3")
      yield* TestClock.adjust("1 minute")
      yield* until(() => table.next() === 7)
      assert.deepStrictEqual(table.stored, ["0", "2", "bad 3", "4", "6"])
      assert.deepStrictEqual(asked, [1, 3, 5])
      yield* control.stop
    })))

  it.effect("get one copy each, also where the partition is taken away meanwhile", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const { answers, run } = yield* routed(table.handler, undefined)
      script.produce(p0, batch.slice(0, 5))
      script.emit("assign", [p0])
      yield* until(() => answers.length === 2)
      assert.strictEqual(table.next(), 1)
      script.emit("revoke", [p0])
      yield* settle
      for (const answer of answers) answer(undefined, undefined)
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual(table.stored, ["0", "2", "4"])
      script.emit("assign", [p0])
      script.produce(p0, [text(5)])
      yield* until(() => table.stored.length === 4)
      assert.strictEqual(answers.length, 2)
      yield* Effect.forkDetach(run.stop)
    })))

  it.effect("leave those before one whose copy cannot be sent done", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const table = makeTable()
      const { answers, run } = yield* routed(table.handler, undefined)
      script.produce(p0, batch.slice(0, 5))
      script.emit("assign", [p0])
      yield* until(() => answers.length === 2)
      answers[0]!(undefined, undefined)
      const reason = new KafkaError.AuthenticationFailed({ problem: "no" })
      answers[1]!(KafkaError.make("produce", reason), undefined)
      const exit = yield* Effect.exit(run.await)
      assert.isTrue(Exit.isFailure(exit))
      assert.deepStrictEqual(table.stored, ["0", "2"])
      assert.strictEqual(table.next(), 3)
    })))
})
