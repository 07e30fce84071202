import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Codec, Consumer, KafkaError, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import { until } from "../loop/scenario.ts"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

const consumer = Consumer.make("g", {
  offsetReset: "earliest",
  onFailure: OnFailure.deadLetter,
  // No timer commits within the test: what is committed, the transactions did.
  commitInterval: "1 hour",
  retries: { transactional: true },
  handlers: [Topic.handle(Notes, ({ value }) => value === "bad" ? Effect.fail("no") : Effect.void)]
})

const keys = Effect.flatMap(
  InMemoryKafka,
  (memory) =>
    Effect.map(memory.records("g.notes.dlt"), (records) => records.map(({ key }) => new TextDecoder().decode(key!)))
)

describe("a transactional copy", () => {
  it.effect("commits the offset of its record with it", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* Producer.sendAll(Notes, [{ key: "a", value: "good" }, { key: "a", value: "bad" }, {
        key: "a",
        value: "bad"
      }])
      yield* Effect.forkScoped(Consumer.run(consumer))
      let committed = 0
      for (let i = 0; i < 20 && committed < 3; i++) {
        yield* TestClock.adjust("100 millis")
        committed = Math.max(0, ...(yield* memory.committed("g")).map(({ offset }) => offset))
      }
      assert.strictEqual(committed, 3)
      assert.deepStrictEqual(yield* keys, ["a", "a"])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("whose sending fails is sent in another transaction", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* Producer.send(Notes, { key: "a", value: "bad" })
      const reason = new KafkaError.Timeout({ operation: "produce", timeoutMs: 1 })
      yield* memory.failProduce({ topic: "g.notes.dlt", reason, times: 2 })
      yield* Effect.forkScoped(Consumer.run(consumer))
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* keys, ["a"])
      assert.strictEqual(Math.max(0, ...(yield* memory.committed("g")).map(({ offset }) => offset)), 1)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("that is refused for good stops the consumer before the record", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      yield* Producer.send(Notes, { key: "a", value: "bad" })
      const reason = new KafkaError.RecordTooLarge({ topic: "g.notes.dlt", sizeBytes: 9 })
      yield* memory.failProduce({ topic: "g.notes.dlt", reason, times: 10 })
      const fiber = yield* Effect.forkScoped(Effect.flip(Consumer.run(consumer)))
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("100 millis")
      yield* until(() => fiber.pollUnsafe() !== undefined)
      const exit = fiber.pollUnsafe()!
      assert.isTrue(exit._tag === "Success" && exit.value._tag === "HandlerFailed")
      assert.isTrue((yield* memory.committed("g")).every(({ offset }) => offset === 0))
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
