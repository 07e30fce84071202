/** Checks what functions of users return: by their types an effect, but a program in JavaScript may return anything. */
import * as Effect from "effect/Effect"

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const shown = (value: unknown): string =>
  isPromise(value) ? "a Promise" : value === null || value === undefined ? String(value) : `a value (${typeof value})`

/** The effect that `what` returned, or one that dies and says what it returned instead. */
export const effectOf = <A, E, R>(returned: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E, R> => {
  if (Effect.isEffect(returned)) return returned
  const value: unknown = returned
  // The outcome of a promise is ignored. Without a handler its rejection would end the process.
  if (isPromise(value)) value.then(undefined, () => {})
  const remedy = isPromise(value) ? "; wrap asynchronous code in Effect.tryPromise" : ""
  return Effect.die(new TypeError(`${what} returned ${shown(value)}, not an Effect${remedy}`))
}
