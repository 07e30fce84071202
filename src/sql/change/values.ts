/** Looks at what codecs made of records. Pure. */
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { Epoch } from "../cells/epoch.ts"
import { Malformed, type Values } from "./model.ts"

/** Whether the value has fields: an object, but no list, bytes or `Map`. */
export const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
  && !(value instanceof Map)

/** What a value is, for a message. It is never shown. */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (value instanceof Uint8Array) return "bytes"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** Copies fields. An assignment would set the prototype for a field that is called `__proto__`. */
export const put = (target: { [field: string]: unknown }, field: string, value: unknown): void => {
  if (field === "__proto__") {
    Object.defineProperty(target, field, { value, configurable: true, enumerable: true, writable: true })
  } else target[field] = value
}

/** Whether it is one value of a column, though it is an object. */
const isOneValue = (key: object): boolean =>
  Object.getPrototypeOf(key) !== Object.prototype && (
    key instanceof Date || key instanceof Epoch || BigDecimal.isBigDecimal(key) || DateTime.isDateTime(key)
    || Duration.isDuration(key) || Option.isOption(key)
  )

/** The fields of a key. One that is no object is the only field of `names`. */
export const keyValues = (key: unknown, names: ReadonlyArray<string> | undefined): Values | Malformed => {
  if (isValues(key) && !isOneValue(key)) return key
  if (key === null || key === undefined) return {}
  if (names?.length === 1 && !Array.isArray(key)) return { [names[0]!]: key }
  const problem = `${kindOf(key)} is no set of fields, and the table's key is not one column alone`
  return new Malformed({ field: "key", problem })
}

/** An integer of the source as a bigint, from JSON, Avro or the text of a header; `undefined` for anything else. */
export const bigintOf = (value: unknown): bigint | undefined => {
  if (typeof value === "bigint") return value
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === "string" && /^\d+$/.test(value) ? BigInt(value) : undefined
}

/** Milliseconds, from the same. */
export const millisOf = (value: unknown): number | undefined => {
  const found = typeof value === "number" ? value : bigintOf(value)
  return found === undefined ? undefined : Number(found)
}

/** Tells rows that are marked not to be synced: a field of this name is true. */
export const isSkippedOf = (field: string | undefined): (row: unknown) => boolean =>
  field === undefined ? () => false : (row) => isValues(row) && row[field] === true

/** A field of its own: \`constructor\`, say, does not mean what all objects have under that name. */
export const own = (values: Values, field: string): unknown => Object.hasOwn(values, field) ? values[field] : undefined
