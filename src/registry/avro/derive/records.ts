/** Fields of records: their Avro side, and what a whole record changes on its way. Pure. */
import type { Annotation, AvroJson, Shape } from "../shape.ts"
import { without } from "../shape.ts"

export interface Field {
  readonly name: string
  readonly json: AvroJson
  readonly isOptional: boolean
  readonly admitsNull: boolean
  readonly shape: Shape
}

export const isNullable = (json: AvroJson): boolean => Array.isArray(json) && json.includes("null")

/** A default is of the union's first branch, as Avro asks. */
const ordered = (json: AvroJson, standard: unknown): AvroJson => {
  if (!Array.isArray(json) || standard === undefined || standard === null) return json
  return [...json.filter((branch) => branch !== "null"), ...json.filter((branch) => branch === "null")]
}

/** A field as JSON. What may be missing, or null, has null as its default. */
export const fieldJson = (
  name: string,
  shape: Shape,
  { isOptional, keepsOrder }: { readonly isOptional: boolean; readonly keepsOrder: boolean },
  { aliases, default: other, doc, noDefault }: Annotation
): AvroJson => {
  const nullable = isOptional && !isNullable(shape.json)
  const json = nullable ? ["null", ...(Array.isArray(shape.json) ? shape.json : [shape.json])] : shape.json
  const standard = other !== undefined ? other : isNullable(json) && noDefault !== true ? null : undefined
  return without({ name, type: keepsOrder ? json : ordered(json, standard), doc, aliases, default: standard })
}

/** Changes only the fields that need it, in a copy. */
export const conversions = (fields: ReadonlyArray<Field>): Pick<Shape, "toAvro" | "fromAvro"> => {
  const out = fields.flatMap(({ isOptional, name, shape: { toAvro } }) =>
    toAvro === undefined && !isOptional ? [] : [{ name, change: toAvro as ((value: unknown) => unknown) | undefined }]
  )
  const back = fields.flatMap(({ admitsNull, isOptional, name, shape: { fromAvro } }) =>
    fromAvro === undefined && !isOptional
      ? []
      : [{ name, drops: isOptional && !admitsNull, change: fromAvro as ((value: unknown) => unknown) | undefined }]
  )
  const toAvro = (record: Readonly<Record<string, unknown>>) => {
    const copy: Record<string, unknown> = { ...record }
    for (const { change, name } of out) {
      const value = copy[name]
      copy[name] = value === undefined ? null : change === undefined ? value : change(value)
    }
    return copy
  }
  const fromAvro = (record: Record<string, unknown>) => {
    const copy: Record<string, unknown> = { ...record }
    for (const { change, drops, name } of back) {
      const value = copy[name]
      if (value === null && drops) delete copy[name]
      else if (change !== undefined) copy[name] = change(value)
    }
    return copy
  }
  return { toAvro: out.length === 0 ? undefined : toAvro, fromAvro: back.length === 0 ? undefined : fromAvro }
}

/** A record that is known: it is written once, and by its name after that. */
export interface Known {
  readonly name: string
  shape: Shape | undefined
}

/** A record that was written before, or is being written: its name, and its conversions when they are known. */
export const again = (known: Known): Shape => {
  const convert = (side: "toAvro" | "fromAvro") => (value: unknown) => {
    const change = known.shape![side]
    return change === undefined ? value : (change as (value: unknown) => unknown)(value)
  }
  return { json: known.name, toAvro: convert("toAvro"), fromAvro: convert("fromAvro") }
}
