/** What may take long: a handler that is given time, a codec that waits for its service. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Codec, Consumer, Health, Topic } from "millrace"
import type { Handler } from "millrace"
import { p0, scripted, settings, settle, start, Texts, texts, until } from "./scenario.ts"

const health = Effect.map(Health.all, ([first]) => first!)

describe("a handler that takes long", () => {
  it.effect("is reported when the setting says so, and ends the consumer not before its own", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.sleep("1 hour"))
      const times = { reportHandlerStall: "3 minutes", maxHandlerStall: "10 minutes" } as const
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, ...times, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* settle
      yield* TestClock.adjust("170 seconds")
      yield* settle
      assert.isTrue((yield* health).healthy)
      yield* TestClock.adjust("20 seconds")
      yield* settle
      assert.deepInclude((yield* health).stalled[0], { ...p0, offset: 0 })
      assert.isUndefined(exit())
      yield* TestClock.adjust("8 minutes")
      yield* until(() => exit() !== undefined)
    })))

  it.effect("is reported before it ends the consumer, however short its time is", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const handler = Topic.handle(Texts, () => Effect.sleep("1 hour"))
      const consumer = Consumer.make("g", { ...settings, maxHandlerStall: "20 seconds", handlers: [handler] })
      yield* start(script, consumer)
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* settle
      const states: Array<boolean> = []
      for (let i = 0; i < 22; i++) {
        yield* TestClock.adjust("1 second")
        yield* settle
        states.push((yield* health).stalled.length > 0)
      }
      assert.include(states, true)
    })))

  it.effect("is given at most its own time", () =>
    scripted(Effect.fnUntraced(function*() {
      const wrong = Consumer.make("g", {
        ...settings,
        reportHandlerStall: "11 minutes",
        maxHandlerStall: "10 minutes",
        handlers: [Topic.handle(Texts, () => Effect.void)]
      })
      const error = yield* Effect.flip(Consumer.validate(wrong))
      assert.include(String(error), "reportHandlerStall")
    })))
})

describe("a codec that waits for its service", () => {
  const kinds: ReadonlyArray<
    readonly [string, (topic: Topic.Topic<null, string>, done: Array<string>) => Handler.Handler<never, never>]
  > = [
    ["record by record", (topic, done) => Topic.handle(topic, ({ value }) => Effect.sync(() => done.push(value)))],
    [
      "by keys",
      (topic, done) =>
        Topic.handle(topic, ({ value }) => Effect.sync(() => done.push(value)), { concurrency: { keys: 4 } })
    ],
    [
      "without order",
      (topic, done) =>
        Topic.handle(topic, ({ value }) => Effect.sync(() => done.push(value)), { concurrency: { unordered: 4 } })
    ],
    [
      "in batches",
      (topic, done) =>
        Topic.handleBatch(topic, (records) => Effect.sync(() => records.forEach(({ value }) => done.push(value))))
    ]
  ]
  for (const [how, handlerOf] of kinds) {
    it.effect(`is seen, and ends no consumer (${how})`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const service = yield* Deferred.make<void>()
        const waiting: Codec.Codec<string> = {
          ...Codec.string,
          decoder: () => Effect.succeed(() => new Codec.Pending(Effect.as(Deferred.await(service), "a")))
        }
        const done: Array<string> = []
        const handler = handlerOf(Topic.make("t", { key: Codec.none, value: waiting }), done)
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.produce(p0, texts(0, 3))
        script.emit("assign", [p0])
        yield* settle
        for (let i = 0; i < 20; i++) yield* TestClock.adjust("30 seconds")
        yield* settle
        assert.isUndefined(exit())
        const { healthy, lag, stalled } = yield* health
        assert.deepStrictEqual({ healthy, lag }, { healthy: false, lag: 4 })
        assert.match(stalled[0]!.problem, /codec/)
        yield* Deferred.succeed(service, undefined)
        yield* until(() => done.length === 4)
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.isTrue((yield* health).healthy)
        assert.isUndefined(exit())
      })))
  }

  it.effect("leaves its handler all of the time", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const waiting: Codec.Codec<string> = {
        ...Codec.string,
        decoder: () => Effect.succeed(() => new Codec.Pending(Effect.as(Effect.sleep("9 minutes"), "a")))
      }
      const handler = Topic.handle(
        Topic.make("t", { key: Codec.none, value: waiting }),
        () => Effect.sleep("3 minutes")
      )
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 0))
      script.emit("assign", [p0])
      yield* settle
      for (let i = 0; i < 30; i++) yield* TestClock.adjust("30 seconds")
      yield* settle
      assert.isUndefined(exit())
      assert.isTrue((yield* health).healthy)
    })))
})

describe("the reader of a stream whose codec waits", () => {
  it.effect("is red, and goes on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const service = yield* Deferred.make<void>()
      const waiting: Codec.Codec<string> = {
        ...Codec.string,
        decoder: () => Effect.succeed(() => new Codec.Pending(Effect.as(Deferred.await(service), "a")))
      }
      const read: Array<string> = []
      const fiber = yield* Effect.forkScoped(Consumer.runPartitions(
        "g",
        Topic.make("t", { key: Codec.none, value: waiting }),
        { offsetReset: "earliest" },
        (_, records) =>
          records.pipe(Stream.runForEach(({ commit, record }) => {
            read.push(record.value)
            return Effect.orDie(commit)
          }))
      ))
      yield* until(() => script.isOpen)
      script.produce(p0, texts(0, 1))
      script.emit("assign", [p0])
      yield* settle
      for (let i = 0; i < 20; i++) yield* TestClock.adjust("30 seconds")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      assert.match((yield* health).stalled[0]?.problem ?? "none", /codec/)
      yield* Deferred.succeed(service, undefined)
      yield* until(() => read.length === 2)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isTrue((yield* health).healthy)
    })))
})
