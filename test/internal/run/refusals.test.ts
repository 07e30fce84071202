/** A new topic of a pattern that cannot be prepared: what is held goes on as soon as it can be. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { Consumer, ConsumerControl, Health, Producer, Retry, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { endOf, onCluster, pass, texts } from "../../kit/cluster.ts"

const once = Retry.nonBlocking(Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 1 })))

const handling = (handled: Array<string>, settings: Partial<Consumer.Settings> = {}) =>
  Consumer.make("g", {
    offsetReset: "earliest",
    metadataRefresh: 1_000,
    retries: { topics: "require" },
    ...settings,
    onFailure: once,
    handlers: [Topic.handle(Topic.pattern(/new\..*/, texts), ({ value }) => Effect.sync(() => handled.push(value)))]
  })

const isolated = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provideService(Health.Registry, new Set()),
    Effect.provideService(ConsumerControl.Registry, new Set())
  )

const healthOf = Effect.map(Health.all, (all) => all.find(({ group }) => group === "g")!)

const create = Effect.fnUntraced(function*(...names: ReadonlyArray<string>) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  for (const name of names) yield* admin.createTopic({ name, partitions: 1 })
})

const send = (topic: string, value: string) => Producer.send(Topic.make(topic, texts), { key: null, value })

describe("a topic that could not be prepared", () => {
  it.effect("goes on from its first record when its retry topics are there, and a seek asks for it at once", () =>
    isolated(onCluster(
      ["new.a", "g.new.a.retry.1", "g.new.a.dlt"],
      Effect.gen(function*() {
        const handled: Array<string> = []
        yield* send("new.a", "a1")
        const fiber = yield* Effect.forkScoped(Consumer.run(handling(handled)))
        yield* pass(3)
        yield* create("new.b", "new.c")
        yield* send("new.b", "b1")
        yield* send("new.c", "c1")
        yield* pass(10)
        yield* send("new.a", "a2")
        yield* pass(1)
        assert.deepStrictEqual(handled, ["a1", "a2"])
        const red = yield* healthOf
        assert.isFalse(red.healthy)
        assert.deepStrictEqual(red.held.map(({ topic }) => topic).sort(), ["new.b", "new.c"])
        assert.strictEqual(red.lag, 2)
        yield* create("g.new.b.retry.1", "g.new.b.dlt", "g.new.c.retry.1", "g.new.c.dlt")
        const [control] = yield* ConsumerControl.find("g")
        const refused = yield* Effect.flip(control!.seek({ topic: "new.c", partition: 0, offset: 0 }))
        assert.strictEqual(refused.reason._tag, "InvalidSetting")
        yield* pass(2)
        assert.deepStrictEqual(handled, ["a1", "a2", "c1"])
        yield* pass(30)
        assert.deepStrictEqual(handled, ["a1", "a2", "c1", "b1"])
        const green = yield* healthOf
        assert.deepStrictEqual(green.held, [])
        assert.isTrue(green.healthy)
        assert.strictEqual(green.lag, 0)
        yield* Fiber.interrupt(fiber)
      })
    )))

  it.effect("fails a bounded read, which would end as if it had read all", () =>
    isolated(onCluster(
      ["new.a"],
      Effect.gen(function*() {
        const handled: Array<string> = []
        yield* send("new.a", "a1")
        const fiber = yield* Effect.forkScoped(Consumer.run(handling(handled, { until: "end" })))
        yield* pass(5)
        assert.include(endOf(fiber), "g.new.a.dlt")
        assert.deepStrictEqual(handled, [])
      })
    )))
})
