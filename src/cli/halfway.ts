/** What is said of changes that ended halfway. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/** Says of a change that fails, or is interrupted, what may have been done of it, where no exact account is there. */
export const orSay = (words: string) => <A, E, R>(change: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.onError(change, () => Console.error(words))
