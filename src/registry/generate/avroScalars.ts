/** Avro's types without a name of their own as Effect Schemas, and what is said of a Schema for Avro. Pure. */
import type { Code } from "./code.ts"
import * as Out from "./code.ts"

export type Json = Readonly<Record<string, unknown>>

const primitives: { readonly [type: string]: string } = {
  null: "Schema.Null",
  boolean: "Schema.Boolean",
  int: "Schema.Int.check(Schema.isInt32())",
  long: "Schema.Int",
  float: "Schema.Number",
  double: "Schema.Number",
  bytes: "Schema.Uint8Array",
  string: "Schema.String"
}

export const isObject = (json: unknown): json is Json =>
  typeof json === "object" && json !== null && !Array.isArray(json)

export const textIn = (json: Json, name: string): string | undefined =>
  typeof json[name] === "string" ? json[name] : undefined

/** A Schema, with an annotation if there is anything to say. */
export const annotated = (code: Code, annotation: Json | undefined, method = "annotate"): Code => {
  const fields = Object.entries(annotation ?? {}).filter(([, value]) => value !== undefined)
  if (fields.length === 0) return code
  return [code, ".", Out.call(method, Out.entries(fields.map(([name, value]) => [name, Out.value(value)])))]
}

/** The attributes that are said; `undefined` for none. */
export const avro = (attributes: Json): Json | undefined => {
  const said = Object.entries(attributes).filter(([, value]) => value !== undefined)
  return said.length === 0 ? undefined : Object.fromEntries(said)
}

/** The Schema of a primitive type; `undefined` for a name. */
export const scalar = (type: string, schema: Json, bigint: boolean): Code | undefined => {
  if (primitives[type] === undefined) return undefined
  const logicalType = textIn(schema, "logicalType")
  const { precision, scale } = schema
  if (type === "bytes" && logicalType === "decimal") {
    return annotated("Schema.BigDecimal", { avro: { precision, scale: scale ?? 0 } })
  }
  if (type === "string" && logicalType === "uuid") return "Schema.String.check(Schema.isUUID())"
  if (type === "long" && logicalType === "timestamp-millis") return "Schema.Date"
  if (type === "long" && logicalType === "local-timestamp-millis") {
    return annotated("Schema.Date", { avro: { logicalType } })
  }
  const own = type === "long" && (bigint || logicalType === "timestamp-nanos")
    ? "Schema.BigInt"
    : primitives[type]!
  return annotated(own, { avro: avro({ type: type === "float" ? type : undefined, logicalType }) })
}
