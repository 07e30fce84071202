/** A value of a Schema, to ask a column whether it takes such values. Pure. */
import * as BigDecimal from "effect/BigDecimal"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as SchemaAST from "effect/SchemaAST"

type AST = SchemaAST.AST

/** Stands for a value of which nothing is known. */
export const unknown: unique symbol = Symbol("unknown")

const declared: { readonly [id: string]: unknown } = {
  "effect/schema/BigDecimal": BigDecimal.make(0n, 0),
  "effect/schema/Date": new Date(0),
  "effect/schema/DateTimeUtc": DateTime.makeUnsafe(0),
  "effect/schema/DateTimeZoned": DateTime.makeZonedUnsafe(0, { timeZone: "UTC" }),
  "effect/schema/Duration": Duration.zero,
  "effect/schema/Option": Option.none(),
  "effect/schema/ReadonlyMap": new Map(),
  "effect/schema/ReadonlySet": new Set(),
  "effect/schema/Redacted": Redacted.make(""),
  "effect/schema/URL": new URL("https://example.com"),
  "effect/schema/Uint8Array": new Uint8Array()
}

/** What Effect calls a type that it declares; a class has no name. */
export const idOf = ({ annotations }: SchemaAST.Declaration): string | undefined =>
  (annotations as { readonly representation?: { readonly id: string } } | undefined)?.representation?.id

/** The fields of a class, which is declared over their struct. */
export const fieldsOfClass = (ast: SchemaAST.Declaration): SchemaAST.Objects | undefined => {
  const [fields] = ast.typeParameters
  return idOf(ast) === undefined && ast.typeParameters.length === 1 && fields?._tag === "Objects" ? fields : undefined
}

/** Texts of arrays have forms that only their column knows; those of objects count as texts. */
const ofItem = (ast: AST): unknown => ast._tag === "String" || ast._tag === "TemplateLiteral" ? unknown : sampleOf(ast)

const isKnown = (value: unknown): boolean => value !== unknown

export const sampleOf = (ast: AST): unknown => {
  switch (ast._tag) {
    case "Null":
      return null
    case "Undefined":
    case "Void":
      return undefined
    case "String":
    case "TemplateLiteral":
      return ""
    case "Number":
      return 0
    case "BigInt":
      return 0n
    case "Boolean":
      return true
    case "Symbol":
    case "UniqueSymbol":
      return Symbol()
    case "Literal":
      return ast.literal
    case "Enum":
      return ast.enums[0]?.[1] ?? unknown
    case "Arrays":
      return [...ast.elements, ...ast.rest].map(ofItem).filter(isKnown)
    case "Objects": {
      const fields = ast.propertySignatures.map(({ name, type }) => [String(name), sampleOf(type)] as const)
      return Object.fromEntries(fields.filter(([, value]) => isKnown(value)))
    }
    case "Union":
      return ast.types[0] === undefined ? unknown : sampleOf(ast.types[0])
    case "Declaration": {
      const fields = fieldsOfClass(ast)
      if (fields !== undefined) return sampleOf(fields)
      const id = idOf(ast) ?? ""
      return Object.hasOwn(declared, id) ? declared[id] : unknown
    }
    default:
      return unknown
  }
}
