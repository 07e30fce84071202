/** Checks what functions of users return: by their types an effect, but a program in JavaScript may return anything. */
import * as Effect from "effect/Effect"

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const shown = (value: unknown): string =>
  isPromise(value) ? "a Promise" : value === null || value === undefined ? String(value) : `a value (${typeof value})`

/** By its types always an effect, so a nullish value is not expected, but possible. */
const isMarked = (returned: { readonly [Effect.TypeId]: unknown } | null): boolean =>
  returned?.[Effect.TypeId] !== undefined

/** The effect that `what` returned, or one that dies and says what it returned instead. */
export const effectOf = <A, E, R>(returned: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E, R> => {
  // Runs per record: `Effect.isEffect` costs as much as the rest of the run loop, this is inlined.
  if (isMarked(returned)) return returned
  const value: unknown = returned
  // The outcome of a promise is ignored. Without a handler its rejection would end the process.
  if (isPromise(value)) value.then(undefined, () => {})
  const remedy = isPromise(value) ? "; wrap asynchronous code in Effect.tryPromise" : ""
  return Effect.die(new TypeError(`${what} returned ${shown(value)}, not an Effect${remedy}`))
}
