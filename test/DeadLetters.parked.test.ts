import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Consumer, DeadLetters, OnFailure, RetryTopics, Topic } from "millrace"
import * as RetryHeaders from "../src/internal/retry/retryHeaders.ts"
import {
  adminOf,
  billing,
  committed,
  deadLetter,
  group,
  onCluster,
  one,
  Orders,
  parked,
  recordsOf,
  redrive,
  send,
  sendMany,
  text,
  tier1
} from "./internal/deadLetters/letters.ts"

/** Three that were redriven too often are parked, and one that was not is still a dead letter. */
const scene = Effect.gen(function*() {
  yield* one
  yield* send({ key: "a", tag: "Timeout", replays: 3 })
  yield* send({ key: "b", replays: 3 })
  yield* send({ key: "c", tag: "Timeout", replays: 3 })
  yield* redrive()
  yield* send({ key: "d" })
})

const keys = (letters: ReadonlyArray<DeadLetters.DeadLetter>) => letters.map(({ key }) => text(key))

describe("parked records", () => {
  it.effect("are looked at by themselves", () =>
    Effect.gen(function*() {
      yield* scene
      const found = yield* Stream.runCollect(DeadLetters.records(billing, { parked: true, tag: "Timeout" }))
      assert.deepStrictEqual(keys(found), ["a", "c"])
      assert.deepInclude(found[1]!, { topic: parked, source: "orders", offset: 2, replays: 3 })
      const counts = yield* DeadLetters.stats(billing, { parked: true })
      assert.deepStrictEqual(counts.map(({ count, tag }) => [tag, count]), [["Timeout", 2], ["CardDeclined", 1]])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.toNdjson(billing, { parked: true })), 3)
    }).pipe(onCluster))

  it.effect("go where a redrive sends them, however often they were there before, and each once", () =>
    Effect.gen(function*() {
      yield* scene
      const pretended = yield* redrive({ parked: true, dryRun: true })
      assert.deepStrictEqual(pretended.map(({ _tag, to }) => [_tag, to.topic]), Array(3).fill(["Redriven", tier1]))
      const some = yield* redrive({ parked: true, tag: "Timeout" })
      assert.deepStrictEqual(keys(some.map(({ letter }) => letter)), ["a", "c"])
      const first = yield* redrive({ parked: true, max: 1 })
      const rest = yield* redrive({ parked: true })
      assert.deepStrictEqual([first, rest].map((moved) => keys(moved.map(({ letter }) => letter))), [["a"], ["b", "c"]])
      assert.lengthOf(yield* redrive({ parked: true }), 0)
      for (const record of yield* recordsOf(tier1)) assert.strictEqual(RetryHeaders.read(record).replays, 4)
      // The dead letter topic has a place of its own in the same group.
      assert.deepStrictEqual(keys((yield* redrive()).map(({ letter }) => letter)), ["d"])
    }).pipe(onCluster))

  it.effect("are not parked again", () =>
    Effect.gen(function*() {
      yield* scene
      const problems = yield* Effect.forEach([
        Stream.runDrain(DeadLetters.park(billing, { parked: true })),
        Stream.runDrain(DeadLetters.redrive(billing, { parked: true, maxReplays: 2 })),
        Stream.runDrain(DeadLetters.redrive(billing, { parked: true, to: { topic: parked } })),
        Stream.runDrain(DeadLetters.redrive(billing, { parked: true, to: { topic: deadLetter } }))
      ], (attempt) => Effect.map(Effect.flip(attempt), ({ message }) => message))
      assert.include(problems[0]!, "parked already")
      assert.include(problems[1]!, "no such limit")
      assert.include(problems[2]!, "is a parked topic")
      assert.include(problems[3]!, "the dead letter topic itself")
      assert.lengthOf(yield* recordsOf(parked), 3)
    }).pipe(onCluster))

  it.effect("are found though the dead letter topic is gone and the policy makes none any more", () =>
    Effect.gen(function*() {
      yield* scene
      yield* send({ topic: tier1, key: "waits" })
      yield* (yield* adminOf).deleteTopic(deadLetter)
      const stopping = Consumer.make("billing", {
        offsetReset: "earliest",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(Orders, () => Effect.void)]
      })
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(stopping, { parked: true })), 3)
      const waiting = yield* RetryTopics.list(stopping)
      assert.deepStrictEqual(waiting.map(({ topic, waiting }) => [topic, waiting]), [
        [tier1, 1],
        ["billing.orders.retry.2", 0]
      ])
    }).pipe(onCluster))

  it.effect("are discarded without the dead letters", () =>
    Effect.gen(function*() {
      yield* scene
      yield* sendMany(2)
      assert.deepStrictEqual(
        yield* DeadLetters.discard(billing, { parked: true, deleteRecords: true }),
        [{ topic: parked, partition: 0, from: 0, to: 3 }]
      )
      assert.lengthOf(yield* recordsOf(parked), 0)
      assert.lengthOf(yield* redrive({ parked: true }), 0)
      assert.lengthOf(yield* redrive(), 3)
    }).pipe(onCluster))

  it.effect("are none where nothing was parked", () =>
    Effect.gen(function*() {
      yield* one
      yield* send()
      assert.lengthOf(yield* redrive({ parked: true }), 0)
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.records(billing, { parked: true })), 0)
      assert.deepStrictEqual(yield* DeadLetters.discard(billing, { parked: true }), [])
      assert.strictEqual(DeadLetters.groupOf(billing, { parked: true }), group)
      assert.deepStrictEqual(yield* committed(), {})
    }).pipe(onCluster))
})
