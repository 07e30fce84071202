/** What a registry's responses say: bodies to models, and refusals to reasons. Pure; bodies are read leniently. */
import { field, isArray, isText, isTransient, textOf, UnexpectedBody, wholeOf, wordsOf } from "../../rest/bodies.ts"
import type { Response } from "../../rest/restModel.ts"
import * as Errors from "../RegistryError.ts"
import type { Reference, Registered, SchemaText, SchemaType } from "../RegistryModel.ts"

/** What was asked for, for errors. */
export interface Asked {
  readonly subject?: string | undefined
  /** What was to be found: `id 7`, `version 3`. */
  readonly what?: string | undefined
  /** Whether a schema was to become a version: any other conflict is none with a schema. */
  readonly registers?: boolean | undefined
}

/** A subject and a version may also be deleted, and not for good: 40404 and 40406. */
const codes = { subject: new Set([40401, 40404]), schema: new Set([40402, 40403, 40406]), invalid: 42201 }

/** Why a request was refused. */
export const reasonOf = ({ body, status }: Response, asked: Asked): Errors.Reason => {
  const code = field(body, "error_code")
  const problem = wordsOf(body)
  if (isTransient(status)) return new Errors.Unavailable({ problem: `status ${status}: ${problem}` })
  if (status === 401 || status === 403) return new Errors.Unauthorized({ status, problem })
  const { registers, subject, what = "such schema" } = asked
  if (subject !== undefined && codes.subject.has(code as number)) return new Errors.SubjectNotFound({ subject })
  if (status === 404 && codes.schema.has(code as number)) return new Errors.SchemaNotFound({ what, subject })
  if (status === 409 && code === 409 && registers === true && subject !== undefined) {
    return new Errors.Incompatible({ subject, messages: [problem] })
  }
  if (status === 422 && code === codes.invalid) return new Errors.InvalidSchema({ subject, problem })
  return new Errors.Unexpected({ status, code: typeof code === "number" ? code : undefined, problem })
}

const referenceOf = (body: unknown): Reference => ({
  name: textOf(body, "name"),
  subject: textOf(body, "subject"),
  version: wholeOf(body, "version")
})

/** A type of schema that Millrace does not read: the schema is one, and the registry serves. */
export class UnknownType extends UnexpectedBody {}

/** Avro where nothing is said, as registries do. */
const typeOf = (body: unknown): SchemaType => {
  const type = field(body, "schemaType") ?? "AVRO"
  if (type === "AVRO" || type === "JSON" || type === "PROTOBUF") return type
  throw new UnknownType(`it is of type ${JSON.stringify(type)}, which is not AVRO, JSON or PROTOBUF`)
}

const metadataOf = (body: unknown): Readonly<Record<string, string>> | undefined => {
  const properties = field(field(body, "metadata"), "properties")
  return typeof properties === "object" && properties !== null ? properties as Record<string, string> : undefined
}

const rulesOf = (body: unknown): ReadonlyArray<string> => {
  const ruleSet = field(body, "ruleSet")
  const rules = ["migrationRules", "domainRules", "encodingRules"].flatMap((name) => {
    const some = field(ruleSet, name)
    return isArray(some) ? some : []
  })
  return rules.map((rule) => String(field(rule, "type") ?? field(rule, "name") ?? "rule"))
}

/** A schema, with its references, metadata and the kinds of its rules. */
export const schemaOf = (body: unknown): SchemaText => {
  const references = field(body, "references")
  return {
    type: typeOf(body),
    text: textOf(body, "schema"),
    references: isArray(references) ? references.map(referenceOf) : [],
    metadata: metadataOf(body),
    rules: rulesOf(body)
  }
}

/** The GUID of a schema, where the registry has such. */
export const guidOf = (body: unknown): string | undefined => {
  const guid = field(body, "guid")
  return isText(guid) ? guid : undefined
}

/** A version of a subject. */
export const registeredOf = (body: unknown): Registered => ({
  ...schemaOf(body),
  subject: textOf(body, "subject"),
  version: wholeOf(body, "version"),
  id: wholeOf(body, "id"),
  guid: guidOf(body)
})
