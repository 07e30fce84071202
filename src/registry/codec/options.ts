/** What every codec of a registry may be given, and the check of it. */
import * as Schema from "effect/Schema"
import { isCodec } from "../../Codec.ts"
import type { Kinds } from "../../internal/shared/fields.ts"
import { flag, problemOf, shown, text } from "../../internal/shared/fields.ts"
import type { Reference } from "../RegistryModel.ts"
import { isStrategy } from "./subject.ts"
import { isWriteWith } from "./writer.ts"

const common: Kinds = {
  schema: text,
  subject: { words: "\"topic\", \"record\", \"topic-record\" or a function", is: isStrategy },
  writeWith: { words: "\"lookup\", \"register\", \"latest\", { metadata } or { id }", is: isWriteWith },
  normalize: flag,
  ids: { words: "\"prefix\" or \"header\"", is: (value) => value === "prefix" || value === "header" }
}

/** For codecs whose `schema` may refer to other ones. */
export const references: Kinds[string] = {
  words: "an array of { name, subject, version }",
  is: (value) =>
    Array.isArray(value) &&
    value.every((each: Partial<Reference> | null) =>
      typeof each?.name === "string" && typeof each.subject === "string" && Number.isInteger(each.version)
    )
}

/** Throws for what is no Schema, and for options that the codec does not have, or that are not what they must be. */
export const check = (codec: string, schema: unknown, options: unknown, more: Kinds): void => {
  if (!Schema.isSchema(schema)) {
    throw new Error(`${codec}: it takes a Schema, and this is ${isCodec(schema) ? "a codec" : shown(schema)}`)
  }
  const found = problemOf("options", options, { ...common, ...more })
  if (found !== undefined) throw new Error(`${codec}: ${found.field}: ${found.problem}`)
}
