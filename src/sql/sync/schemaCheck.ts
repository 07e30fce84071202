/** Whether the values of a Schema fit the columns of a table. Pure. */
import type * as SchemaAST from "effect/SchemaAST"
import { BadCell } from "../cells/cell.ts"
import { MissingColumn, type Reason, Unsupported } from "../SyncErrorReason.ts"
import { destinationOf, type Mapping, renamed } from "./mapping.ts"
import { fieldsOfClass, idOf, sampleOf, unknown } from "./schemaSamples.ts"

type AST = SchemaAST.AST

/** A column, or a field for which there is none, and what is wrong. */
interface Mismatch {
  readonly column: string
  readonly field: string | undefined
  readonly problem: string | undefined
}

/** What rows are made of, one of each kind of row; `undefined` where the Schema does not say their fields. */
const rowsOf = (ast: AST): ReadonlyArray<SchemaAST.Objects> | undefined => {
  switch (ast._tag) {
    case "Objects":
      return ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0 ? undefined : [ast]
    case "Declaration": {
      const fields = fieldsOfClass(ast)
      return fields === undefined ? undefined : rowsOf(fields)
    }
    case "Suspend":
      return rowsOf(ast.thunk())
    case "Union": {
      // Tombstones have no fields.
      const rows = ast.types.filter(({ _tag }) => _tag !== "Null").map(rowsOf)
      return rows.length === 0 || rows.includes(undefined) ? undefined : rows.flatMap((one) => one!)
    }
    default:
      return undefined
  }
}

/** The types that a value may have; one that may be missing in an `Option` may be null. */
const partsOf = (ast: AST): ReadonlyArray<AST | "Null"> => {
  if (ast._tag === "Union") return ast.types.flatMap(partsOf)
  if (ast._tag === "Suspend") return partsOf(ast.thunk())
  if (ast._tag === "Null") return ["Null"]
  return ast._tag === "Declaration" && idOf(ast) === "effect/schema/Option"
    ? ["Null", ...ast.typeParameters.flatMap(partsOf)]
    : [ast]
}

const isText = ({ _tag }: AST): boolean => _tag === "String" || _tag === "TemplateLiteral"

const isNothing = (part: AST | "Null"): boolean =>
  part === "Null" || part._tag === "Undefined" || part._tag === "Void" || part._tag === "Never"

/** What a column has against values of this type. */
const refusalOf = (mapping: Mapping, column: number, ast: AST): string | undefined => {
  // A text fits most columns in some form. That of an array is PostgreSQL's own, and a boolean has few.
  const { kind, type } = mapping.target.columns[column]!
  if (isText(ast) && kind === "boolean") return `not every text is a ${type}`
  const sample = isText(ast) ? kind === "array" ? "{}" : unknown : sampleOf(ast)
  if (sample === unknown) return undefined
  const cell = mapping.converts[column]!(sample)
  return cell instanceof BadCell ? cell.problem : undefined
}

const problemOf = (mapping: Mapping, place: number, type: AST): string | undefined => {
  const column = mapping.target.columns[place]!
  const parts = partsOf(type)
  for (const part of parts) {
    if (isNothing(part)) continue
    const refusal = refusalOf(mapping, place, part as AST)
    if (refusal !== undefined) return `the Schema has values that do not fit ${column.type}: ${refusal}`
  }
  if (column.isNullable) return undefined
  if (parts.includes("Null")) return "the Schema admits null, and the column does not"
  if (column.hasDefault) return undefined
  if (parts.every(isNothing)) return "the Schema has no value for it, and the column needs one"
  return type.context?.isOptional === true || parts.some(isNothing)
    ? "the Schema may leave it out, and the column needs a value"
    : undefined
}

const lacks = "the Schema has no field for it; add one"

const mismatchIn = (
  { indexSignatures, propertySignatures }: SchemaAST.Objects,
  mapping: Mapping,
  hasKey: boolean
): Mismatch | undefined => {
  const { keyFields, settings, target } = mapping
  const valued = new Set<number>()
  for (const { name: field, type } of propertySignatures) {
    const name = String(field)
    const destination = destinationOf(mapping, name)
    if (destination === "ignored") continue
    if (destination === "unknown") {
      if (settings.unknownFields === "ignore") continue
      return { column: renamed(settings.rename, name), field: name, problem: undefined }
    }
    const problem = problemOf(mapping, destination, type)
    if (problem !== undefined) return { column: target.columns[destination]!.name, field: name, problem }
    valued.add(destination)
  }
  // Other fields may come with any name.
  if (indexSignatures.length > 0) return undefined
  const from = settings.version?.from
  if (typeof from === "object" && !propertySignatures.some(({ name }) => name === from.field)) {
    const problem = `its version comes from the field "${from.field}", and ${lacks}`
    return { column: settings.version!.column, field: from.field, problem }
  }
  const missing = hasKey ? -1 : target.key.findIndex((place) => !valued.has(place))
  if (missing !== -1) {
    const problem = `it is part of the key, and neither the topic's keys nor the Schema have the field "${
      keyFields[missing]
    }"; add it`
    return { column: target.columns[target.key[missing]!]!.name, field: undefined, problem }
  }
  for (const place of target.key) valued.add(place)
  if (target.softDelete !== undefined) valued.add(target.softDelete)
  if (target.guard !== undefined) valued.add(target.guard.column)
  const lacking = target.columns.find(({ hasDefault, isNullable }, place) =>
    !isNullable && !hasDefault && !valued.has(place)
  )
  if (lacking === undefined) return undefined
  const problem = `it needs a value, and ${lacks}, or give the column a default`
  return { column: lacking.name, field: undefined, problem }
}

const noFields = {
  column: "*",
  field: undefined,
  problem: "the Schema of the rows says no fields; give one of an object as `model`, or use ModelSync.make"
}

/**
 * Why rows of this Schema cannot be stored: the first field without a column, column without a value, or type that does
 * not fit. `hasKey`: whether records have keys, which may say the fields of the key.
 */
export const mismatchOf = (ast: AST, mappings: ReadonlyArray<Mapping>, hasKey: boolean): Reason | undefined => {
  const rows = rowsOf(ast)
  for (const mapping of mappings) {
    const mismatches = rows?.map((row) => mismatchIn(row, mapping, hasKey)) ?? [noFields]
    const found = mismatches.find((mismatch) => mismatch !== undefined)
    if (found === undefined) continue
    const { column, field, problem } = found
    const table = mapping.target.name
    return problem === undefined
      ? new MissingColumn({ table, column, field })
      : new Unsupported({ table, column, problem })
  }
  return undefined
}
