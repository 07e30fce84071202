/** JSON Schemas with what they refer to, and what a value of them may be. Pure. */
import type { Resolved } from "../format/resolved.ts"

type Json = Readonly<Record<string, unknown>>

/** A JSON Schema within the document that its references are relative to. */
export interface Node {
  readonly document: Document
  readonly schema: Json
}

/** A text of JSON Schema, with those of other subjects that it refers to by name. */
export interface Document {
  readonly root: Json
  readonly named: ReadonlyMap<string, Document>
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

/** `true` takes anything, `false` nothing. */
const schemaOf = (value: unknown): Json => value === false ? { not: {} } : isObject(value) ? value : {}

const parse = (text: string): Json => {
  const json: unknown = JSON.parse(text)
  if (typeof json !== "boolean" && !isObject(json)) throw new Error("a JSON Schema is an object, true or false")
  return schemaOf(json)
}

/** Parses a schema and those that it needs. Throws where one is no JSON Schema. */
export const documentOf = ({ needed, text }: Pick<Resolved, "needed" | "text">): Document => {
  const named = new Map<string, Document>()
  for (const each of needed) {
    const document = { root: parse(each.text), named }
    named.set(each.name, document)
    const { $id } = document.root
    if (typeof $id === "string" && !named.has($id)) named.set($id, document)
  }
  return { root: parse(text), named }
}

/** The root of a document. */
export const rootOf = (document: Document): Node => ({ document, schema: document.root })

const at = (json: unknown, pointer: string): unknown =>
  pointer.split("/").slice(1).reduce<unknown>(
    (part, step) =>
      typeof part === "object" && part !== null
        ? (part as Json)[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")]
        : undefined,
    json
  )

/** The document that a reference names, also as resolved against the `$id` of the referring one. */
const named = ({ named, root }: Document, name: string): Document | undefined => {
  const found = named.get(name)
  if (found !== undefined || typeof root["$id"] !== "string") return found
  if (!URL.canParse(name, root["$id"])) return undefined
  return named.get(new URL(name, root["$id"]).href)
}

/** What a reference within a node leads to. Throws where that is nothing. */
export const target = ({ document }: Node, ref: string): Node => {
  const [name = "", fragment = ""] = ref.split("#")
  const found = name === "" || name === document.root["$id"] ? document : named(document, name)
  const schema = found === undefined ? undefined : fragment === "" ? found.root : at(found.root, fragment)
  if (found === undefined || schema === undefined) throw new Error(`the reference ${JSON.stringify(ref)} leads nowhere`)
  return { document: found, schema: schemaOf(schema) }
}

/** A schema behind its references. Throws where one leads nowhere, or they go round in a circle. */
export const followed = (node: Node): Node => {
  const seen = new Set<unknown>()
  let current = node
  while (typeof current.schema["$ref"] === "string") {
    if (seen.has(current.schema)) throw new Error(`the reference ${JSON.stringify(current.schema["$ref"])} is a circle`)
    seen.add(current.schema)
    current = target(current, current.schema["$ref"])
  }
  return current
}

const typeOfValue = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
    ? "array"
    : typeof value === "number"
    ? Number.isInteger(value) ? "integer" : "number"
    : typeof value

/** Values of a list, as texts, sorted. */
const listed = (values: ReadonlyArray<unknown>): ReadonlyArray<string> =>
  values.map((value) => JSON.stringify(value)).toSorted()

/** What a value may be: one type, or `anything`. */
export interface Alternative extends Node {
  readonly type: string
  /** The only values there are, as JSON, sorted. */
  readonly values: ReadonlyArray<string> | undefined
}

const list = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const hinted = (schema: Json): ReadonlyArray<string> =>
  "properties" in schema || "required" in schema || "additionalProperties" in schema
    ? ["object"]
    : "items" in schema || "prefixItems" in schema
    ? ["array"]
    : ["anything"]

/** The alternatives of a schema, one for each type. `allOf` and what stands beside `anyOf` count for each of them. */
export const alternatives = (node: Node, outer: ReadonlyArray<Json> = []): ReadonlyArray<Alternative> => {
  const { document, schema } = followed(node)
  const { allOf, anyOf, oneOf, ...rest } = schema
  const branches = list(anyOf ?? oneOf)
  if (branches.length > 0) {
    return branches.flatMap((branch) => {
      const own = followed({ document, schema: schemaOf(branch) })
      if (outer.includes(own.schema)) throw new Error("a schema is an alternative of itself")
      const sides = allOf === undefined ? rest : { ...rest, allOf }
      return alternatives({ document: own.document, schema: combined(sides, own.schema) }, [...outer, own.schema])
    })
  }
  if (allOf !== undefined) {
    const parts = list(allOf).map((part) => followed({ document, schema: schemaOf(part) }))
    if (parts.some((part) => outer.includes(part.schema))) throw new Error("a schema is a part of itself")
    const whole = parts.reduce((all, { schema }) => combined(all, schema), rest as Json)
    return alternatives({ document: parts.at(-1)?.document ?? document, schema: whole }, [
      ...outer,
      ...parts.map((part) => part.schema)
    ])
  }
  const values = "const" in schema ? [schema["const"]] : Array.isArray(schema["enum"]) ? schema["enum"] : undefined
  if (values !== undefined) {
    const types = [...new Set(values.map(typeOfValue))]
    return types.map((type) => {
      const own = listed(values.filter((value) => typeOfValue(value) === type))
      // All that the type has.
      const isWhole = type === "null" || type === "boolean" && new Set(own).size === 2
      return { document, schema, type, values: isWhole ? undefined : own }
    })
  }
  const { type } = schema
  const types = typeof type === "string" ? [type] : Array.isArray(type) ? type as ReadonlyArray<string> : hinted(schema)
  return types.map((each) => ({ document, schema, type: each, values: undefined }))
}

/** Both schemas at once, as far as objects go. */
const combined = (one: Json, other: Json): Json => ({
  ...one,
  ...other,
  ...("properties" in one || "properties" in other
    ? { properties: { ...schemaOf(one["properties"]), ...schemaOf(other["properties"]) } }
    : {}),
  ...("required" in one || "required" in other
    ? { required: [...new Set([...list(one["required"]), ...list(other["required"])])] }
    : {})
})

/** The properties of an object, sorted by name. */
export const propertiesOf = ({ document, schema }: Node): ReadonlyArray<readonly [name: string, node: Node]> =>
  Object.entries(schemaOf(schema["properties"]))
    .map(([name, each]) => [name, { document, schema: schemaOf(each) }] as const)
    .toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)

/** The properties that an object must have, sorted. */
export const requiredOf = ({ schema }: Node): ReadonlyArray<string> =>
  [...new Set(list(schema["required"]).map(String))].toSorted()

/** The schema of properties that are not named: `undefined` where there are none, and `{}` where they are anything. */
export const additionalOf = ({ document, schema }: Node): Node | undefined => {
  const { additionalProperties = true } = schema
  return additionalProperties === false ? undefined : { document, schema: schemaOf(additionalProperties) }
}

/** The items of an array: those at the beginning that have schemas of their own, and the others. */
export const itemsOf = (
  { document, schema }: Node
): { readonly first: ReadonlyArray<Node>; readonly others: Node | undefined } => {
  const { additionalItems, items, maxItems, prefixItems } = schema
  const first = list(prefixItems ?? (Array.isArray(items) ? items : undefined))
  const others = Array.isArray(items) ? additionalItems : items
  return {
    first: first.map((each) => ({ document, schema: schemaOf(each) })),
    others: others === false || first.length > 0 && Number(maxItems) <= first.length
      ? undefined
      : { document, schema: schemaOf(others) }
  }
}
