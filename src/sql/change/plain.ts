/** Records whose value is the row, as a program has sent it. Pure. */
import { gone } from "./keys.ts"
import { type Change, type Input, Malformed, type Values } from "./model.ts"
import { isValues, keyValues, kindOf, put } from "./values.ts"

/** A field that is `undefined` counts as not sent. */
const sentOf = (value: Values): Values => {
  const fields = Object.keys(value)
  if (!fields.some((field) => value[field] === undefined)) return value
  const sent: { [field: string]: unknown } = {}
  for (const field of fields) if (value[field] !== undefined) put(sent, field, value[field])
  return sent
}

/** A value that is an object is the row, a null says that it is gone. */
export const readPlain = (
  { headers, key: given, value }: Input,
  isSkipped: (row: unknown) => boolean,
  keyFields?: ReadonlyArray<string>
): Change | Malformed => {
  const key = keyValues(given, keyFields)
  if (value === null || value === undefined) {
    return key instanceof Malformed ? key : gone(key, undefined, headers)
  }
  if (!isValues(value)) return new Malformed({ field: "value", problem: `${kindOf(value)} is no row` })
  if (isSkipped(value)) return { _tag: "Ignore", why: "kafkaSkip" }
  return {
    _tag: "Upsert",
    table: undefined,
    // The row may have the key's fields itself, so that the key of the record need not be made of any.
    key: key instanceof Malformed ? {} : key,
    row: sentOf(value),
    version: undefined,
    before: undefined,
    oldKey: undefined,
    hasUnsureNulls: false
  }
}
