/** Effect Schemas to JSON Schemas: of the encoded side that `Schema.toCodecJson` gives them. Pure. */
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

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

/** The JSON Schema of a Schema, and its title, which is its name. The same Schema always gives the same one. */
export const derive = (
  schema: Schema.Top,
  { additionalProperties, draft, name }: Options
): { readonly json: JsonSchema.JsonSchema; readonly name: string | undefined } => {
  const document = Schema.toJsonSchemaDocument(schema, { onExcessProperty: additionalProperties ? "ignore" : "error" })
  const { definitions, schema: root } = draft === "draft-07" ? JsonSchema.toDocumentDraft07(document) : document
  const [own, others] = inlined(root, definitions)
  const { description, title = name ?? SchemaAST.resolveIdentifier(schema.ast), ...rest } = own
  const json = {
    $schema: drafts[draft].uri,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...rest,
    ...(Object.keys(others).length === 0 ? {} : { [drafts[draft].definitions]: others })
  }
  return { json, name: typeof title === "string" ? title : undefined }
}
