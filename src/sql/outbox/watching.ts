/** Says what takes long: whatever stands still has to be seen while it does. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** When it is said first, and how often afterwards, in milliseconds. */
export const patience = 10_000
const again = 60_000

/** A time that never goes back, in milliseconds. */
export const monotonic: Effect.Effect<number> = Effect.map(
  Clock.Clock,
  (clock) => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
)

/** Runs `late` while `effect` takes long, each time with the seconds that it has taken. */
export const watched = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  late: (seconds: number) => Effect.Effect<void>
): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    // What is acquired cannot be interrupted otherwise.
    Effect.forkDetach(Effect.interruptible(Effect.gen(function*() {
      let seconds = patience / 1_000
      yield* Effect.sleep(Duration.millis(patience))
      while (true) {
        yield* late(seconds)
        yield* Effect.sleep(Duration.millis(again))
        seconds += again / 1_000
      }
    }))),
    () => effect,
    Fiber.interrupt
  )
