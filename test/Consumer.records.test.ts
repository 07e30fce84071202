import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Numbers = Topic.make("numbers", { key: Codec.none, value: Codec.string })
const settings = { offsetReset: "earliest" } as const

const produce = (count: number) =>
  Producer.sendAll(Numbers, Array.from({ length: count }, (_, i) => ({ key: null, value: String(i) })))

describe("Consumer.records", () => {
  it.effect("hands out every record and commits what the reader says is done", () =>
    Effect.gen(function*() {
      yield* produce(10)
      const read = yield* Consumer.records("g", Numbers, settings).pipe(
        Stream.take(10),
        Stream.tap(({ commit, record }) => Number(record.value) < 6 ? commit : Effect.void),
        Stream.runCollect
      )
      assert.deepStrictEqual(read.map(({ record }) => record.value).sort(), "0123456789".split(""))
      const memory = yield* InMemoryKafka
      assert.deepStrictEqual((yield* memory.committed("g")).map(({ offset }) => offset), [6])
      const again = yield* Consumer.records("g", Numbers, settings).pipe(Stream.take(4), Stream.runCollect)
      assert.deepStrictEqual(again.map(({ record }) => record.value), ["6", "7", "8", "9"])
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("fails the stream with the poison, after the records before it", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* produce(2)
      yield* memory.produce({ topic: "numbers", value: new Uint8Array([0xff, 0xfe]) })
      const seen: Array<string> = []
      const error = yield* Consumer.records("g", Numbers, settings).pipe(
        Stream.runForEach(({ record }) => Effect.sync(() => seen.push(record.value))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, ["0", "1"])
      assert.strictEqual(error._tag, "Poison")
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("gives each assigned partition a stream of its own", () =>
    Effect.gen(function*() {
      yield* produce(9)
      const partitions = yield* Consumer.partitioned("g", Numbers, settings).pipe(Stream.take(3), Stream.runCollect)
      assert.deepStrictEqual(partitions.map(([{ partition }]) => partition).sort(), [0, 1, 2])
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
