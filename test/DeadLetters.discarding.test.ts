import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DeadLetters } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import {
  adminOf,
  billing,
  committed,
  deadLetter,
  makeTopics,
  onCluster,
  parked,
  recordsOf,
  send,
  sendMany,
  text,
  tier1
} from "./internal/deadLetters/letters.ts"

const two = makeTopics({ orders: 2, [deadLetter]: 2, [tier1]: 2, "billing.orders.retry.2": 2 })

describe("parking", () => {
  it.effect("moves what is meant, unchanged, and a redrive with the same filter does not see it again", () =>
    Effect.gen(function*() {
      yield* two
      for (const tag of ["A", "B", "A"]) yield* send({ tag, replays: 1 })
      const park = (options: DeadLetters.ParkOptions) => Stream.runCollect(DeadLetters.park(billing, options))
      assert.lengthOf(yield* park({ tag: "A", dryRun: true }), 2)
      assert.lengthOf(yield* (yield* adminOf).describeTopics([parked]), 0)
      const moved = yield* park({ tag: "A" })
      assert.deepStrictEqual(moved.map(({ _tag, letter }) => [_tag, letter.offset]), [["Parked", 0], ["Parked", 2]])
      const [first] = yield* recordsOf(deadLetter)
      const [copy] = yield* recordsOf(parked)
      assert.deepStrictEqual(copy!.headers, first!.headers)
      assert.deepStrictEqual([copy!.key, copy!.value], [first!.key, first!.value])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(billing, { tag: "A" })), 0)
      // All of them: the redrive of everything is done with it as well.
      assert.lengthOf(yield* park({ max: 2 }), 2)
      assert.deepStrictEqual(yield* committed(), { 0: 2 })
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(billing)), 1)
      const [config] = yield* (yield* adminOf).describeTopics([parked])
      assert.lengthOf(config!.partitions, 2)
    }).pipe(onCluster))
})

describe("discarding", () => {
  it.effect("passes what is there, never goes back, and deletes only when told", () =>
    Effect.gen(function*() {
      yield* two
      yield* sendMany(5, { partition: 0 })
      yield* sendMany(2, { partition: 1 })
      yield* Stream.runDrain(DeadLetters.redrive(billing, { max: 3 }))
      const before = yield* committed()
      const all = yield* DeadLetters.discard(billing, { dryRun: true })
      assert.strictEqual(all.reduce((sum, { from, to }) => sum + to - from, 0), 4)
      assert.deepStrictEqual(yield* committed(), before)
      const part = { partition: 0, before: 4 }
      assert.deepStrictEqual(
        yield* DeadLetters.discard(billing, part),
        [{ topic: deadLetter, partition: 0, from: before[0] ?? 0, to: 4 }]
      )
      assert.strictEqual((yield* committed())[0], 4)
      assert.deepStrictEqual(yield* DeadLetters.discard(billing, { partition: 0, before: 2 }), [])
      assert.strictEqual((yield* committed())[0], 4)
      assert.lengthOf(yield* recordsOf(deadLetter), 7)
      yield* DeadLetters.discard(billing, { partition: 0, before: 2, deleteRecords: true })
      assert.lengthOf(yield* recordsOf(deadLetter), 5)
      assert.strictEqual((yield* committed())[0], 4)
      yield* DeadLetters.discard(billing, { deleteRecords: true })
      assert.lengthOf(yield* recordsOf(deadLetter), 0)
      assert.deepStrictEqual(yield* committed(), { 0: 5, 1: 2 })
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.redrive(billing)), 0)
      const error = yield* Effect.flip(DeadLetters.discard(billing, { before: 3 }))
      assert.include(error.message, "partition")
    }).pipe(onCluster))

  it.effect("is for every redrive, whatever its filter", () =>
    Effect.gen(function*() {
      yield* two
      yield* sendMany(2, { tag: "A" })
      const dry = (tag?: string) => Stream.runCollect(DeadLetters.redrive(billing, { tag, dryRun: true }))
      yield* DeadLetters.discard(billing)
      assert.lengthOf(yield* dry(), 0)
      assert.lengthOf(yield* dry("A"), 0)
      yield* send({ tag: "A" })
      assert.lengthOf(yield* dry("A"), 1)
    }).pipe(onCluster))
})

describe("export and import", () => {
  it.effect("give the same bytes back", () =>
    Effect.gen(function*() {
      yield* two
      const binary = Uint8Array.from([0, 255, 10, 13, 128])
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({
        topic: deadLetter,
        partition: 1,
        key: binary,
        value: binary,
        headers: [["é", binary], ["é", null], ["", new Uint8Array(0)]]
      })
      yield* kafka.produce({ topic: deadLetter, partition: 0, key: null, value: null })
      yield* kafka.produce({ topic: deadLetter, partition: 0, key: new Uint8Array(0), value: new Uint8Array(0) })
      yield* send({ partition: 1, tag: "Late" })
      const lines = yield* Stream.runCollect(DeadLetters.toNdjson(billing))
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.toNdjson(billing, { tag: "Late" })), 1)
      const before = yield* recordsOf(deadLetter)
      yield* DeadLetters.discard(billing, { deleteRecords: true })
      const input = Stream.fromIterable(["", ...lines, "  "])
      assert.lengthOf(yield* Stream.runCollect(DeadLetters.fromNdjson(billing, input, { dryRun: true })), 4)
      assert.lengthOf(yield* recordsOf(deadLetter), 0)
      const imported = yield* Stream.runCollect(DeadLetters.fromNdjson(billing, input))
      assert.deepStrictEqual(imported.map(({ line }) => line), [2, 3, 4, 5])
      const after = yield* recordsOf(deadLetter)
      const bare = (records: typeof before) =>
        records.map(({ headers, key, partition, value }) => ({ headers: headers ?? [], key, partition, value }))
      assert.deepStrictEqual(bare(after), bare(before))
    }).pipe(onCluster))

  it.effect("stop at the first line that is none, and at topics of others", () =>
    Effect.gen(function*() {
      yield* two
      const good = `{"topic":"${deadLetter}","partition":0,"key":null,"value":"e30="}`
      const elsewhere = "{\"topic\":\"orders\",\"partition\":7,\"value\":\"e30=\"}"
      const wrong: ReadonlyArray<readonly [string, string]> = [
        ["nonsense", "JSON"],
        ["[]", "a line is a JSON object"],
        ["{}", "topic is missing"],
        [`{"topic":"${deadLetter}"}`, "partition"],
        [`{"topic":"${deadLetter}","partition":0,"value":"e3"}`, "value is not base64"],
        [`{"topic":"${deadLetter}","partition":0,"headers":{"a":"e30="}}`, "headers"],
        [`{"topic":"${deadLetter}","partition":0,"headers":[["a",1]]}`, "header \"a\""],
        [elsewhere, "allow"]
      ]
      for (const [line, problem] of wrong) {
        const told: Array<number> = []
        const error = yield* Effect.flip(Stream.runForEach(
          DeadLetters.fromNdjson(billing, Stream.make(good, line, good)),
          (imported) => Effect.sync(() => told.push(imported.line))
        ))
        assert.strictEqual(error.reason._tag, "InvalidRecord")
        assert.include(error.message, "line 2")
        assert.include(error.message, problem)
        assert.deepStrictEqual(told, [1])
      }
      assert.lengthOf(yield* recordsOf(deadLetter), wrong.length)
      yield* Stream.runDrain(DeadLetters.fromNdjson(billing, Stream.make(elsewhere), { allow: ["orders"] }))
      const [record] = yield* recordsOf("orders")
      assert.deepStrictEqual([record!.partition, text(record!.value)], [1, "{}"])
    }).pipe(onCluster))
})
