/** Types that hold others: lists, maps and options. Pure. */
import * as Option from "effect/Option"
import type { Convert, Shape } from "../shape.ts"
import { NoAvroType } from "../shape.ts"
import { isNullable } from "./records.ts"

const call = (convert: Convert | undefined, value: unknown): unknown =>
  convert === undefined ? value : (convert as (value: unknown) => unknown)(value)

/** A list of items. */
export const array = ({ fromAvro, json, toAvro }: Shape): Shape => {
  const each = (convert: Convert | undefined): Convert | undefined =>
    convert && ((values: ReadonlyArray<unknown>) => values.map((value) => call(convert, value)))
  return { json: { type: "array", items: json }, toAvro: each(toAvro), fromAvro: each(fromAvro) }
}

/** A map of texts to values. */
export const map = ({ fromAvro, json, toAvro }: Shape): Shape => {
  const each = (convert: Convert | undefined): Convert | undefined =>
    convert &&
    ((values: Readonly<Record<string, unknown>>) =>
      Object.fromEntries(Object.entries(values).map(([key, value]) => [key, call(convert, value)])))
  return { json: { type: "map", values: json }, toAvro: each(toAvro), fromAvro: each(fromAvro) }
}

/** A value, or null for none. */
export const option = ({ fromAvro, json, toAvro }: Shape, path: ReadonlyArray<string>): Shape => {
  if (isNullable(json)) {
    throw new NoAvroType(path, "an Option of something nullable cannot be distinguished from its null")
  }
  return {
    json: ["null", ...(Array.isArray(json) ? json : [json])],
    toAvro: (option: Option.Option<unknown>) => Option.isNone(option) ? null : call(toAvro, option.value),
    fromAvro: (value: unknown) => value === null ? Option.none() : Option.some(call(fromAvro, value))
  }
}
