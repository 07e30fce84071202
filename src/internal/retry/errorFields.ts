/** The fields of an error that is a Schema, encoded for a header. Errors are users' values: nothing here throws. */
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { readOr } from "../shared/causes.ts"

/** A header of more bytes is of no use to people. */
export const fieldsBytes = 2048

/** Deeper values are not looked into for secrets, and so not shown. */
const maxDepth = 8

/** Whether a value may hold a secret somewhere inside. */
const mayHoldSecret = (value: unknown, depth = 0): boolean => {
  if (typeof value !== "object" || value === null) return typeof value === "function"
  if (Redacted.isRedacted(value) || depth === maxDepth) return true
  const parts = Symbol.iterator in value ? [...value as Iterable<unknown>] : Object.values(value)
  return parts.some((part) => mayHoldSecret(part, depth + 1))
}

const jsonOf = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part: unknown) => typeof part === "bigint" ? String(part) : part)

const encoded = (schema: unknown, value: unknown): string | undefined => {
  if (mayHoldSecret(value)) return "\"<redacted>\""
  // Fields of a class that is a Schema are Schemas.
  return jsonOf(Schema.encodeUnknownSync(schema as Schema.Codec<unknown, unknown>)(value))
}

/**
 * The encoded fields of a `Schema.TaggedError` as a JSON object, without its tag; `undefined` for other errors. Fields
 * with a `Redacted` inside are masked; those that cannot be encoded at once, and those for which there is no room, are
 * left out.
 */
export const fieldsOf = (error: unknown): string | undefined =>
  readOr(() => {
    if (typeof error !== "object" || error === null) return undefined
    const schema: unknown = error.constructor
    if (!Schema.isSchema(schema) || !("fields" in schema) || typeof schema.fields !== "object") return undefined
    const parts: Array<string> = []
    let size = 2
    for (const [name, field] of Object.entries(schema.fields ?? {})) {
      if (name === "_tag") continue
      const text = readOr(() => encoded(field, Reflect.get(error, name)), undefined)
      if (text === undefined) continue
      const part = `${JSON.stringify(name)}:${text}`
      const bytes = Buffer.byteLength(part) + 1
      if (size + bytes > fieldsBytes) continue
      size += bytes
      parts.push(part)
    }
    return parts.length === 0 ? undefined : `{${parts.join()}}`
  }, undefined)
