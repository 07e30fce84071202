/** Nothing stops in silence: health, events, log and lag say so within a minute. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Consumer, ConsumerEvent, type Handler, Health, KeyOffsetStore, OnFailure, Retry, Topic } from "millrace"
import type { Script } from "../../kit/scriptedEngine.ts"
import { p0, p1, scripted, seen, settle, start, text, Texts, texts, until } from "./scenario.ts"

/** What can be seen of a consumer from outside. */
const observe = Effect.gen(function*() {
  const events: Array<ConsumerEvent.ConsumerEvent> = []
  yield* Effect.forkScoped(Stream.runForEach(ConsumerEvent.stream, (event) => Effect.sync(() => events.push(event))))
  yield* settle
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => {
    lines.push(Array.isArray(message) ? message.join(" ") : String(message))
  })
  const health = Effect.map(Health.all, ([first]) => first!)
  return { events, lines, logger: Logger.layer([logger]), health }
})

const never = Effect.never as Effect.Effect<void>

/** Starts a consumer, lets a minute pass, and checks that everything says that nothing moves. */
const silent = (
  consumer: Consumer.Consumer<any, never>,
  problem: RegExp,
  lag: number,
  before: (script: Script) => Effect.Effect<void>,
  after: (script: Script) => Effect.Effect<void> = () => Effect.void
) =>
  scripted(Effect.fnUntraced(function*(script) {
    const { events, health, lines, logger } = yield* observe
    yield* Effect.provide(start(script, consumer), logger)
    yield* before(script)
    yield* TestClock.adjust("1 second")
    yield* settle
    const early = yield* health
    assert.isTrue(early.healthy, "too early")
    yield* TestClock.adjust("59 seconds")
    yield* settle
    const late = yield* health
    assert.isFalse(late.healthy)
    assert.strictEqual(late.lag, lag)
    assert.match(late.stalled[0]!.problem, problem)
    assert.isTrue(events.some((event) => event._tag === "Stalled" && problem.test(event.problem)))
    assert.isTrue(lines.some((line) => problem.test(line) && line.startsWith("t/0 has ")), lines.join("\n"))
    yield* after(script)
  }))

const assigned = (records: number) => (script: Script) =>
  Effect.gen(function*() {
    script.produce(p0, texts(0, records - 1))
    script.emit("assign", [p0])
    yield* settle
  })

const consumer = <E, R>(handler: Handler.Handler<E, R>, more: Partial<Consumer.Settings> = {}) =>
  Consumer.make("g", {
    offsetReset: "earliest",
    onFailure: OnFailure.stop as OnFailure.OnFailure<unknown>,
    drainTimeout: 100,
    ...more,
    handlers: [handler]
  })

describe("within a minute it shows", () => {
  it.effect("that a handler hangs at its first record", () =>
    silent(consumer(Topic.handle(Texts, () => never)), /its handler has not returned/, 30, assigned(30)))

  it.effect("that one of several handlers hangs", () =>
    silent(
      consumer(Topic.handle(Texts, () => never, { concurrency: { unordered: 4 } })),
      /its handler has not returned/,
      30,
      assigned(30)
    ))

  it.effect("that an earlier handler of the partition cannot be interrupted", () =>
    silent(
      consumer(Topic.handle(Texts, () => Effect.uninterruptible(never))),
      /an earlier handler of it has not ended/,
      30,
      Effect.fnUntraced(function*(script) {
        yield* assigned(30)(script)
        script.emit("revoke", [p0])
        yield* settle
        yield* TestClock.adjust("2 seconds")
        yield* until(() => script.answersDue === 0)
        script.emit("assign", [p0])
        yield* settle
      })
    ))

  it.effect("that startOffsets has not returned", () => {
    const handler = Topic.handleOwningOffsets(Texts, () => Effect.void, { startOffsets: () => Effect.never })
    return scripted(Effect.fnUntraced(function*(script) {
      const { events, health } = yield* observe
      const { exit } = yield* start(script, consumer(handler))
      yield* assigned(30)(script)
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isFalse((yield* health).healthy)
      assert.match((yield* health).stalled[0]!.problem, /startOffsets/)
      assert.isTrue(events.some(({ _tag }) => _tag === "Stalled"))
      assert.isUndefined(exit())
      // It is a user's callback like a handler, with the same bound.
      yield* TestClock.adjust("5 minutes")
      yield* until(() => exit() !== undefined)
      assert.include(String(exit()), "startOffsets")
    }))
  })

  it.effect("that what is asked for each chunk has not returned", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { health } = yield* observe
      const store: KeyOffsetStore.KeyOffsetStore["Service"] = {
        observe: () => Effect.never,
        latest: () => Effect.succeedNone,
        forget: () => Effect.void
      }
      const handler = Topic.handle(Texts, () => Effect.fail("no"), {
        onFailure: KeyOffsetStore.guard(OnFailure.stop, { when: () => true, stale: OnFailure.skip })
      })
      yield* Effect.provideService(start(script, consumer(handler)), KeyOffsetStore.KeyOffsetStore, store)
      yield* assigned(30)(script)
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isFalse((yield* health).healthy)
    })))

  it.effect("that no records arrive", () =>
    silent(
      consumer(Topic.handle(Texts, () => Effect.void)),
      /it is 30 records behind, and none arrives/,
      30,
      (script) => {
        script.silent = true
        return assigned(30)(script)
      }
    ))

  it.effect("that the client does not return from a call", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { events, health, lines, logger } = yield* observe
      script.hanging.add("answer")
      // It cannot be stopped: the fiber is left alone.
      yield* Effect.provide(
        Effect.forkDetach(Consumer.run(consumer(Topic.handle(Texts, () => Effect.void)))),
        logger
      )
      yield* until(() => script.isOpen)
      yield* assigned(30)(script)
      yield* TestClock.adjust("1 minute")
      yield* settle
      const { healthy, problem } = yield* health
      assert.isFalse(healthy)
      assert.match(problem!, /the client has not returned/)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Disturbed").length, 1)
      assert.isTrue(lines.some((line) => line.includes("a call of the client")))
    })))

  it.effect("that a member without partitions meets an error, for as long as it does", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { health } = yield* observe
      yield* start(script, consumer(Topic.handle(Texts, () => Effect.void)))
      for (let i = 0; i < 30; i++) {
        script.disturb()
        yield* TestClock.adjust("2 seconds")
      }
      yield* settle
      assert.isFalse((yield* health).healthy)
      assert.match((yield* health).problem!, /join/)
      yield* assigned(1)(script)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isTrue((yield* health).healthy)
    })))

  it.effect("that everything was lost, and nothing is assigned since", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { health } = yield* observe
      yield* start(script, consumer(Topic.handle(Texts, () => Effect.void)))
      yield* assigned(1)(script)
      script.emit("lost", [p0])
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.match((yield* health).problem!, /lost/)
      script.emit("assign", [])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.isTrue((yield* health).healthy)
    })))

  it.effect("that no broker can be asked", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { events, health } = yield* observe
      yield* start(script, consumer(Topic.handle(Texts, () => Effect.void)))
      script.unreachable = true
      yield* assigned(1)(script)
      yield* TestClock.adjust("2 minutes")
      yield* settle
      assert.match((yield* health).problem!, /list offsets/)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Disturbed").length, 1)
      script.unreachable = false
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isTrue((yield* health).healthy)
    })))

  it.effect("that the reader of the outcomes takes none", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { health } = yield* observe
      const batches = Consumer.outcomeBatches(consumer(Topic.handle(Texts, () => Effect.void), { chunkRecords: 1 }))
      yield* Effect.forkScoped(Stream.runForEach(batches, () => never))
      yield* until(() => script.isOpen)
      yield* assigned(100)(script)
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isFalse((yield* health).healthy)
      assert.match((yield* health).stalled[0]!.problem, /the reader of the outcomes/)
    })))
})

describe("all is well", () => {
  const quiet = (name: string, made: Consumer.Consumer<any, never>, records: number, suspend = false) =>
    it.effect(name, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const { events, health } = yield* observe
        const { control } = yield* start(script, made)
        yield* assigned(records)(script)
        if (suspend) yield* control.pause([p0])
        for (let i = 0; i < 20; i++) {
          yield* TestClock.adjust("30 seconds")
          yield* settle
          const { healthy, problem, stalled } = yield* health
          assert.isTrue(healthy, `${problem} ${stalled[0]?.problem}`)
        }
        assert.deepStrictEqual(events.filter(({ _tag }) => _tag === "Stalled"), [])
      })))

  quiet("with nothing to do", consumer(Topic.handle(Texts, () => Effect.void)), 0)
  quiet("with everything done", consumer(Topic.handle(Texts, () => Effect.void)), 30)
  quiet("while the user pauses a partition", consumer(Topic.handle(Texts, () => Effect.sleep("40 seconds"))), 30, true)
  quiet("while a handler takes less than a minute", consumer(Topic.handle(Texts, () => Effect.sleep("40 seconds"))), 30)
  quiet(
    "while a record waits for its next attempt",
    consumer(Topic.handle(Texts, () => Effect.fail("no"), { onFailure: Retry.blocking(Schedule.spaced("1 hour")) })),
    30
  )
  quiet(
    "while a batch waits for more",
    consumer(Topic.handleBatch(Texts, () => Effect.void, { maxSize: 1_000, maxWait: "1 hour" })),
    30
  )
})

describe("a bounded read", () => {
  it.effect("is well while one of its partitions is at its end and gets more records", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { health } = yield* observe
      const handler = Topic.handle(Texts, ({ partition }) => partition === 1 ? Effect.sleep("40 seconds") : Effect.void)
      const { exit } = yield* start(script, consumer(handler, { until: "end" }))
      script.produce(p1, texts(0, 4))
      script.produce(p0, texts(0, 4))
      script.emit("assign", [p0, p1])
      yield* settle
      script.produce(p0, texts(5, 9))
      for (let i = 0; i < 6; i++) {
        yield* TestClock.adjust("30 seconds")
        yield* settle
        const { healthy, stalled } = yield* health
        assert.isTrue(healthy, stalled[0]?.problem)
      }
      yield* TestClock.adjust("1 minute")
      yield* until(() => exit() !== undefined)
    })))
})

describe("what moves again", () => {
  it.effect("is well again, and says so", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { events, health } = yield* observe
      const handler = Topic.handle(Texts, ({ value }) => value === "0" ? Effect.sleep("2 minutes") : Effect.void)
      yield* start(script, consumer(handler))
      yield* assigned(3)(script)
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isFalse((yield* health).healthy)
      yield* TestClock.adjust("2 minutes")
      yield* settle
      assert.isTrue((yield* health).healthy)
      assert.isTrue(events.some(({ _tag }) => _tag === "Resumed"))
    })))

  it.effect("is a partition that was lost while startOffsets hung", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { handle, finished } = seen()
      let asked = 0
      const handler = Topic.handleOwningOffsets(
        Texts,
        ({ records }) => Effect.forEach(records, handle(() => Effect.void)),
        { startOffsets: () => asked++ === 0 ? Effect.uninterruptible(Effect.never) : Effect.succeed([]) }
      )
      yield* start(script, consumer(handler))
      yield* assigned(3)(script)
      script.emit("lost", [p0])
      yield* until(() => script.answersDue === 0)
      script.emit("assign", [p0])
      yield* until(() => finished.length === 3)
    })))

  it.effect("is a partition that was revoked while startOffsets hung", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { finished, handle } = seen()
      let asked = 0
      const handler = Topic.handleOwningOffsets(
        Texts,
        ({ records }) => Effect.forEach(records, handle(() => Effect.void)),
        { startOffsets: () => asked++ === 0 ? Effect.uninterruptible(Effect.never) : Effect.succeed([]) }
      )
      yield* start(script, consumer(handler))
      yield* assigned(3)(script)
      script.emit("revoke", [p0])
      yield* until(() => script.answersDue === 0)
      assert.strictEqual(finished.length, 0)
      script.emit("assign", [p0])
      yield* until(() => finished.length === 3)
    })))
})

describe("lag is right", () => {
  const lagOf = Effect.map(Health.all, ([first]) => first!.lag)
  const hanging = consumer(Topic.handle(Texts, () => never))

  it.effect("from the assignment on, also behind what was committed", () =>
    scripted(Effect.fnUntraced(function*(script) {
      script.committed.set("t/0", { ...p0, offset: 10 })
      yield* start(script, hanging)
      yield* assigned(30)(script)
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* lagOf, 20)
    })))

  it.effect("before the first record is there", () =>
    scripted(Effect.fnUntraced(function*(script) {
      script.silent = true
      script.committed.set("t/0", { ...p0, offset: 10 })
      script.produce(p1, texts(5, 9))
      yield* start(script, hanging)
      yield* assigned(30)(script)
      script.emit("assign", [p1])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(yield* lagOf, 25)
    })))

  for (
    const [what, onFailure] of [
      ["waits", Retry.blocking(Schedule.spaced("1 day"))],
      ["is held", OnFailure.stop]
    ] as const
  ) {
    it.effect(`of a partition that ${what}, however far it falls behind`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handler = Topic.handle(Texts, () => Effect.fail("no"), { onFailure })
        yield* Layer.build(Consumer.layer(consumer(handler)))
        yield* until(() => script.isOpen)
        yield* assigned(30)(script)
        yield* TestClock.adjust("1 second")
        yield* settle
        const [health] = yield* Health.all
        assert.deepInclude(health, { healthy: what === "waits", lag: 30 })
        // From now on nothing is fetched, and the client does not know any better.
        script.silent = true
        script.produce(p0, [text(30), text(31)])
        yield* TestClock.adjust("1 minute")
        yield* settle
        assert.strictEqual(yield* lagOf, 32)
      })))
  }
})
