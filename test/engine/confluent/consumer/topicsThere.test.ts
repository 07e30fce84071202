/** The admin client is a fake: no broker can be told when to learn of a topic. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { areThere } from "../../../../src/engine/confluent/consumer/topicsThere.ts"
import type { Native, NativeAdmin, NativeConsumer } from "../../../../src/engine/confluent/shared/native.ts"

type Code = number | undefined

/** Looks for topics with a client whose admin gives these codes, one list after the other, the last one for ever. */
const looking = (topics: ReadonlyArray<string>, answers: ReadonlyArray<ReadonlyArray<Code> | "timeout">) => {
  const seen = { asked: 0, ended: 0 }
  const describeTopics = ((names, _, done) => {
    const answer = answers[Math.min(seen.asked++, answers.length - 1)]!
    if (answer === "timeout") return done({ code: -185, message: "Local: Timed out" }, undefined as never)
    done(
      undefined,
      names.map((name, i) => ({
        name,
        isInternal: false,
        partitions: [],
        ...(answer[i] === undefined ? {} : { error: { code: answer[i], message: "" } })
      }))
    )
  }) as NativeAdmin["describeTopics"]
  const admin = { describeTopics, disconnect: () => seen.ended++ } as unknown as NativeAdmin
  const native = { AdminClient: { createFrom: () => admin } } as unknown as Native
  return { seen, look: areThere(native, {} as NativeConsumer, topics) }
}

describe("topics that a consumer does not see when it has connected", () => {
  it.live("are there once the brokers have learnt of them", () =>
    Effect.gen(function*() {
      const { look, seen } = looking(["a", "b"], [[3, undefined], "timeout", [undefined, 3], [undefined, undefined]])
      yield* look
      assert.deepStrictEqual(seen, { asked: 4, ended: 1 })
    }))

  it.live("are not waited for where they may not be seen", () =>
    Effect.gen(function*() {
      const { look, seen } = looking(["a", "b"], [[3, 29]])
      const error = yield* Effect.flip(look)
      assert.deepInclude(error.reason, { _tag: "AuthorizationFailed", resource: "topic", name: "b" })
      assert.deepStrictEqual(seen, { asked: 1, ended: 1 })
    }))

  it("are unknown when nobody knows them a while later", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    try {
      const { look, seen } = looking(["a", "b"], [[undefined, 3]])
      const failing = Effect.runPromise(Effect.flip(look))
      while (seen.ended === 0) await vi.advanceTimersByTimeAsync(100)
      assert.deepInclude((await failing).reason, { _tag: "UnknownTopic", topic: "b" })
      assert.isAbove(seen.asked, 20)
    } finally {
      vi.useRealTimers()
    }
  })
})
