/** Checks objects of options for what callers without types hand in, and what would have no effect there. Pure. */
import { nearest } from "./suggestions.ts"
import { kindOf } from "./utf8.ts"

/** What a field must be. */
export interface Kind {
  readonly words: string
  readonly is: (value: unknown) => boolean
}

export const anything: Kind = { words: "anything", is: () => true }
export const text: Kind = { words: "a text", is: (value) => typeof value === "string" }
export const flag: Kind = { words: "true or false", is: (value) => typeof value === "boolean" }
export const whole: Kind = {
  words: "a whole number of at least 0",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 0
}
export const texts: Kind = {
  words: "an array of texts",
  is: (value) => Array.isArray(value) && value.every((one) => typeof one === "string")
}

/** What each field must be, by its name. */
export type Kinds = { readonly [name: string]: Kind }

/** A field and what is wrong with it. */
export interface Problem {
  readonly field: string
  readonly problem: string
}

/** How an error shows a value. */
export const shown = (value: unknown): string =>
  typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : kindOf(value)

/** What is wrong with a field of this name among these. */
export const unknownField = (name: string, known: ReadonlyArray<string>): string => {
  const near = nearest(name, known)
  return `unknown field ${JSON.stringify(name)}; ${near === undefined ? "" : `did you mean "${near}"? `}there is: ${
    known.join(", ")
  }`
}

/** The first field that is unknown or not what it must be. `of` names the object itself. */
export const problemOf = (of: string, given: unknown, kinds: Kinds): Problem | undefined => {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    return { field: of, problem: `${shown(given)} is no object of ${Object.keys(kinds).join(", ")}` }
  }
  for (const [field, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, field) ? kinds[field] : undefined
    if (kind === undefined) return { field, problem: unknownField(field, Object.keys(kinds)) }
    if (value !== undefined && !kind.is(value)) return { field, problem: `${shown(value)} is not ${kind.words}` }
  }
  return undefined
}
