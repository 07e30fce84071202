/** Small consumers on a cluster in memory, at a time that Kafka has, without a log. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Codec, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"

/** When such a test begins, in milliseconds. */
export const began = 1_700_000_000_000

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export const texts = { key: Codec.nullable(Codec.string), value: Codec.string }
export const Orders = Topic.make("orders", texts)

/** Runs a test on a cluster of its own, with these topics of one partition. */
export const onCluster = <A, E>(
  topics: ReadonlyArray<string>,
  test: Effect.Effect<A, E, KafkaEngine.Service | InMemoryKafka | Scope.Scope>
) =>
  Effect.gen(function*() {
    yield* TestClock.setTime(began)
    const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
    for (const name of topics) yield* admin.createTopic({ name, partitions: 1 })
    return yield* test
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(InMemoryKafka.layer, Logger.layer([]))))

/** Lets so many seconds pass, one by one. */
export const pass = (seconds: number): Effect.Effect<void> =>
  Effect.forEach(Array(seconds), () => TestClock.adjust(1_000), { discard: true })

/** What the records of a topic say. */
export const valuesOf = (topic: string) =>
  Effect.flatMap(
    InMemoryKafka,
    (memory) =>
      Effect.map(memory.records(topic), (records) =>
        records.map(({ value }) => value === null ? null : new TextDecoder().decode(value)))
  )

/** How a fiber ended, or that it did not. */
export const endOf = (fiber: Fiber.Fiber<unknown, unknown>): string => {
  const exit = fiber.pollUnsafe()
  return exit === undefined ? "running" : exit._tag === "Success" ? "over" : Cause.pretty(exit.cause)
}
