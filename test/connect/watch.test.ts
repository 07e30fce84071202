import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { ConnectError, Connector, Connectors, KafkaConnect } from "millrace/connect"

const crash = Connector.make("crash", { plugin: "com.example.Crash", config: { topics: "orders" } })

/** A plugin whose tasks fail as a test says, and how often it was started. */
const crashing = () => {
  const state = { trace: undefined as string | undefined, starts: 0 }
  const layer = KafkaConnect.layerMemoryWith([{
    class: "com.example.Crash",
    type: "sink",
    settings: [],
    fails: () => {
      state.starts++
      return state.trace
    }
  }])
  return { state, layer }
}

const traceOf = (message: string) => `java.lang.Error: ${message}\n\tat com.example.Crash.put(Crash.java:7)`

/** What a watch emits while a test moves the clock. */
const watched = Effect.fnUntraced(function*(options: Connectors.WatchOptions = {}) {
  const seen: Array<string> = []
  const fiber = yield* Connectors.watch([crash], options).pipe(
    Stream.runForEach(({ health, problem, restarts }) =>
      Effect.sync(() => {
        seen.push(`${health} ${restarts} ${problem ?? ""}`.trim())
      })
    ),
    Effect.forkChild
  )
  yield* TestClock.adjust("1 second")
  return { seen, stop: Fiber.interrupt(fiber) }
})

const publish = Effect.flatMap(Connectors.plan([crash]), (plan) => Connectors.publish(plan))

describe("a watch", () => {
  it.effect("restarts what failed, and gives up when the cause stays", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        state.trace = traceOf("no disk at 0x7f12 after 33 ms")
        yield* publish
        const { seen } = yield* watched({
          restart: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 3 })),
          every: "10 seconds"
        })
        state.trace = traceOf("no disk at 0x8a91 after 7 ms")
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(state.starts, 4)
        assert.deepStrictEqual(seen.filter((line) => line.startsWith("restarting")).length, 3)
        assert.match(seen.at(-1)!, /^given-up 3 task 0 failed: java.lang.Error: no disk.*; given up after 3 restarts/)
      }),
      layer
    )
  })

  it.effect("has a budget for each cause, and forgets causes when it ran for long", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        const restart = Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 }))
        state.trace = traceOf("one")
        yield* publish
        const { seen } = yield* watched({ restart, forgetAfter: "20 minutes" })
        yield* TestClock.adjust("10 minutes")
        assert.match(seen.at(-1)!, /^given-up 1/)
        const connect = yield* KafkaConnect.Service
        state.trace = traceOf("two")
        yield* connect.restart("crash", { tasks: "failed" })
        state.trace = undefined
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(seen.at(-1), "well 2")
        yield* TestClock.adjust("30 minutes")
        state.trace = traceOf("one")
        yield* connect.restart("crash", { tasks: "all" })
        yield* TestClock.adjust("30 seconds")
        assert.match(seen.at(-1)!, /^failed 2 .*restart 1 in/)
      }),
      layer
    )
  })

  it.effect("gives up what fails for ever new causes, and takes ids for no causes", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        const restart = Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 2 }))
        state.trace = traceOf("no task 550e8400-e29b-41d4-a716-446655440000")
        yield* publish
        const { seen } = yield* watched({ restart })
        state.trace = traceOf("no task a1b2c3d4-b71c-4fff-bbbb-ccccdddd0000")
        yield* TestClock.adjust("10 minutes")
        assert.match(seen.at(-1)!, /^given-up 2 /)
        const letters = [..."abcdefghijklmnopqrstuvwxyz"]
        for (const letter of [...letters, ...letters.map((each) => each + each)]) {
          state.trace = traceOf(`cause ${letter}`)
          yield* (yield* KafkaConnect.Service).restart("crash", { tasks: "all" })
          yield* TestClock.adjust("10 minutes")
        }
        assert.match(seen.at(-1)!, /^given-up/)
        const starts = state.starts
        state.trace = traceOf("cause that is new")
        yield* (yield* KafkaConnect.Service).restart("crash", { tasks: "all" })
        yield* TestClock.adjust("1 hour")
        assert.strictEqual(state.starts, starts + 1)
      }),
      layer
    )
  })

  it.effect("begins again with what was given up and was restarted by hand", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        const restart = Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 }))
        state.trace = traceOf("one")
        yield* publish
        const { seen } = yield* watched({ restart })
        yield* TestClock.adjust("5 minutes")
        assert.match(seen.at(-1)!, /^given-up 1/)
        const connect = yield* KafkaConnect.Service
        state.trace = undefined
        yield* connect.restart("crash", { tasks: "failed" })
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual(seen.at(-1), "well 1")
        state.trace = traceOf("one")
        yield* connect.restart("crash", { tasks: "all" })
        yield* TestClock.adjust("20 seconds")
        assert.match(seen.at(-1)!, /^failed 1 .*restart 1 in/)
      }),
      layer
    )
  })

  it.effect("sees tasks that do not start, and a cluster that hangs", () => {
    const { layer } = crashing()
    let connectors: KafkaConnect.Connect["connectors"] | undefined
    const odd = Layer.effect(
      KafkaConnect.Service,
      Effect.map(KafkaConnect.Service, (connect) => ({
        ...connect,
        connectors: Effect.suspend(() => connectors ?? connect.connectors)
      }))
    ).pipe(Layer.provide(layer))
    return Effect.provide(
      Effect.gen(function*() {
        yield* publish
        const { seen } = yield* watched()
        const all = yield* (yield* KafkaConnect.Service).connectors
        connectors = Effect.succeed(all.map(({ info, status }) => ({
          info,
          status: { ...status!, tasks: status!.tasks.map((task) => ({ ...task, state: "UNASSIGNED" as const })) }
        })))
        yield* TestClock.adjust("1 minute")
        connectors = Effect.never
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(seen, [
          "well 0",
          "starting 0 the connector is RUNNING, and task 0 is UNASSIGNED",
          "stalled 0 the connector is RUNNING, and task 0 is UNASSIGNED",
          "unreachable 0 list connectors: Connect is not available (nothing came within 30s); check its URL and that a "
          + "worker runs"
        ])
      }),
      odd
    )
  })

  it.effect("counts no restart that it could not ask for", () => {
    const { layer, state } = crashing()
    let refusals = 10
    const busy = Layer.effect(
      KafkaConnect.Service,
      Effect.map(KafkaConnect.Service, (connect) => ({
        ...connect,
        restart: (...args: Parameters<typeof connect.restart>) =>
          Effect.suspend(() =>
            refusals-- > 0
              ? Effect.fail(ConnectError.make("restart", new ConnectError.Rebalancing({ problem: "a worker joins" })))
              : connect.restart(...args)
          )
      }))
    ).pipe(Layer.provide(layer))
    return Effect.provide(
      Effect.gen(function*() {
        state.trace = traceOf("one")
        yield* publish
        const { seen } = yield* watched({ restart: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })) })
        yield* TestClock.adjust("70 seconds")
        assert.match(seen.join(), /failed 0 task 0 failed/)
        state.trace = undefined
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(state.starts, 2)
        assert.deepStrictEqual(seen.slice(-2).map((line) => line.slice(0, 12)), ["restarting 1", "well 1"])
      }),
      busy
    )
  })

  it.effect("shortens a message of megabytes, and knows it as one cause", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        const message = "no disk ".repeat(400_000)
        state.trace = traceOf(message)
        yield* publish
        const { seen } = yield* watched({ restart: Schedule.spaced("10 seconds").pipe(Schedule.upTo({ times: 1 })) })
        state.trace = traceOf(`${message} and another end`)
        yield* TestClock.adjust("2 minutes")
        assert.match(seen.at(-1)!, /^given-up 1 task 0 failed: java.lang.Error: no disk/)
        assert.isBelow(seen.at(-1)!.length, 1_200)
      }),
      layer
    )
  })

  it.effect("only looks where no restart is wanted", () => {
    const { layer, state } = crashing()
    return Effect.provide(
      Effect.gen(function*() {
        state.trace = traceOf("one")
        yield* publish
        const { seen } = yield* watched({ restart: "never" })
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(seen, ["failed 0 task 0 failed: java.lang.Error: one"])
        assert.strictEqual(state.starts, 1)
      }),
      layer
    )
  })

  it.effect("says what is missing, and that nobody answers", () => {
    const { layer } = crashing()
    let isDown = false
    const shaky = Layer.effect(
      KafkaConnect.Service,
      Effect.map(KafkaConnect.Service, (connect) => ({
        ...connect,
        connectors: Effect.suspend(() =>
          isDown
            ? Effect.fail(ConnectError.make("list connectors", new ConnectError.Unavailable({ problem: "refused" })))
            : connect.connectors
        )
      }))
    ).pipe(Layer.provide(layer))
    return Effect.provide(
      Effect.gen(function*() {
        const { seen } = yield* watched()
        yield* publish
        yield* TestClock.adjust("10 seconds")
        isDown = true
        yield* TestClock.adjust("10 seconds")
        isDown = false
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(seen.map((line) => line.split(" ")[0]), ["missing", "well", "unreachable", "well"])
      }),
      shaky
    )
  })
})

describe("the layer of connectors", () => {
  it.effect("publishes, and knows how they are", () => {
    const { layer } = crashing()
    return Effect.gen(function*() {
      yield* TestClock.adjust("1 second")
      const { current } = yield* Connectors.Watcher
      assert.strictEqual((yield* current).get("crash")?.health, "well")
    }).pipe(Effect.provide(Connectors.layer([crash], { publish: true }).pipe(Layer.provideMerge(layer))))
  })

  it.effect("does not start with a connector that its plugin refuses", () => {
    const wrong = Connector.make("wrong", { plugin: "com.example.Crash", config: {} })
    return Effect.gen(function*() {
      const error = yield* Effect.flip(
        Layer.build(Connectors.layer([wrong], { publish: true }).pipe(Layer.provide(crashing().layer)))
      )
      assert.match(error.message, /"wrong" is not valid: topics: Must configure one of topics/)
    }).pipe(Effect.scoped)
  })
})
