/** Checks what functions of users return, whatever their types say: a program in JavaScript may return anything. */
import * as Effect from "effect/Effect"

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"

const shown = (value: unknown): string =>
  isPromise(value) ? "a Promise" : value === null || value === undefined ? String(value) : `a value (${typeof value})`

const remedy = "; wrap asynchronous code in Effect.tryPromise"

/** The outcome of a promise is ignored. Without a handler its rejection would end the process. */
const leave = (value: unknown): void => {
  if (isPromise(value)) value.then(undefined, () => {})
}

/** By its types always an effect, so a nullish value is not expected, but possible. */
const isMarked = (returned: { readonly [Effect.TypeId]: unknown } | null): boolean =>
  returned?.[Effect.TypeId] !== undefined

/** The effect that `what` returned, or one that dies and says what it returned instead. */
export const effectOf = <A, E, R>(returned: Effect.Effect<A, E, R>, what: string): Effect.Effect<A, E, R> => {
  // Runs per record: `Effect.isEffect` costs as much as the rest of the run loop, this is inlined.
  if (isMarked(returned)) return returned
  const value: unknown = returned
  leave(value)
  return Effect.die(new TypeError(`${what} returned ${shown(value)}, not an Effect${isPromise(value) ? remedy : ""}`))
}

/** How an error names what `what` returned instead of an object of fields. */
export const noFieldsText = (returned: unknown, what: string): string => {
  leave(returned)
  return `${what} returned ${shown(returned)}, not an object of fields${isPromise(returned) ? remedy : ""}`
}

/** The answer of a predicate. Throws for any other, which would count as true or false without having been meant. */
export const booleanOf = (returned: boolean, what: string): boolean => {
  if (typeof returned === "boolean") return returned
  leave(returned)
  throw new TypeError(`${what} returned ${shown(returned)}, not true or false`)
}
