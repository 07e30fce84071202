/** Fields of records: their Avro side, and what a whole record changes on its way. Pure. */
import type { AvroJson, Shape } from "../shape.ts"

export interface Field {
  readonly name: string
  readonly json: AvroJson
  readonly isOptional: boolean
  readonly admitsNull: boolean
  readonly shape: Shape
}

export const isNullable = (json: AvroJson): boolean => Array.isArray(json) && json.includes("null")

/** A default is of the union's first branch, as Avro asks. */
export const ordered = (json: AvroJson, standard: unknown): AvroJson => {
  if (!Array.isArray(json) || standard === undefined || standard === null) return json
  return [...json.filter((branch) => branch !== "null"), ...json.filter((branch) => branch === "null")]
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
