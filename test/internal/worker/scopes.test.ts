/** Whose scope is whose: what policies, codecs and start offsets acquire, and the fibers that handlers fork. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { TestClock } from "effect/testing"
import { Codec, Consumer, OnFailure, Retry, Topic } from "millrace"
import { Pending } from "../../../src/Codec.ts"
import { p0, p1, scripted, settings, settle, start, Texts, texts, until } from "../loop/scenario.ts"

/** Something that is open until its scope ends. */
const opened = () => {
  const state = { open: 0, total: 0 }
  const acquire = Effect.acquireRelease(
    Effect.sync(() => {
      state.open++
      state.total++
    }),
    () => Effect.sync(() => state.open--)
  )
  return { acquire, state }
}

describe("a scope", () => {
  it.effect("of a policy ends with its decision", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      const onFailure = OnFailure.make(() => Effect.as(acquire, OnFailure.skip))
      const handler = Topic.handle(Texts, () => Effect.fail("bad"))
      yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
      script.produce(p0, texts(0, 39))
      script.emit("assign", [p0])
      yield* until(() => state.total === 40)
      yield* until(() => state.open === 0)
    })))

  it.effect("of `startOffsets` ends with its result", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      let handled = 0
      const handler = Topic.handleOwningOffsets(Texts, () => Effect.sync(() => handled++), {
        startOffsets: () => Effect.as(acquire, [])
      })
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 3))
      script.emit("assign", [p0])
      yield* until(() => handled > 0)
      assert.deepStrictEqual(state, { open: 0, total: 1 })
    })))

  for (const concurrency of ["partition", { keys: 2 }, { unordered: 2 }] as const) {
    const how = JSON.stringify(concurrency)

    it.effect(`of a handler is closed before its record is stored: ${how}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const gate = yield* Deferred.make<void>()
        let isReleasing = false
        const release = Effect.andThen(Effect.sync(() => isReleasing = true), Deferred.await(gate))
        const handler = Topic.handle(Texts, () => Effect.acquireRelease(Effect.void, () => release), { concurrency })
        yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.produce(p0, texts(0, 0))
        script.emit("assign", [p0])
        yield* until(() => isReleasing)
        yield* TestClock.adjust("1 second")
        const stored = () => {
          script.commitByTimer()
          return script.committed.get("t/0")?.offset
        }
        assert.notStrictEqual(stored(), 1)
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(stored(), 1)
      })))

    it.effect(`of a handler that dies while it is closed is a defect of the record: ${how}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const seen: Array<string> = []
        const failures: Array<string> = []
        const onFailure = OnFailure.make((failure) => {
          failures.push(`${failure.record.offset} ${failure.kind} ${Cause.squash(failure.cause)}`)
          return Effect.succeed(OnFailure.skip)
        })
        const handler = Topic.handle(Texts, ({ value }) => {
          seen.push(value)
          return value === "1" ? Effect.addFinalizer(() => Effect.die("flush")) : Effect.void
        }, { concurrency })
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => seen.length === 3 && failures.length === 1)
        yield* settle
        assert.isUndefined(exit())
        assert.deepStrictEqual(seen, ["0", "1", "2"])
        assert.deepStrictEqual(failures, ["1 defect flush"])
      })))
  }

  it.effect("of what decoding a record acquires ends with that", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      const codec = {
        ...Codec.string,
        decoder: () => Effect.succeed(() => new Pending(Effect.as(acquire, "text") as Effect.Effect<string>))
      }
      let handled = 0
      const handler = Topic.handle(
        Topic.make("t", { key: Codec.none, value: codec as Codec.Codec<string> }),
        () => Effect.sync(() => assert.strictEqual(state.open, 0)).pipe(Effect.map(() => handled++))
      )
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0])
      yield* until(() => handled === 10)
      assert.deepStrictEqual(state, { open: 0, total: 10 })
    })))

  it.effect("of a codec lasts for as long as a partition of the topic is worked on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      const codec = {
        ...Codec.string,
        decoder: (site: Codec.Site) => Effect.andThen(acquire, Codec.string.decoder(site))
      }
      let openAtTheEnd: number | undefined
      const handler = Topic.handle(
        Topic.make("t", { key: Codec.none, value: codec as Codec.Codec<string> }),
        ({ value }) =>
          value === "5"
            ? Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => openAtTheEnd = state.open))
            : Effect.void
      )
      const consumer = Consumer.make("g", { ...settings, handlers: [handler] })
      const { fiber } = yield* start(script, consumer)
      script.produce(p0, texts(0, 9))
      script.emit("assign", [p0, p1])
      yield* until(() => state.open === 1)
      script.emit("revoke", [p1])
      yield* until(() => script.answersDue === 0)
      assert.deepStrictEqual(state, { open: 1, total: 1 })
      // The handler is interrupted from outside, drains, and has its codec meanwhile.
      const interrupting = yield* Effect.forkScoped(Effect.sync(() => fiber.interruptUnsafe()))
      yield* TestClock.adjust("1 second")
      yield* until(() => interrupting.pollUnsafe() !== undefined && state.open === 0)
      assert.strictEqual(openAtTheEnd, 1)
    })))

  it.effect("of a codec ends with the last partition of its topic, while the run goes on", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      const codec = {
        ...Codec.string,
        decoder: (site: Codec.Site) => Effect.andThen(acquire, Codec.string.decoder(site))
      }
      const topic = Topic.pattern(/t.*/, { key: Codec.none, value: codec as Codec.Codec<string> })
      const handler = Topic.handle(topic, () => Effect.void)
      yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      const stays = { topic: "t-stays", partition: 0 }
      script.emit("assign", [stays])
      yield* until(() => state.open === 1)
      for (let i = 0; i < 50; i++) {
        const parts = [0, 1].map((partition) => ({ topic: `t${i}`, partition }))
        for (const part of parts) script.produce(part, texts(0, 2))
        script.emit("assign", parts)
        yield* until(() => state.open === 2)
        script.emit(i % 2 === 0 ? "revoke" : "lost", parts.slice(0, 1))
        yield* until(() => script.answersDue === 0)
        assert.strictEqual(state.open, 2)
        script.emit(i % 2 === 0 ? "revoke" : "lost", parts.slice(1))
        yield* until(() => state.open === 1)
      }
      assert.strictEqual(state.total, 51)
    })))

  it.effect("of a policy that waits is not kept while it does", () =>
    scripted(Effect.fnUntraced(function*(script) {
      const { acquire, state } = opened()
      const onFailure = OnFailure.make(
        () => Effect.as(acquire, Retry.blocking(Schedule.spaced("1 minute"))),
        { uses: [Retry.blocking(Schedule.spaced("1 minute"))] }
      )
      const handler = Topic.handle(Texts, () => Effect.fail("bad"))
      yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
      script.produce(p0, texts(0, 0))
      script.emit("assign", [p0])
      yield* until(() => state.total === 1)
      yield* until(() => state.open === 0)
    })))
})

describe("a fiber that a handler forks as a child", () => {
  const handlers = {
    record: (run: (n: string) => Effect.Effect<void>) => Topic.handle(Texts, ({ value }) => run(value)),
    keys: (run: (n: string) => Effect.Effect<void>) =>
      Topic.handle(Texts, ({ value }) => run(value), { concurrency: { keys: 2 } }),
    batch: (run: (n: string) => Effect.Effect<void>) =>
      Topic.handleBatch(Texts, ([record]) => run(record!.value), { maxSize: 1 })
  }
  for (const [kind, handlerOf] of Object.entries(handlers)) {
    it.effect(`ends with the call: ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const log: Array<string> = []
        const handler = handlerOf((value) =>
          Effect.gen(function*() {
            log.push(`began ${value}`)
            const child = Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push(`ended ${value}`)))
            yield* Effect.forkChild(child, { startImmediately: true })
          })
        )
        yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => log.length === 6)
        assert.deepStrictEqual(log, ["began 0", "ended 0", "began 1", "ended 1", "began 2", "ended 2"])
      })))
  }
})
