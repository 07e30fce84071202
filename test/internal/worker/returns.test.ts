/** Programs in JavaScript: functions that return no effect. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Codec, Consumer, OnFailure, Topic } from "millrace"
import type { HandlerFailed } from "millrace"
import { p0, scripted, settings, start, Texts, texts, until } from "../loop/scenario.ts"

/** What no type would let through. */
const untyped = (returned: () => unknown) => returned as () => Effect.Effect<void>

const kinds = {
  record: (run: () => Effect.Effect<void>) => Topic.handle(Texts, run),
  traced: (run: () => Effect.Effect<void>) => Topic.handle(Texts, run),
  keys: (run: () => Effect.Effect<void>) => Topic.handle(Texts, run, { concurrency: { keys: 2 } }),
  batch: (run: () => Effect.Effect<void>) => Topic.handleBatch(Texts, run, { maxSize: 1 }),
  owned: (run: () => Effect.Effect<void>) =>
    Topic.handleOwningOffsets(Texts, ({ records }) => records.length === 0 ? Effect.void : run(), {
      maxSize: 1,
      startOffsets: () => Effect.succeed([])
    })
}

/** The error that a run ended with. */
const errorOf = (exit: Exit.Exit<unknown, unknown> | undefined): HandlerFailed<unknown> => {
  if (exit === undefined || Exit.isSuccess(exit)) return assert.fail("it did not fail")
  return Cause.squash(exit.cause) as HandlerFailed<unknown>
}

describe("a handler that is no function to effects", () => {
  for (const [kind, handlerOf] of Object.entries(kinds)) {
    const tracing = kind === "traced" ? "record" : "off"

    it.effect(`is judged by the policy, and named: async, ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handler = handlerOf(untyped(async () => {
          throw new Error("rejected")
        }))
        const { exit } = yield* start(script, Consumer.make("g", { ...settings, tracing, handlers: [handler] }))
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => exit() !== undefined)
        const error = errorOf(exit())
        assert.strictEqual(error._tag, "HandlerFailed")
        assert.include(Cause.pretty(error.cause), "the handler returned a Promise, not an Effect")
      })))

    it.effect(`is judged by the policy, and named: nothing, ${kind}`, () =>
      scripted(Effect.fnUntraced(function*(script) {
        const handler = handlerOf(untyped(() => undefined))
        const consumer = Consumer.make("g", { ...settings, tracing, onFailure: OnFailure.skip, handlers: [handler] })
        const { control } = yield* start(script, consumer)
        script.produce(p0, texts(0, 2))
        script.emit("assign", [p0])
        yield* until(() => script.calls.some(({ positions }) => positions?.[0]?.offset === 3))
        yield* control.stop
        assert.strictEqual(script.committed.get("t/0")?.offset, 3)
      })))
  }
})

it.effect("a policy that returns a Promise stops at the record, and is named", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const onFailure = OnFailure.make(untyped(async () => OnFailure.skip) as unknown as () => typeof OnFailure.skip)
    const handler = Topic.handle(Texts, () => Effect.fail("bad"))
    const { exit } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
    script.produce(p0, texts(0, 2))
    script.emit("assign", [p0])
    yield* until(() => exit() !== undefined)
    const error = errorOf(exit())
    assert.include(error.message, "a failure policy returned a Promise, not an Effect")
    assert.strictEqual(error.offset, 0)
  })))

it.effect("a policy whose effect returns no policy stops at the record, and is named", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const onFailure = OnFailure.make(() => Effect.succeed(undefined as unknown as typeof OnFailure.skip))
    const handler = Topic.handle(Texts, () => Effect.fail("bad"))
    const { exit } = yield* start(script, Consumer.make("g", { ...settings, onFailure, handlers: [handler] }))
    script.produce(p0, texts(0, 2))
    script.emit("assign", [p0])
    yield* until(() => exit() !== undefined)
    assert.include(errorOf(exit()).message, "the effect of a failure policy returned undefined, not a policy")
  })))

for (const how of ["that succeeds", "that fails"]) {
  it.effect(`a decoder that returns a Promise ${how} makes poison, and no handler gets it`, () =>
    scripted(Effect.fnUntraced(function*(script) {
      const decode = async () => how === "that fails" ? Promise.reject(new Error("no")) : "text"
      const codec = Codec.make({
        decoder: () => Effect.succeed(decode as unknown as () => string),
        encoder: () => Effect.succeed(() => new Uint8Array())
      })
      const handler = Topic.handle(Topic.make("t", { key: Codec.none, value: codec }), () => Effect.void)
      const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
      script.produce(p0, texts(0, 0))
      script.emit("assign", [p0])
      yield* until(() => exit() !== undefined)
      assert.include(errorOf(exit()).message, "the decoder returned a Promise, not a value")
    })))
}

it.effect("`startOffsets` that returns a Promise fails the run, and is named", () =>
  scripted(Effect.fnUntraced(function*(script) {
    const handler = Topic.handleOwningOffsets(Texts, () => Effect.void, {
      startOffsets: untyped(async () => []) as never
    })
    const { exit } = yield* start(script, Consumer.make("g", { ...settings, handlers: [handler] }))
    script.produce(p0, texts(0, 2))
    script.emit("assign", [p0])
    yield* until(() => exit() !== undefined)
    assert.include(Cause.pretty(errorOf(exit()).cause), "`startOffsets` returned a Promise, not an Effect")
  })))
