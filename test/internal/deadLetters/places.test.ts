import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Consumer, OnFailure, Topic } from "millrace"
import * as KafkaEngine from "../../../src/engine/KafkaEngine.ts"
import { neededOf, placesOf } from "../../../src/internal/deadLetters/places.ts"
import { provision } from "../../../src/internal/retry/provision.ts"
import { makeTopics, onCluster, Orders } from "./letters.ts"

describe("the topics of a consumer's failures", () => {
  it.effect("that \"require\" asks for are those that the command makes", () =>
    Effect.gen(function*() {
      yield* makeTopics({ orders: 2 })
      const consumer = Consumer.make("billing", {
        offsetReset: "earliest",
        retries: { topics: "require" },
        onFailure: OnFailure.deadLetterTo("bugs"),
        handlers: [Topic.handle(Orders, () => Effect.void)]
      })
      const error = yield* Effect.flip(Consumer.run(consumer))
      assert.include(String(error), "bugs (2 partitions)")
      const { admin: connect, capabilities } = yield* KafkaEngine.Service
      const admin = yield* connect
      const states = yield* provision(admin, capabilities, yield* neededOf(consumer, admin), "create")
      assert.deepStrictEqual(states.map(({ partitions, spec, status }) => [spec.name, status, partitions]), [
        ["bugs", "created", 2]
      ])
      // Nothing of it is a dead letter topic.
      assert.deepStrictEqual(yield* placesOf(consumer, admin), [])
    }).pipe(Effect.scoped, onCluster))
})
