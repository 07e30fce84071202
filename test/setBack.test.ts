/** What waits for some milliseconds does so on a machine whose time of day is set back again and again. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { Codec, Consumer, OnFailure, Producer, Retry, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

/** Each millisecond takes the time of day back by a second. */
const setBack = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.clockWith((live) => {
    const begin = live.currentTimeMillisUnsafe()
    const millis = () => begin - (live.currentTimeMillisUnsafe() - begin) * 1_000
    const clock: Clock.Clock = {
      currentTimeMillisUnsafe: millis,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanosUnsafe: () => BigInt(millis()) * 1_000_000n,
      currentTimeNanos: Effect.sync(() => BigInt(millis()) * 1_000_000n),
      monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
      monotonicTimeNanos: live.monotonicTimeNanos,
      sleep: (duration) => live.sleep(duration)
    }
    return Effect.provideService(effect, Clock.Clock, clock)
  })

const send = Producer.send(Notes, { key: "a", value: "1" })

describe("a time of day that goes back", () => {
  it.live("delays no record that lingers", () =>
    setBack(Effect.gen(function*() {
      const { offset } = yield* Effect.provide(send, InMemoryKafka.layerWith({ producer: { linger: "50 millis" } }))
      assert.strictEqual(offset, 0)
    })), 20_000)

  it.live("delays no batch that waits for more records", () =>
    setBack(
      Effect.gen(function*() {
        const handled = yield* Deferred.make<number>()
        const consumer = Consumer.make("batches", {
          offsetReset: "earliest",
          onFailure: OnFailure.stop,
          handlers: [
            Topic.handleBatch(Notes, (records) => Deferred.succeed(handled, records.length), {
              maxSize: 9,
              maxWait: "50 millis"
            })
          ]
        })
        yield* send
        yield* Effect.forkScoped(Consumer.run(consumer))
        assert.strictEqual(yield* Deferred.await(handled), 1)
      }).pipe(Effect.scoped, Effect.provide(InMemoryKafka.layer))
    ), 20_000)

  it.live("delays no next attempt", () =>
    setBack(
      Effect.gen(function*() {
        let attempts = 0
        yield* send
        yield* Consumer.run(Consumer.make("attempts", {
          offsetReset: "earliest",
          onFailure: Retry.blocking(Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 2 }))).pipe(
            OnFailure.andThen(OnFailure.skip)
          ),
          until: "end",
          handlers: [Topic.handle(Notes, () => Effect.suspend(() => Effect.fail(++attempts)))]
        }))
        assert.strictEqual(attempts, 3)
      }).pipe(Effect.provide(InMemoryKafka.layer))
    ), 20_000)
})
