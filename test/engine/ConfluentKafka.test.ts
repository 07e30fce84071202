import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConfluentKafka } from "millrace/confluent"

const problemOf = (...bootstrapServers: Array<string>) =>
  Effect.map(Effect.flip(Effect.scoped(Layer.build(ConfluentKafka.layer({ bootstrapServers })))), ({ reason }) => {
    assert(reason._tag === "InvalidSetting")
    assert.strictEqual(reason.setting, "bootstrapServers")
    return reason.problem
  })

describe("bootstrap servers", () => {
  it.effect("are at least one", () =>
    Effect.gen(function*() {
      assert.include(yield* problemOf(), "at least one")
    }))

  it.effect("are hosts with a port that exists; the wrong one is named", () =>
    Effect.gen(function*() {
      assert.include(yield* problemOf("a:9092", "b"), "\"b\"")
      assert.include(yield* problemOf("a:9092,b:9092"), "a:9092,b:9092")
      assert.include(yield* problemOf("a:9092", "b:65536"), "\"b:65536\"")
    }))
})
