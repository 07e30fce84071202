/** Checks what a topic or a pattern is made of, for callers without types. Pure. */
import * as Schema from "effect/Schema"
import { anything, flag, type Kind, problemOf } from "../fields.ts"
import { codecProblem } from "./codecArguments.ts"

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
