/** Whether the values of a Schema fit the columns of a table. Pure. */
import type * as Schema from "effect/Schema"
import type { Table } from "../TableModel.ts"
import type { Kind } from "../TableModel.ts"
import { destinationOf, type Mapping, renamed } from "./mapping.ts"

type Ast = Schema.Top["ast"]

/** A column, or a field for which there is none, and what is wrong. */
export interface Mismatch {
  readonly column: string
  readonly field: string | undefined
  readonly problem: string | undefined
}

interface Field {
  readonly type: Ast
  readonly isOptional: boolean
}

/** The fields of a row; `undefined` where the Schema does not say what they are. */
const fieldsOf = (ast: Ast): ReadonlyMap<string, Field> | undefined => {
  switch (ast._tag) {
    case "Objects":
      return new Map(
        ast.propertySignatures.map(({ name, type }) => [
          String(name),
          { type, isOptional: type.context?.isOptional === true }
        ])
      )
    case "Declaration": {
      // A class is declared over the struct of its fields.
      const [fields] = ast.typeParameters
      return ast.typeParameters.length === 1 && fields?._tag === "Objects" ? fieldsOf(fields) : undefined
    }
    case "Union": {
      // Tombstones have no fields.
      const rows = ast.types.filter(({ _tag }) => _tag !== "Null")
      return rows.length === 1 ? fieldsOf(rows[0]!) : undefined
    }
    default:
      return undefined
  }
}

const numbers: ReadonlyArray<Kind> = ["integer", "bigint", "float", "numeric", "money", "oid"]
const times: ReadonlyArray<Kind> = ["date", "time", "timetz", "timestamp", "timestamptz", "interval"]

/** The kinds of columns that values of a primitive type go into; all of them if it is none of these. */
const fitting: { readonly [tag: string]: ReadonlyArray<Kind> } = {
  Number: [...numbers, ...times, "json", "other"],
  BigInt: [...numbers, ...times, "other"],
  Boolean: ["boolean", "bit", "json", "other"],
  Arrays: ["array", "json", "bytes", "other"],
  Objects: ["json", "hstore", "geometry", "numeric", "other"]
}

/** Texts go into every column but this one. */
const isTextKind = (kind: Kind): boolean => kind !== "boolean"

const words: { readonly [tag: string]: string } = {
  Number: "a number",
  BigInt: "a bigint",
  Boolean: "a boolean",
  Arrays: "an array",
  Objects: "an object",
  String: "a text"
}

const tagOf = (ast: Ast): string => {
  if (ast._tag !== "Literal") return ast._tag
  const kinds: { readonly [type: string]: string } = { string: "String", number: "Number", boolean: "Boolean" }
  return kinds[typeof ast.literal] ?? "BigInt"
}

const isEmpty = ({ _tag }: Ast): boolean => _tag === "Null" || _tag === "Undefined"

const partsOf = (ast: Ast): ReadonlyArray<Ast> => ast._tag === "Union" ? ast.types.flatMap(partsOf) : [ast]

const problemOf = ({ isOptional, type }: Field, column: Table["columns"][number]): string | undefined => {
  const parts = partsOf(type)
  for (const part of parts) {
    const tag = tagOf(part)
    const fits = tag === "String" ? isTextKind(column.kind) : fitting[tag]?.includes(column.kind) ?? true
    if (!fits) return `the Schema has ${words[tag] ?? tag}, and the column is of type ${column.type}`
  }
  if (column.isNullable) return undefined
  if (parts.some(({ _tag }) => _tag === "Null")) return "the Schema admits null, and the column does not"
  return isOptional && !column.hasDefault
    ? "the Schema may leave it out, and the column needs a value"
    : parts.every(isEmpty)
    ? "the Schema has no value for it, and the column needs one"
    : undefined
}

/** The first field without a column, column without a value, or type that does not fit. */
export const mismatchOf = (schema: Schema.Top, mapping: Mapping): Mismatch | undefined => {
  const fields = fieldsOf(schema.ast)
  if (fields === undefined) return undefined
  const { settings, target } = mapping
  const valued = new Set<number>(target.key)
  for (const [name, field] of fields) {
    const destination = destinationOf(mapping, name)
    if (destination === "ignored") continue
    if (destination === "unknown") {
      if (settings.unknownFields === "ignore") continue
      return { column: renamed(settings.rename, name), field: name, problem: undefined }
    }
    const column = target.columns[destination]!
    const problem = problemOf(field, column)
    if (problem !== undefined) return { column: column.name, field: name, problem }
    valued.add(destination)
  }
  if (target.softDelete !== undefined) valued.add(target.softDelete)
  if (target.guard !== undefined) valued.add(target.guard.column)
  const lacking = target.columns.find(({ hasDefault, isNullable }, place) =>
    !isNullable && !hasDefault && !valued.has(place)
  )
  if (lacking === undefined) return undefined
  const problem = "it needs a value, and the Schema has no field for it; add one, or give the column a default"
  return { column: lacking.name, field: undefined, problem }
}
