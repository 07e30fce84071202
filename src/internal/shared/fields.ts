/** Checks objects of options for what callers without types hand in, and what would have no effect there. Pure. */
import { nearest } from "./suggestions.ts"
import { kindOf } from "./utf8.ts"

/** What a field must be. `fields`: what those of an object must be. `isSecret`: errors do not show the value. */
export interface Kind {
  readonly words: string
  readonly is: (value: unknown) => boolean
  readonly fields?: Kinds | undefined
  readonly isSecret?: boolean | undefined
}

export const anything: Kind = { words: "anything", is: () => true }
export const text: Kind = { words: "a text", is: (value) => typeof value === "string" }
export const flag: Kind = { words: "true or false", is: (value) => typeof value === "boolean" }
export const whole: Kind = {
  words: "a whole number of at least 0",
  is: (value) => Number.isSafeInteger(value) && Number(value) >= 0
}
export const func: Kind = { words: "a function", is: (value) => typeof value === "function" }
export const number: Kind = { words: "a number", is: (value) => typeof value === "number" }
export const texts: Kind = {
  words: "an array of texts",
  is: (value) => Array.isArray(value) && value.every((one) => typeof one === "string")
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const textsByName: Kind = {
  words: "an object of texts",
  is: (value) => isObject(value) && Object.values(value).every((one) => one === undefined || typeof one === "string")
}
/** One of these texts. */
export const oneOf = (...values: ReadonlyArray<string>): Kind => ({
  words: values.map((one) => `"${one}"`).join(" or "),
  is: (value) => typeof value === "string" && values.includes(value)
})
/** An object with these fields. */
export const objectOf = (fields: Kinds): Kind => ({
  words: `an object of ${Object.keys(fields).join(", ")}`,
  is: isObject,
  fields
})

/** What each field must be, by its name. */
export type Kinds = { readonly [name: string]: Kind }

/** What each field of `A` must be: none can be forgotten. */
export type KindsOf<A> = { readonly [Name in keyof A]-?: Kind }

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
  if (!isObject(given)) {
    return { field: of, problem: `${shown(given)} is no object of ${Object.keys(kinds).join(", ")}` }
  }
  for (const [field, value] of Object.entries(given)) {
    const kind = Object.hasOwn(kinds, field) ? kinds[field] : undefined
    if (kind === undefined) return { field, problem: unknownField(field, Object.keys(kinds)) }
    if (value === undefined) continue
    if (!kind.is(value)) {
      return { field, problem: `${kind.isSecret === true ? kindOf(value) : shown(value)} is not ${kind.words}` }
    }
    const inner = kind.fields === undefined || !isObject(value) ? undefined : problemOf(field, value, kind.fields)
    if (inner !== undefined) return { field: `${field}.${inner.field}`, problem: inner.problem }
  }
  return undefined
}

/** Throws for what callers without types hand in. `where` is what they called. */
export const requireFields = (where: string, of: string, given: unknown, kinds: Kinds): void => {
  const found = problemOf(of, given, kinds)
  if (found !== undefined) throw new Error(`${where}: ${found.field}: ${found.problem}`)
}
