/** Defaults of fields: whether they are values of their types, and those of a text that is given. Pure. */
import type { AvroType, EnumType, RecordType } from "./avroType.ts"
import { AvroSchemaError } from "./parse.ts"
import type { AvroJson } from "./shape.ts"

const integers: { readonly [kind: string]: number } = { int: 2 ** 31, long: 2 ** 63 }

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Bytes are a text with a character for each. */
const isBytes = (value: unknown): value is string =>
  typeof value === "string" && [...value].every((character) => character <= "\xff")

/** Whether a default, as JSON, is of a type. That of a union is of its first branch. */
const isOf = (type: AvroType, value: unknown): boolean => {
  switch (type.kind) {
    case "null":
      return value === null
    case "boolean":
      return typeof value === "boolean"
    case "int":
    case "long":
      return Number.isInteger(value) && Math.abs(value as number) <= integers[type.kind]!
    case "float":
    case "double":
      return typeof value === "number"
    case "string":
      return typeof value === "string"
    case "bytes":
      return isBytes(value)
    case "fixed":
      return isBytes(value) && value.length === type.size
    case "enum":
      return type.symbols.includes(value as string)
    case "array":
      return Array.isArray(value) && value.every((item) => isOf(type.items, item))
    case "map":
      return isObject(value) && Object.values(value).every((each) => isOf(type.values, each))
    case "union":
      return isOf(type.branches[0]!, value)
    case "record":
      return isObject(value) &&
        type.fields.every(({ default: other, name, type }) =>
          Object.hasOwn(value, name) ? isOf(type, value[name]) : other !== undefined
        )
  }
}

const words = (type: AvroType): string =>
  type.kind === "union"
    ? `${words(type.branches[0]!)}, the first type of its union`
    : "name" in type
    ? type.name
    : type.kind

/** Throws for the first default that is no value of its type, with its path. */
export const checkDefaults = (type: AvroType): void => {
  const seen = new Set<AvroType>()
  const check = (type: AvroType, path: string): void => {
    if (seen.has(type)) return
    seen.add(type)
    if (type.kind === "array") return check(type.items, `${path}/items`)
    if (type.kind === "map") return check(type.values, `${path}/values`)
    if (type.kind === "union") return type.branches.forEach((branch, i) => check(branch, `${path}/${i}`))
    if (type.kind !== "record") return
    for (const { default: standard, name, type: of } of type.fields) {
      const at = `${path}/fields/${name}`
      if (standard !== undefined && !isOf(of, standard)) {
        throw new AvroSchemaError(`${at}: its default ${JSON.stringify(standard)} is no ${words(of)}`)
      }
      check(of, at)
    }
  }
  check(type, "")
}

type Attributes = { readonly [attribute: string]: unknown }

const named = (given: RecordType | EnumType): Attributes => given.aliases.length === 0 ? {} : { aliases: given.aliases }

/**
 * A schema with the defaults and aliases of another one that has the same layout: the text that is given says how older
 * records are read.
 */
export const withDefaultsOf = (json: AvroJson, given: AvroType): AvroJson => {
  // Named before: it is the same there.
  if (typeof json === "string") return json
  if (Array.isArray(json)) {
    return given.kind === "union" ? json.map((branch, i) => withDefaultsOf(branch, given.branches[i]!)) : json
  }
  const attributes = json as Attributes
  switch (given.kind) {
    case "array":
      return { ...attributes, items: withDefaultsOf(attributes["items"] as AvroJson, given.items) }
    case "map":
      return { ...attributes, values: withDefaultsOf(attributes["values"] as AvroJson, given.values) }
    case "enum":
      return { ...attributes, ...named(given), ...given.default !== undefined && { default: given.default } }
    case "record":
      return {
        ...attributes,
        ...named(given),
        fields: (attributes["fields"] as ReadonlyArray<Attributes>).map((field, i) => {
          const { aliases, default: standard, type } = given.fields[i]!
          return {
            ...field,
            type: withDefaultsOf(field["type"] as AvroJson, type),
            ...aliases.length > 0 && { aliases },
            ...standard !== undefined && { default: standard }
          }
        })
      }
    default:
      return json
  }
}

/** What of a writer's schema says how bytes are read: some have defaults that are none, which harm nobody. */
export const withoutDefaults = (json: AvroJson): AvroJson => {
  if (Array.isArray(json)) return json.map(withoutDefaults)
  if (typeof json !== "object" || json === null) return json
  const { aliases: _, default: __, ...attributes } = json as Attributes
  const { fields, items, type, values } = attributes
  return {
    ...attributes,
    ...typeof type === "object" && { type: withoutDefaults(type as AvroJson) },
    ...items !== undefined && { items: withoutDefaults(items as AvroJson) },
    ...values !== undefined && { values: withoutDefaults(values as AvroJson) },
    ...Array.isArray(fields) && { fields: fields.map((field: AvroJson) => withoutDefaults(field)) }
  }
}
