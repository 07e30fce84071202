/** Effect Schemas to JSON Schemas: of the encoded side that `Schema.toCodecJson` gives them. Pure. */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import { isObject } from "../../rest/bodies.ts"

/** The drafts that registries and their clients know. */
export type Draft = "draft-07" | "draft-2020-12"

/** How a JSON Schema is derived. */
export interface Options {
  readonly name: string | undefined
  readonly draft: Draft
  /** Whether objects may have other properties than the Schema's. */
  readonly additionalProperties: boolean
}

const drafts = {
  "draft-07": { uri: JsonSchema.META_SCHEMA_URI_DRAFT_07, definitions: "definitions" },
  "draft-2020-12": { uri: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12, definitions: "$defs" }
} as const

/** JSON with other references. */
export const rewritten = (json: unknown, from: string, to: string): unknown => {
  if (Array.isArray(json)) return json.map((each) => rewritten(each, from, to))
  if (typeof json !== "object" || json === null) return json
  const entries = Object.entries(json).map(([key, each]) =>
    [key, key === "$ref" && each === from ? to : rewritten(each, from, to)] as const
  )
  return Object.fromEntries(entries)
}

/** A name as a step of a JSON pointer. */
const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1")

/**
 * A root that only refers to a definition takes its place: beside a `$ref`, draft-07 reads nothing else, and a name of
 * the whole belongs there.
 */
const inlined = (
  root: JsonSchema.JsonSchema,
  definitions: JsonSchema.Definitions
): readonly [root: JsonSchema.JsonSchema, definitions: JsonSchema.Definitions] => {
  const { $ref } = root
  const key = typeof $ref !== "string"
    ? undefined
    : Object.keys(definitions).find((name) => decodeURIComponent($ref).endsWith(`/${escaped(name)}`))
  if (key === undefined) return [root, definitions]
  const { [key]: own, ...others } = rewritten(definitions, String($ref), "#") as JsonSchema.Definitions
  return [own!, others]
}

/**
 * Without the bounds of the whole numbers that JavaScript's numbers hold: other programs register whole numbers without
 * them, and would have another schema. What does not fit is refused when it is read.
 */
const withoutSafeBounds = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(withoutSafeBounds)
  if (!isObject(json)) return json
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, each]) => {
      if (key === "minimum" && each === Number.MIN_SAFE_INTEGER) return []
      if (key === "maximum" && each === Number.MAX_SAFE_INTEGER) return []
      const value = withoutSafeBounds(each)
      if (key !== "allOf" || !Array.isArray(value)) return [[key, value]]
      // What consisted of these bounds alone.
      const all = value.filter((part) => Object.keys(part as object).length > 0)
      return all.length === 0 ? [] : [[key, all]]
    })
  )
}

/** The JSON Schema of a Schema, and its title, which is its name. The same Schema always gives the same one. */
export const derive = (
  schema: Schema.Top,
  { additionalProperties, draft, name }: Options
): { readonly json: JsonSchema.JsonSchema; readonly name: string | undefined } => {
  const document = Schema.toJsonSchemaDocument(schema, { onExcessProperty: additionalProperties ? "ignore" : "error" })
  const { definitions, schema: root } = draft === "draft-07" ? JsonSchema.toDocumentDraft07(document) : document
  const [own, others] = inlined(root, definitions)
  const { description, title = name ?? SchemaAST.resolveIdentifier(schema.ast), ...rest } = own
  const json = withoutSafeBounds({
    $schema: drafts[draft].uri,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...rest,
    ...(Object.keys(others).length === 0 ? {} : { [drafts[draft].definitions]: others })
  }) as JsonSchema.JsonSchema
  return { json, name: typeof title === "string" ? title : undefined }
}
