/** What callers without types hand in where codecs and Schemas belong. Pure. */
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { TypeId } from "../codecModel.ts"
import { anything, func, type Kinds, requireFields, shown } from "../fields.ts"

/** What is wrong with a codec, or `undefined`. */
export const codecProblem = (given: unknown): string | undefined => {
  if (Predicate.hasProperty(given, TypeId)) return undefined
  return Schema.isSchema(given)
    ? "a Schema is not a codec; wrap it, e.g. in Codec.json"
    : `${shown(given)} is not a codec; use e.g. Codec.string, or Codec.none for no key`
}

/** The codec. Throws for what is none; `where` is what was called. */
export const codecIn = <C>(where: string, given: C): C => {
  const problem = codecProblem(given)
  if (problem !== undefined) throw new Error(`${where}: ${problem}`)
  return given
}

/** The Schema. Throws for what is none. */
export const schemaIn = <S>(where: string, given: S): S => {
  if (Schema.isSchema(given)) return given
  const words = Predicate.hasProperty(given, TypeId) ? "a codec" : shown(given)
  throw new Error(`${where}: it takes a Schema, and this is ${words}; write e.g. Schema.Struct({ id: Schema.String })`)
}

/** The options. Throws for options without these functions, or with others than them and `rest`. */
export const functionsIn = <O>(where: string, given: O, names: ReadonlyArray<string>, rest: Kinds = {}): O => {
  requireFields(where, "options", given, { ...Object.fromEntries(names.map((name) => [name, func])), ...rest })
  const missing = names.find((name) => !Predicate.hasProperty(given, name) || given[name] === undefined)
  if (missing !== undefined) throw new Error(`${where}: ${missing} is missing`)
  return given
}

/** The options of a codec of one's own. */
export const codecOptionsIn = <O>(given: O): O =>
  functionsIn("Codec.make", given, ["decoder", "encoder"], { schema: anything, headerNames: func })
