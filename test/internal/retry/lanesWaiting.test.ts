/** Records of lanes that wait in place, on the in-memory cluster with a clock that is set by hand. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Codec, Consumer, ConsumerControl, Producer, Retry, Topic } from "millrace"
import type { Handler, OnFailure } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

/** Sends `<key><n>` for each key, in order, to a topic with one partition. */
const send = Effect.fnUntraced(function*(keys: ReadonlyArray<string>) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  yield* admin.createTopic({ name: "notes", partitions: 1 })
  yield* Producer.sendAll(Notes, keys.map((key, i) => ({ key, value: `${key}${i}` })))
})

interface Options {
  readonly group: string
  readonly concurrency: Handler.Concurrency
  readonly onFailure: OnFailure.OnFailure<unknown>
  readonly work: (value: string) => Effect.Effect<unknown, unknown>
  readonly chunkRecords?: number
}

/** What was handed to the handler, and how many at once. */
const run = Effect.fnUntraced(function*({ concurrency, group, work, ...settings }: Options) {
  const seen = { started: [] as Array<string>, most: 0 }
  let running = 0
  const handler = Topic.handle(Notes, ({ value }) =>
    Effect.suspend(() => {
      seen.started.push(value)
      seen.most = Math.max(seen.most, ++running)
      return Effect.ensuring(work(value), Effect.sync(() => running--))
    }), { concurrency })
  const consumer = Consumer.make(group, { offsetReset: "earliest", ...settings, handlers: [handler] })
  const fiber = yield* Effect.forkScoped(Consumer.run(consumer))
  yield* TestClock.adjust("5 seconds")
  const [member] = yield* ConsumerControl.find(group)
  return { fiber, member: member!, seen }
})

const on = <A, E, R>(test: Effect.Effect<A, E, R>) =>
  Effect.provide(Effect.scoped(test), Layer.merge(InMemoryKafka.layer, Logger.layer([])))

const hourly = Retry.blocking(Schedule.spaced("1 hour"))

const kinds: ReadonlyArray<Handler.Concurrency> = [{ keys: 2 }, { unordered: 2 }]

for (const concurrency of kinds) {
  describe(`records that wait, with ${JSON.stringify(concurrency)}`, () => {
    it.effect("leave the handlers to the others, however many they are", () =>
      on(Effect.gen(function*() {
        yield* send(["a", "b", "c", "d", "e"])
        const { member, seen } = yield* run({
          group: "many",
          concurrency,
          onFailure: hourly,
          work: (value) => value === "e4" ? Effect.void : Effect.fail("no")
        })
        assert.deepStrictEqual(seen.started, ["a0", "b1", "c2", "d3", "e4"])
        assert.deepStrictEqual((yield* member.waiting).map(({ offset }) => offset), [0, 1, 2, 3])
      })))

    it.effect("have no more handlers at once when their time comes together", () =>
      on(Effect.gen(function*() {
        yield* send(["a", "b", "c", "d", "e", "f"])
        const tries = new Map<string, number>()
        const { seen } = yield* run({
          group: "together",
          concurrency,
          onFailure: Retry.blocking(Schedule.spaced("10 seconds")),
          work: (value) => {
            tries.set(value, (tries.get(value) ?? 0) + 1)
            return tries.get(value) === 1 ? Effect.fail("no") : Effect.sleep("1 second")
          }
        })
        assert.strictEqual(seen.started.length, 6)
        for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
        assert.strictEqual(seen.started.length, 12)
        assert.strictEqual(seen.most, 2)
        const memory = yield* InMemoryKafka
        assert.strictEqual((yield* memory.committed("together"))[0]?.offset, 6)
      })))

    it.effect("that come back again and again do not keep the others from going", () =>
      on(Effect.gen(function*() {
        yield* send(["a", "b", "c", "d", "e"])
        const { fiber, seen } = yield* run({
          group: "again",
          concurrency,
          onFailure: Retry.blocking(Schedule.forever),
          work: (value) => value < "c" ? Effect.andThen(Effect.sleep("10 millis"), Effect.fail("no")) : Effect.void
        })
        yield* TestClock.adjust("1 second")
        assert.includeMembers(seen.started, ["c2", "d3", "e4"])
        assert.isAbove(seen.started.length, 100)
        // The records in work need their time.
        yield* Effect.forkChild(Fiber.interrupt(fiber))
        yield* TestClock.adjust("1 second")
      })))

    it.effect("are let go, or skipped, by an operator", () =>
      on(Effect.gen(function*() {
        yield* send(["a", "b", "c", "c"])
        const tries = new Map<string, number>()
        const { member, seen } = yield* run({
          group: "operator",
          concurrency: "keys" in (concurrency as object) ? { keys: 1 } : { unordered: 1 },
          onFailure: hourly,
          work: (value) => {
            tries.set(value, (tries.get(value) ?? 0) + 1)
            return value === "c3" || value === "a0" && tries.get(value) === 2 ? Effect.void : Effect.fail("no")
          }
        })
        assert.strictEqual(yield* member.retryNow({ topic: "notes", partition: 0, offset: 0 }), 1)
        for (const offset of [1, 2]) assert.isTrue(yield* member.skip({ topic: "notes", partition: 0, offset }))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(seen.started.filter((value) => value === "a0"), ["a0", "a0"])
        assert.deepStrictEqual(yield* member.waiting, [])
        const memory = yield* InMemoryKafka
        assert.strictEqual((yield* memory.committed("operator"))[0]?.offset, 4)
      })))

    it.effect("are bounded where everything fails, and hold up no end", () =>
      on(Effect.gen(function*() {
        yield* send(Array.from({ length: 200 }, (_, i) => `${i}-`))
        const { fiber, member, seen } = yield* run({
          group: "all",
          concurrency,
          onFailure: hourly,
          chunkRecords: 10,
          work: () => Effect.fail("no")
        })
        for (let i = 0; i < 20; i++) yield* TestClock.adjust("1 second")
        assert.isAtLeast(seen.started.length, 10)
        assert.isAtMost(seen.started.length, 12)
        assert.strictEqual((yield* member.waiting).length, seen.started.length)
        yield* Fiber.interrupt(fiber)
      })))
  })
}

describe("a key that waits", () => {
  it.effect("keeps its order", () =>
    on(Effect.gen(function*() {
      yield* send(["a", "b", "a", "b", "c", "a"])
      const failed = new Set<string>()
      const { seen } = yield* run({
        group: "order",
        concurrency: { keys: 1 },
        onFailure: Retry.blocking(Schedule.spaced("10 seconds")),
        work: (value) => {
          if (value === "b3" || failed.has(value)) return Effect.void
          failed.add(value)
          return Effect.fail("no")
        }
      })
      for (let i = 0; i < 60; i++) yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(seen.started.filter((value) => value < "b"), ["a0", "a0", "a2", "a2", "a5", "a5"])
      assert.deepStrictEqual(seen.started.filter((value) => value > "b" && value < "c"), ["b1", "b1", "b3"])
      const memory = yield* InMemoryKafka
      assert.strictEqual((yield* memory.committed("order"))[0]?.offset, 6)
    })))
})
