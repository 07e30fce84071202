/** Checks what a topic or a pattern is made of, for callers without types. Pure. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { TypeId } from "./codecModel.ts"
import { anything, flag, type Kind, problemOf, shown } from "./fields.ts"

const codecProblem = (given: unknown): string | undefined => {
  if (Predicate.hasProperty(given, TypeId)) return undefined
  return Schema.isSchema(given)
    ? "a Schema is not a codec; wrap it, e.g. in Codec.json"
    : `${shown(given)} is not a codec; use e.g. Codec.string, or Codec.none for no key`
}

const headers: Kind = { words: "a Schema of an object of texts", is: Schema.isSchema }
const keyOf: Kind = { words: "a function that returns the key of a value", is: (value) => typeof value === "function" }

const common = { key: anything, value: anything, headers }
const kinds = { Topic: { ...common, keyOf }, Pattern: { ...common, failures: flag } }

/** What is wrong with the parts of a topic or a pattern, or `undefined`. `of`: how an error names it. */
export const partsProblem = (kind: keyof typeof kinds, of: string, parts: unknown): string | undefined => {
  const found = problemOf("codecs", parts, kinds[kind])
  if (found !== undefined) return `${of}: ${found.field}: ${found.problem}`
  const { key, value } = parts as { readonly key?: unknown; readonly value?: unknown }
  for (const [name, codec] of [["key", key], ["value", value]] as const) {
    const problem = codecProblem(codec)
    if (problem !== undefined) return `${of}: ${name}: ${problem}`
  }
  return undefined
}
