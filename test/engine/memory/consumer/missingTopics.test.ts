import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { Codec, Consumer, Health, KafkaEngine, OnFailure, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })

it.effect("a member whose topic is deleted is not well until it is there again", () =>
  Effect.gen(function*() {
    const admin = yield* (yield* KafkaEngine.Service).admin
    yield* admin.createTopic({ name: "notes", partitions: 2 })
    yield* Effect.forkScoped(Consumer.run(Consumer.make("g", {
      offsetReset: "earliest",
      onFailure: OnFailure.stop,
      handlers: [Topic.handle(Notes, () => Effect.void)]
    })))
    const isHealthy = Effect.map(Health.all, ([first]) => first!.healthy)
    yield* TestClock.adjust("10 seconds")
    assert.isTrue(yield* isHealthy)
    yield* admin.deleteTopic("notes")
    for (const minutes of [1, 5]) {
      yield* TestClock.adjust(`${minutes} minutes`)
      assert.isFalse(yield* isHealthy)
    }
    assert.include((yield* Health.all)[0]!.problem, "topic \"notes\" does not exist")
    yield* admin.createTopic({ name: "notes", partitions: 2 })
    yield* TestClock.adjust("1 minute")
    assert.isTrue(yield* isHealthy)
  }).pipe(
    Effect.provide([
      InMemoryKafka.layerWith({ autoCreateTopics: false }),
      Layer.sync(Health.Registry, () => new Set())
    ])
  ))
