/** Lets what was begun end after an interruption. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

/** How long a batch that is on its way may take after the relay was interrupted, in milliseconds. */
const graceMillis = 10_000

/** How long the end of what was interrupted may take, in milliseconds: a database may not answer. */
const endMillis = 1_000

/** Lets what was begun end after an interruption, for as long as the grace allows. */
export const finishing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Effect.forkDetach(Effect.interruptible(effect)), (fiber) => {
      // Within: what waits was interrupted itself, and would not wait at all.
      const ended = (millis: number) => Effect.timeoutOption(Effect.interruptible(Fiber.await(fiber)), millis)
      return Effect.onInterrupt(restore(Fiber.join(fiber)), () =>
        Effect.gen(function*() {
          yield* ended(graceMillis)
          fiber.interruptUnsafe()
          yield* ended(endMillis)
        }))
    })
  )
