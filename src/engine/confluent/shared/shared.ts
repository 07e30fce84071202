/** A client that is made on first use, shared, and lives as long as a scope. A failed attempt is not remembered. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

/** Returns an effect that gives the client, and makes it when there is none yet. */
export const shared = <A, E>(
  scope: Scope.Scope,
  make: Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<Effect.Effect<A, E>> =>
  Effect.sync(() => {
    const turn = Semaphore.makeUnsafe(1)
    let made: Exit.Exit<A, E> | undefined
    const first = turn.withPermits(1)(Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        if (made !== undefined) return yield* made
        // A scope of its own, so that what a failed attempt left behind goes at once.
        const own = yield* Scope.fork(scope)
        const exit = yield* Effect.exit(restore(Scope.provide(make, own)))
        if (Exit.isFailure(exit)) yield* Scope.close(own, exit)
        else made = exit
        return yield* exit
      })
    ))
    return Effect.suspend((): Effect.Effect<A, E> => made ?? first)
  })
