import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Codec, Consumer, KafkaEngine, KafkaError, OnFailure, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import type { Position, TransactionalClient } from "../../../src/engine/KafkaEngine.ts"
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

  /** A group's offsets as they are committed, by whom, on a cluster whose transactions take a second to commit. */
  const watched = Effect.gen(function*() {
    const engine = yield* KafkaEngine.Service
    const { partition } = yield* Producer.send(Notes, { key: "a", value: "good" })
    const committed: Array<string> = []
    const note = (by: string, positions: ReadonlyArray<Position>) =>
      Effect.sync(() => {
        for (const one of positions) if (one.partition === partition) committed.push(`${by} ${one.offset}`)
      })
    const service: KafkaEngine.Service["Service"] = {
      ...engine,
      consumer: (options) =>
        Effect.map(engine.consumer(options), (client) => ({
          ...client,
          store: (position) => {
            if (position.partition === partition) committed.push(`store ${position.offset}`)
            return client.store(position)
          },
          commit: (positions) => Effect.tap(client.commit(positions), note("commit", positions))
        })),
      transactional: (id) =>
        Effect.map(engine.transactional(id), (client): TransactionalClient => {
          let offsets: ReadonlyArray<Position> = []
          return {
            ...client,
            produce: (message, done) => client.produce(message, done),
            sendOffsets: (positions, group) => {
              offsets = positions
              return client.sendOffsets(positions, group)
            },
            commit: Effect.andThen(
              Effect.sleep("1 second"),
              Effect.andThen(client.commit, Effect.suspend(() => note("transaction", offsets)))
            )
          }
        })
    }
    return { committed, partition, service }
  })

  /** Positions of whoever else commits after a transaction; none may be before it. */
  const goingBack = (committed: ReadonlyArray<string>) => {
    let last = 0
    return committed.filter((line) => {
      const [by, offset] = line.split(" ") as [string, string]
      if (by === "transaction") last = Number(offset)
      return Number(offset) < last
    })
  }

  it.effect("is not undone by a position that moved just before it", () =>
    Effect.gen(function*() {
      const { committed, service } = yield* watched
      yield* Producer.send(Notes, { key: "a", value: "bad" })
      yield* Effect.forkScoped(Effect.provideService(Consumer.run(consumer), KafkaEngine.Service, service))
      for (let i = 0; i < 40; i++) yield* TestClock.adjust("100 millis")
      assert.include(committed, "transaction 2")
      assert.deepStrictEqual(goingBack(committed), [])
      const begun = committed.lastIndexOf("commit 1")
      assert.isAtLeast(begun, 0)
      assert.deepStrictEqual(committed.slice(begun + 1, committed.indexOf("transaction 2")), [])
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("counts when its worker is interrupted while it is committed", () =>
    Effect.gen(function*() {
      const memory = yield* InMemoryKafka
      const { committed, partition, service } = yield* watched
      yield* Producer.send(Notes, { key: "a", value: "bad" })
      const impatient = { ...consumer, settings: { ...consumer.settings, drainTimeout: "100 millis" as const } }
      const fiber = yield* Effect.forkScoped(
        Effect.provideService(Consumer.run(impatient), KafkaEngine.Service, service)
      )
      for (let i = 0; i < 40 && !committed.includes("commit 1"); i++) yield* TestClock.adjust("10 millis")
      for (let i = 0; i < 3; i++) yield* TestClock.adjust("100 millis")
      yield* Effect.forkScoped(Effect.sync(() => fiber.interruptUnsafe()))
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("100 millis")
      yield* until(() => fiber.pollUnsafe() !== undefined)
      assert.include(committed, "transaction 2")
      assert.deepStrictEqual(goingBack(committed), [])
      const own = (yield* memory.committed("g")).find((one) => one.partition === partition)
      assert.strictEqual(own?.offset, 2)
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
