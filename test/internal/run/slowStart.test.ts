/** A start that does not get on: until there is a client, no run loop could say so. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { Consumer, ConsumerControl, ConsumerEvent, Health, OnFailure, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { endOf, onCluster, Orders, pass } from "../../kit/cluster.ts"

/** What a consumer's health, events and log say while the engine keeps it waiting, and once it no longer does. */
const starting = Effect.fnUntraced(function*(
  kept: (engine: KafkaEngine.Service["Service"], gate: Effect.Effect<void>) => Partial<KafkaEngine.Service["Service"]>,
  consumer: Consumer.Consumer<never, KafkaEngine.Service>
) {
  const engine = yield* KafkaEngine.Service
  const gate = yield* Deferred.make<void>()
  const bus = yield* ConsumerEvent.makeBus
  const events: Array<ConsumerEvent.ConsumerEvent> = []
  const lines: Array<string> = []
  const healths = new Set<() => Health.ConsumerHealth>()
  const health = () => [...healths][0]!()
  yield* Stream.runForEach(ConsumerEvent.stream, (event) => Effect.sync(() => events.push(event))).pipe(
    Effect.provideService(ConsumerEvent.Bus, bus),
    Effect.forkScoped({ startImmediately: true })
  )
  const fiber = yield* Consumer.run(consumer).pipe(
    Effect.provideService(ConsumerEvent.Bus, bus),
    Effect.provideService(ConsumerControl.Registry, new Set()),
    Effect.provideService(Health.Registry, healths),
    Effect.provideService(KafkaEngine.Service, { ...engine, ...kept(engine, Deferred.await(gate)) }),
    Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
    Effect.forkScoped
  )
  const open = Deferred.succeed(gate, undefined)
  return { events, fiber, health, lines, open }
})

const handling = (onFailure: typeof OnFailure.stop | typeof OnFailure.deadLetter) =>
  Consumer.make("g", {
    offsetReset: "earliest",
    onFailure,
    handlers: [Topic.handle(Orders, () => Effect.void)]
  })

const saidIn = (
  { events, lines }: {
    readonly events: ReadonlyArray<ConsumerEvent.ConsumerEvent>
    readonly lines: ReadonlyArray<string>
  }
) => ({
  events: events.flatMap((event) => event._tag === "Disturbed" ? [event.error.message] : []),
  lines: lines.filter((line) => line.startsWith("start:"))
})

describe("a start that takes nearly a minute", () => {
  it.effect("because no client connects says so, until there is one", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        const started = yield* starting(
          (engine, gate) => ({ consumer: (options) => Effect.andThen(gate, engine.consumer(options)) }),
          handling(OnFailure.stop)
        )
        yield* pass(49)
        assert.isUndefined(started.health().problem)
        yield* pass(11)
        const problem = "connecting the consumer of group \"g\" was not answered within 50000 ms"
        assert.strictEqual(started.health().problem, `it has not started: ${problem}`)
        assert.isFalse(started.health().healthy)
        assert.deepStrictEqual(saidIn(started), { events: [`start: ${problem}`], lines: [`start: ${problem}`] })
        yield* started.open
        yield* pass(1)
        assert.isTrue(started.health().healthy)
        assert.isUndefined(started.health().problem)
      })
    ))

  it.effect("because its topics are not looked up says so, until they are", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        const started = yield* starting(
          (engine, gate) => ({ admin: Effect.andThen(gate, engine.admin) }),
          handling(OnFailure.deadLetter)
        )
        yield* pass(60)
        assert.include(started.health().problem, "looking up the topics of group \"g\", and creating what is missing,")
        assert.lengthOf(saidIn(started).lines, 1)
        yield* started.open
        yield* pass(1)
        assert.isTrue(started.health().healthy)
      })
    ))

  it.effect("ends at once when it is interrupted", () =>
    onCluster(
      ["orders"],
      Effect.gen(function*() {
        const started = yield* starting(() => ({ consumer: () => Effect.never }), handling(OnFailure.stop))
        yield* pass(60)
        yield* Fiber.interrupt(started.fiber)
        assert.notStrictEqual(endOf(started.fiber), "running")
      })
    ))
})
