/** Records of Connect's `JsonConverter` with `schemas.enable`: `{ schema, payload }`. Pure. */
import * as BigDecimal from "effect/BigDecimal"
import { fromBase64 } from "../cells/binary.ts"
import { unscaledText } from "../cells/digits.ts"
import { Epoch, unitOf } from "../cells/epoch.ts"
import { isValues, put } from "./values.ts"

type Convert = (value: unknown) => unknown

interface Schema {
  readonly type?: unknown
  readonly name?: unknown
  readonly field?: unknown
  readonly fields?: unknown
  readonly items?: unknown
  readonly parameters?: unknown
}

const decimalOf = (schema: Schema): Convert => {
  const { scale } = isValues(schema.parameters) ? schema.parameters : {}
  const places = Number(scale ?? 0)
  return (value) => {
    const bytes = typeof value === "string" ? fromBase64(value) : undefined
    return bytes === undefined ? value : BigDecimal.make(BigInt(unscaledText(bytes)), places)
  }
}

const bytes: Convert = (value) => typeof value === "string" ? fromBase64(value) ?? value : value

const structOf = (fields: ReadonlyArray<unknown>): Convert | undefined => {
  const converts = fields.flatMap((field): ReadonlyArray<readonly [string, Convert]> => {
    if (!isValues(field) || typeof field.field !== "string") return []
    const convert = convertOf(field)
    return convert === undefined ? [] : [[field.field, convert]]
  })
  if (converts.length === 0) return undefined
  return (value) => {
    if (!isValues(value)) return value
    const copy = { ...value }
    for (const [field, convert] of converts) {
      if (Object.hasOwn(copy, field)) put(copy, field, convert(copy[field]))
    }
    return copy
  }
}

const arrayOf = (items: unknown): Convert | undefined => {
  const convert = isValues(items) ? convertOf(items) : undefined
  return convert && ((value) => Array.isArray(value) ? value.map(convert) : value)
}

/** What makes of a value what its schema says of it; `undefined` where it says no more than the value. */
const convertOf = (schema: Schema): Convert | undefined => {
  const { name, type } = schema
  if (typeof name === "string") {
    if (name === "org.apache.kafka.connect.data.Decimal") return decimalOf(schema)
    const unit = unitOf(name)
    if (unit !== undefined) {
      return (value) => typeof value === "number" || typeof value === "bigint" ? new Epoch(unit, value) : value
    }
  }
  if (type === "struct") return structOf(Array.isArray(schema.fields) ? schema.fields : [])
  if (type === "array") return arrayOf(schema.items)
  return type === "bytes" && name === undefined ? bytes : undefined
}

const itself: Convert = (value) => value
const known = new WeakMap<object, Convert>()

/** Prepares the reading of payloads with this schema; the same schema is prepared once. */
export const payloadOf = (schema: unknown): Convert => {
  if (!isValues(schema)) return itself
  const before = known.get(schema)
  if (before !== undefined) return before
  const convert = convertOf(schema) ?? itself
  known.set(schema, convert)
  return convert
}

/** Whether it is a schema, or none: the converter writes null for the schema of a value without one. */
const isSchema = (schema: unknown): boolean => schema === null || (isValues(schema) && typeof schema.type === "string")

/** The payload as its schema describes it. A value without a schema is as it was. */
export const described = (value: unknown): unknown => {
  if (!isValues(value) || !("payload" in value) || !("schema" in value)) return value
  if (Object.keys(value).length !== 2 || !isSchema(value.schema)) return value
  return payloadOf(value.schema)(value.payload)
}
