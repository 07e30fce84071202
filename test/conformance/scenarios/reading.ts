import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Producer, Topic } from "millrace"
import type { Group } from "../harness.ts"
import { scenario } from "../harness.ts"
import { produce, reasonOf, sorted, texts, textTopic } from "../members.ts"

const partitions = 4

const valuesOf = (topic: string, options: Topic.ReadOptions) =>
  Topic.read(textTopic(topic), options).pipe(
    Stream.map(({ value }) => value),
    Stream.runCollect,
    Effect.map(sorted)
  )

export const reading: Group = {
  title: "a topic",
  scenarios: [
    scenario("is read without a group, from any place to the end", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        yield* produce(topic, 0, 100, partitions)
        const until = "end"
        assert.deepStrictEqual(yield* valuesOf(topic, { from: "earliest", until }), texts(0, 100))
        assert.deepStrictEqual(yield* valuesOf(topic, { from: { last: 2 }, until }), texts(92, 100))
        assert.deepStrictEqual(yield* valuesOf(topic, { from: { offset: 24 }, until }), texts(96, 100))
        assert.deepStrictEqual(yield* valuesOf(topic, { from: "latest", until }), [])
        const third = yield* valuesOf(topic, { from: "earliest", until, partitions: [2] })
        assert.deepStrictEqual(third, texts(0, 100).filter((value) => Number(value) % partitions === 2))
      })),
    scenario("is read on for as long as somebody wants", [], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        yield* produce(topic, 0, 20, partitions)
        const read: Array<string> = []
        const reading = yield* Topic.read(textTopic(topic), { from: "earliest" }).pipe(
          Stream.runForEach(({ value }) => Effect.sync(() => read.push(value))),
          Effect.forkScoped
        )
        yield* world.until("what is there is read", Effect.sync(() => read.length === 20))
        yield* produce(topic, 20, 40, partitions)
        yield* world.until("what comes is read", Effect.sync(() => read.length === 40))
        yield* Fiber.interrupt(reading)
        assert.deepStrictEqual(sorted(read), texts(0, 40))
      })),
    scenario("is read to its end behind an aborted transaction", ["transactions"], (world) =>
      Effect.gen(function*() {
        const topic = yield* world.topic(partitions)
        yield* produce(topic, 0, 8, partitions)
        const message = { key: null, value: "aborted", partition: 0 }
        const aborted = Effect.andThen(Producer.send(textTopic(topic), message), Effect.fail("no"))
        yield* Effect.flip(Producer.transaction(world.name("tx"), aborted))
        assert.deepStrictEqual(yield* valuesOf(topic, { from: "earliest", until: "end" }), texts(0, 8))
      })),
    scenario(
      "is made where it is missing, and otherwise it is said how it differs",
      ["topics admin"],
      (world) =>
        Effect.gen(function*() {
          const topic = textTopic(world.name("ensured"))
          const missing = yield* Effect.flip(valuesOf(topic.name, { from: "earliest", until: "end" }))
          assert.strictEqual(reasonOf(missing), "UnknownTopic")
          const made = yield* Topic.ensure([topic], { partitions: 2 })
          assert.deepStrictEqual(made, [{ name: topic.name, created: true, differences: [] }])
          yield* produce(topic.name, 0, 4, 2)
          const [again] = yield* Topic.ensure([topic], { partitions: 3 })
          assert.deepStrictEqual(again!.differences, [{ what: "partitions", wanted: "3", found: "2" }])
          assert.deepStrictEqual(yield* valuesOf(topic.name, { from: "earliest", until: "end" }), texts(0, 4))
        })
    )
  ]
}
