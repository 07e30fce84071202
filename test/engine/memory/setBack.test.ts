/** What is to happen in some milliseconds does, also when the time of day is set back meanwhile. */
import { assert, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Codec, Producer, Topic } from "millrace"
import { InMemoryKafka } from "millrace/testing"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

it.live("sends what lingers", () =>
  Effect.gen(function*() {
    const live = yield* Clock.Clock
    let ahead = 3_600_000
    const clock: Clock.Clock = {
      ...live,
      currentTimeMillisUnsafe: () => live.currentTimeMillisUnsafe() + ahead,
      monotonicTimeNanosUnsafe: () => live.monotonicTimeNanosUnsafe(),
      sleep: (duration) => live.sleep(duration)
    }
    const delivery = yield* Effect.gen(function*() {
      const sending = yield* Effect.forkChild(Producer.send(Notes, { key: "a", value: "1" }))
      yield* Effect.yieldNow
      ahead = 0
      return yield* Fiber.join(sending)
    }).pipe(
      Effect.provide(InMemoryKafka.layerWith({ producer: { linger: "50 millis" } })),
      Effect.provideService(Clock.Clock, clock)
    )
    assert.strictEqual(delivery.offset, 0)
  }), 20_000)
