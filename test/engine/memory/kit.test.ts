import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Codec, Consumer, KafkaEngine, OnFailure, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Payments = Topic.make("payments", {
  key: Codec.string,
  value: Codec.json(Schema.Struct({ cents: Schema.Finite }))
})
const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })

describe("values", () => {
  it.effect("are those of the topic, decoded", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      assert.deepStrictEqual(yield* kafka.values(Payments), [])
      yield* Producer.sendAll(Payments, [1, 2, 3].map((cents) => ({ key: "a", value: { cents } })))
      assert.deepStrictEqual(yield* kafka.values(Payments), [{ cents: 1 }, { cents: 2 }, { cents: 3 }])
      const aborted = Effect.andThen(Producer.send(Payments, { key: "a", value: { cents: 4 } }), Effect.fail("no"))
      yield* Effect.flip(Producer.transaction("t", aborted))
      assert.strictEqual((yield* kafka.values(Payments)).length, 3)
      assert.strictEqual((yield* kafka.values(Payments, { isolation: "read_uncommitted" })).length, 4)
    }).pipe(Effect.provide(InMemoryKafka.layer)))

  it.effect("that cannot be decoded say where they are", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      yield* kafka.produce({ topic: "payments", partition: 1, value: new TextEncoder().encode("four") })
      const exit = yield* Effect.exit(kafka.values(Payments))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "payments/1 offset 0")
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

describe("settle", () => {
  it.effect("lets everything happen that needs no time", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const Copies = Topic.make("copies", { key: Codec.none, value: Codec.string })
      const copying = (from: typeof Notes, to: typeof Notes, group: string) =>
        Effect.forkScoped(Consumer.run(Consumer.make(group, {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          handlers: [Topic.handle(from, ({ value }) => Producer.send(to, { key: null, value }))]
        })))
      const Last = Topic.make("last", { key: Codec.none, value: Codec.string })
      yield* copying(Notes, Copies, "first")
      yield* copying(Copies, Last, "second")
      yield* Producer.sendAll(Notes, Array.from({ length: 50 }, (_, i) => ({ key: null, value: String(i) })))
      const before = yield* Clock.currentTimeMillis
      yield* kafka.settle
      assert.strictEqual((yield* kafka.values(Last)).length, 50)
      assert.strictEqual(yield* Clock.currentTimeMillis, before)
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})

let polls = 0

/** Counts how many times consumers look around. */
const counting = Layer.effect(KafkaEngine.Service)(Effect.map(KafkaEngine.Service, (engine) => ({
  ...engine,
  consumer: (options: KafkaEngine.ConsumerClientOptions) =>
    Effect.map(engine.consumer(options), (client) =>
      Object.create(client, {
        poll: {
          value: (maxRecords: number, maxBytes: number) => {
            polls++
            return client.poll(maxRecords, maxBytes)
          }
        }
      }) as typeof client)
}))).pipe(Layer.provideMerge(InMemoryKafka.layer))

describe("jump", () => {
  it.effect("passes a day at once, and what is due happens at its time", () =>
    Effect.gen(function*() {
      const kafka = yield* InMemoryKafka
      const begin = yield* Clock.currentTimeMillis
      const hours: Array<number> = []
      yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
        offsetReset: "earliest",
        onFailure: Retry.nonBlocking(Schedule.spaced("10 hours").pipe(Schedule.upTo({ times: 2 }))),
        handlers: [
          Topic.handle(Notes, () =>
            Effect.flatMap(Clock.currentTimeMillis, (now) => {
              hours.push(Math.floor((now - begin) / 3_600_000))
              return Effect.fail("no")
            }))
        ]
      })))
      yield* Producer.send(Notes, { key: null, value: "hello" })
      yield* kafka.jump("24 hours")
      assert.deepStrictEqual(hours, [0, 10, 20])
      assert.deepStrictEqual(yield* kafka.values(Topic.make("g.notes.dlt", { key: Codec.none, value: Codec.string })), [
        "hello"
      ])
      // With a look four times a second it would be 691,200.
      assert.isBelow(polls, 15_000)
      yield* Producer.send(Notes, { key: null, value: "again" })
      yield* kafka.jump("1 day")
      assert.deepStrictEqual(hours, [0, 10, 20, 24, 34, 44])
    }).pipe(Effect.provide(counting)))

  it.live("says that it needs the clock of a test", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit((yield* InMemoryKafka).jump("1 second"))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), "TestClock")
    }).pipe(Effect.provide(InMemoryKafka.layer)))
})
