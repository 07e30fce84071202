/** What every codec of a registry may be given, and the check of it. */
import type { Kinds } from "../../internal/shared/fields.ts"
import { flag, problemOf, text } from "../../internal/shared/fields.ts"
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

/** Throws for options that the codec does not have, or that are not what they must be. */
export const check = (codec: string, options: unknown, more: Kinds): void => {
  const found = problemOf("options", options, { ...common, ...more })
  if (found !== undefined) throw new Error(`${codec}: ${found.field}: ${found.problem}`)
}
