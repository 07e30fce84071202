/** Says what takes long: whatever stands still has to be seen while it does. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { patience } from "../../internal/telemetry/serviceCell.ts"

/** How often it is said after the first time, in milliseconds. */
const again = 60_000

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
