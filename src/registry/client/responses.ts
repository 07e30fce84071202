/** What a registry's responses say: bodies to models, and refusals to reasons. Pure; bodies are read leniently. */
import * as Errors from "../RegistryError.ts"
import type { Reference, Registered, SchemaText, SchemaType } from "../RegistryModel.ts"

/** A response with its body: JSON where it is JSON, else text. */
export interface Response {
  readonly status: number
  readonly body: unknown
}

/** What was asked for, for errors. */
export interface Asked {
  readonly subject?: string | undefined
  /** What was to be found: `id 7`, `version 3`. */
  readonly what?: string | undefined
}

/** JSON where the text is JSON, else the text: some registries send plain text with JSON's content type. */
export const bodyOf = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const field = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null ? (body as Record<string, unknown>)[name] : undefined

const wordsOf = (body: unknown): string => {
  const message = field(body, "message")
  if (typeof message === "string") return message
  if (typeof body === "string" && body !== "") return body.length > 300 ? `${body.slice(0, 300)}…` : body
  return "no reason given"
}

const codes = { subject: new Set([40401, 40404]), schema: new Set([40402, 40403]), invalid: 42201 }

/** Statuses after which another registry, or the same one later, may do better. */
export const isTransient = (status: number): boolean => status === 408 || status === 429 || status >= 500

/** Why a request was refused. */
export const reasonOf = ({ body, status }: Response, asked: Asked): Errors.Reason => {
  const code = field(body, "error_code")
  const problem = wordsOf(body)
  if (isTransient(status)) return new Errors.Unavailable({ problem: `status ${status}: ${problem}` })
  if (status === 401 || status === 403) return new Errors.Unauthorized({ status, problem })
  const { subject, what = "such schema" } = asked
  if (subject !== undefined && codes.subject.has(code as number)) return new Errors.SubjectNotFound({ subject })
  if (status === 404 && codes.schema.has(code as number)) return new Errors.SchemaNotFound({ what, subject })
  if (status === 409 && code === 409 && subject !== undefined) {
    return new Errors.Incompatible({ subject, messages: [problem] })
  }
  if (status === 422 && code === codes.invalid) return new Errors.InvalidSchema({ subject, problem })
  return new Errors.Unexpected({ status, code: typeof code === "number" ? code : undefined, problem })
}

/** Thrown where a body is not what it should be; its message says what is missing. */
export class UnexpectedBody extends Error {}

const demand = <A>(value: unknown, is: (value: unknown) => value is A, what: string): A => {
  if (is(value)) return value
  throw new UnexpectedBody(`the body has no ${what}`)
}

const isText = (value: unknown): value is string => typeof value === "string"
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value)
const isArray = (value: unknown): value is ReadonlyArray<unknown> => Array.isArray(value)

export const textOf = (body: unknown, name: string): string => demand(field(body, name), isText, `text "${name}"`)

export const wholeOf = (body: unknown, name?: string): number =>
  demand(name === undefined ? body : field(body, name), isWhole, name === undefined ? "number" : `number "${name}"`)

export const listOf = <A>(body: unknown, element: (body: unknown) => A): ReadonlyArray<A> =>
  demand(body, isArray, "list").map(element)

export const textItem = (body: unknown): string => demand(body, isText, "text")

const referenceOf = (body: unknown): Reference => ({
  name: textOf(body, "name"),
  subject: textOf(body, "subject"),
  version: wholeOf(body, "version")
})

/** Avro where nothing is said, as registries do. */
const typeOf = (body: unknown): SchemaType => {
  const type = field(body, "schemaType") ?? "AVRO"
  if (type === "AVRO" || type === "JSON" || type === "PROTOBUF") return type
  throw new UnexpectedBody(`the schema is of type ${JSON.stringify(type)}, which is not AVRO, JSON or PROTOBUF`)
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

/** A version of a subject. */
export const registeredOf = (body: unknown): Registered => {
  const guid = field(body, "guid")
  return {
    ...schemaOf(body),
    subject: textOf(body, "subject"),
    version: wholeOf(body, "version"),
    id: wholeOf(body, "id"),
    guid: isText(guid) ? guid : undefined
  }
}
