import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Admin, Codec, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const codecs = { key: Codec.none, value: Codec.json(Schema.Finite) }
const Numbers = Topic.make("numbers", codecs)

/** The numbers 0 to 29, three partitions after each other, a second apart. */
const produced = Effect.gen(function*() {
  yield* Producer.sendAll(
    Numbers,
    Array.from({ length: 30 }, (_, i) => ({ key: null, value: i, partition: i % 3, timestamp: i * 1_000 }))
  )
})

const read = (options: Omit<Topic.ReadOptions, "until">) =>
  Topic.read(Numbers, { ...options, until: "end" }).pipe(
    Stream.map(({ value }) => value),
    Stream.runCollect,
    Effect.map((values) => values.sort((a, b) => a - b))
  )

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

describe("Topic.read", () => {
  it.effect("begins anywhere and ends where the partitions ended", () =>
    Effect.gen(function*() {
      yield* produced
      assert.deepStrictEqual(yield* read({ from: "earliest" }), range(0, 30))
      assert.deepStrictEqual(yield* read({ from: "latest" }), [])
      assert.deepStrictEqual(yield* read({ from: { offset: 8 } }), range(24, 30))
      assert.deepStrictEqual(yield* read({ from: { offset: 1_000 } }), [])
      assert.deepStrictEqual(yield* read({ from: { last: 1 } }), range(27, 30))
      assert.deepStrictEqual(yield* read({ from: { last: 1_000 } }), range(0, 30))
      assert.deepStrictEqual(yield* read({ from: { time: 27_000 } }), range(27, 30))
      assert.deepStrictEqual(yield* read({ from: { time: "1970-01-01T00:00:27Z" } }), range(27, 30))
      assert.deepStrictEqual(yield* read({ from: "earliest", partitions: [1] }), range(0, 10).map((i) => i * 3 + 1))
      assert.deepStrictEqual((yield* (yield* InMemoryKafka).committed("numbers")).length, 0)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  for (
    const [options, problem] of [
      [{ from: { offset: 1, last: 2 } }, "say one of offset, last and time"],
      [{ from: { offset: 1, lst: 2 } }, "say one of offset, last and time"],
      [{ from: "earliest", partitions: ["0"] }, "is no partition"],
      [{ from: "earliest", partitions: [-1] }, "is no partition"],
      [{ from: "earliest", partitions: [1.5] }, "is no partition"]
    ] as unknown as ReadonlyArray<readonly [Omit<Topic.ReadOptions, "until">, string]>
  ) {
    it.effect(`refuses ${JSON.stringify(options)}`, () =>
      Effect.gen(function*() {
        yield* produced
        const error = yield* Effect.flip(read(options))
        assert.include(error.message, problem)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }

  it.effect("of a topic that is deleted meanwhile fails, and names the place and nothing else", () =>
    Effect.gen(function*() {
      yield* produced
      const reading = yield* Topic.read(Numbers, { from: "latest" }).pipe(
        Stream.runDrain,
        Effect.flip,
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Effect.yieldNow
      yield* Admin.deleteTopics(["numbers"])
      const error = yield* Fiber.join(reading)
      if (error._tag !== "KafkaError" || error.reason._tag !== "UnknownTopic") return assert.fail(error.message)
      assert.deepStrictEqual(Object.keys(error.reason).sort(), ["_tag", "partition", "topic"])
      assert.strictEqual(error.reason.topic, "numbers")
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("goes on with what comes later, in arrays", () =>
    Effect.gen(function*() {
      yield* produced
      const reading = yield* Topic.read(Numbers, { from: { last: 2 } }).pipe(
        Stream.take(36),
        Stream.chunks,
        Stream.runCollect,
        Effect.forkScoped
      )
      yield* Effect.yieldNow
      yield* produced
      const chunks = yield* Fiber.join(reading)
      assert.deepStrictEqual(
        chunks.flatMap((chunk) => chunk.map(({ value }) => value)).slice(6).sort((a, b) => a - b),
        range(0, 30)
      )
      assert.isBelow(chunks.length, 10)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("hides what a transaction took back, unless it is asked for", () =>
    Effect.gen(function*() {
      const aborted = Effect.andThen(Producer.send(Numbers, { key: null, value: 7, partition: 0 }), Effect.fail("no"))
      yield* Effect.flip(Producer.transaction("t", aborted))
      assert.deepStrictEqual(yield* read({ from: "earliest" }), [])
      assert.deepStrictEqual(yield* read({ from: "earliest", isolation: "read_uncommitted" }), [7])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("fails with the poison, after the records before it", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* Producer.sendAll(Numbers, [{ key: null, value: 1 }, { key: null, value: 2 }])
      yield* memory.produce({ topic: "numbers", value: new TextEncoder().encode("three") })
      const seen: Array<number> = []
      const error = yield* Topic.read(Numbers, { from: "earliest", until: "end" }).pipe(
        Stream.runForEach(({ value }) => Effect.sync(() => seen.push(value))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [1, 2])
      assert.deepInclude(error, { _tag: "Poison", partition: 0, offset: 2 })
    }).pipe(Effect.provide(InMemoryKafka.layerWith({ defaultPartitions: 1 }))))

  it.effect("reads every topic of a pattern, and none", () =>
    Effect.gen(function*() {
      yield* produced
      yield* Producer.send(Topic.make("numbers.more", codecs), { key: null, value: 30 })
      const all = Topic.pattern(/numbers.*/, codecs)
      const none = Topic.pattern(/nothing/, codecs)
      const options = { from: "earliest", until: "end" } as const
      assert.strictEqual((yield* Stream.runCollect(Topic.read(all, options))).length, 31)
      assert.deepStrictEqual(yield* Stream.runCollect(Topic.read(none, options)), [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("says what is not there, and what is no place", () =>
    Effect.gen(function*() {
      const missing = yield* Effect.flip(read({ from: "earliest" }))
      assert.deepInclude(missing, { _tag: "KafkaError" })
      assert.deepInclude((missing as any).reason, { _tag: "UnknownTopic", topic: "numbers" })
      yield* produced
      const partition = yield* Effect.flip(read({ from: "earliest", partitions: [3] }))
      assert.deepInclude((partition as any).reason, { _tag: "UnknownTopic", topic: "numbers", partition: 3 })
      const places: ReadonlyArray<unknown> = [
        { offset: -1 },
        { offset: 1.5 },
        { offset: Number.NaN },
        { offset: "1" },
        { last: -1 },
        { time: "2026-02-30" },
        { time: Number.NaN },
        {},
        null,
        "begin"
      ]
      for (const from of places) {
        const error: any = yield* Effect.flip(read({ from: from as Topic.From }))
        assert.deepInclude(error.reason, { _tag: "InvalidSetting", setting: "from" }, JSON.stringify(from))
      }
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
