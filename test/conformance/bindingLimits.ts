/** What the native binding cannot do, on any cluster. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Codec, Consumer, OnFailure, Producer, Topic } from "millrace"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import type { Ability, Limit } from "./harness.ts"
import { reasonOf } from "./members.ts"

export const bindingLimits: { readonly [ability in Ability]?: Limit } = {
  "header null": {
    reason: "the native binding reads a null header as an empty one, and the engine says so",
    proof: Effect.fnUntraced(function*(world) {
      assert.isFalse((yield* KafkaEngine.Service).capabilities.has("nullHeaders"))
      const topic = Topic.make(yield* world.topic(4), { key: Codec.none, value: Codec.string })
      yield* Producer.send(topic, { key: null, value: "x", headers: [["h", null]] })
      const seen: Array<unknown> = []
      yield* Consumer.run(Consumer.make(world.name("group"), {
        offsetReset: "earliest",
        ...world.settings,
        until: "end",
        onFailure: OnFailure.stop,
        handlers: [Topic.handle(topic, ({ headers }) => Effect.sync(() => seen.push(headers[0]![1]?.length)))]
      }))
      assert.deepStrictEqual(seen, [0])
    })
  },
  "configs admin": {
    reason: "the native binding has no call for it, and the engine says so",
    proof: Effect.fnUntraced(function*(world) {
      const topic = yield* world.topic(4)
      const admin = yield* (yield* KafkaEngine.Service).admin
      assert.isFalse((yield* KafkaEngine.Service).capabilities.has("configs"))
      for (const call of [admin.describeConfigs(topic), admin.alterConfigs(topic, {})]) {
        assert.strictEqual(reasonOf(yield* Effect.flip(call as Effect.Effect<unknown, unknown>)), "Unsupported")
      }
    })
  }
}
