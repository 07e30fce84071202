/** What a union is made of: a value that may be missing, or Structs that a tag tells apart. Pure. */
import * as SchemaAST from "effect/SchemaAST"
import { NoProtobufType } from "../shape.ts"
import type { Said } from "./annotations.ts"
import { unwrap } from "./annotations.ts"

type AST = SchemaAST.AST

/** The value of a Schema that has only one. */
export const constantOf = (ast: AST): { readonly value: unknown } | undefined =>
  SchemaAST.isLiteral(ast) ? { value: ast.literal } : undefined

const isOption = (ast: AST): ast is SchemaAST.Declaration =>
  SchemaAST.isDeclaration(ast)
  && (ast.annotations as { readonly representation?: { readonly id: string } } | undefined)?.representation?.id
    === "effect/schema/Option"

const merged = (outer: Said, inner: Said): Said => ({
  protobuf: { ...inner.protobuf, ...outer.protobuf },
  identifier: inner.identifier ?? outer.identifier
})

/** Takes a value apart from what may stand for its absence; what its parts say counts, too. */
export const split = (ast: AST, said: Said): {
  readonly ast: AST
  readonly said: Said
  readonly null: boolean
  readonly undefined: boolean
  readonly option: boolean
  /** An Option in an Option. */
  readonly options: boolean
} => {
  if (isOption(ast)) {
    const value = unwrap(ast.typeParameters[0]!)
    const inner = split(value.ast, value.said)
    return { ...inner, said: merged(said, inner.said), option: true, options: inner.option }
  }
  const none = { ast, said, null: false, undefined: false, option: false, options: false }
  if (!SchemaAST.isUnion(ast)) return none
  const rest = ast.types.filter((type) => !SchemaAST.isNull(type) && !SchemaAST.isUndefined(type))
  if (rest.length === ast.types.length || rest.length === 0) return none
  const parts = { null: ast.types.some(SchemaAST.isNull), undefined: ast.types.some(SchemaAST.isUndefined) }
  if (rest.length > 1) return { ...none, ...parts, ast: new SchemaAST.Union(rest, ast.options) }
  const value = unwrap(rest[0]!)
  const inner = split(value.ast, value.said)
  return {
    ast: inner.ast,
    said: merged(said, inner.said),
    null: parts.null || inner.null,
    undefined: parts.undefined || inner.undefined,
    option: inner.option,
    options: inner.options
  }
}

/** The members of a union of Structs, with the property whose literals tell them apart. */
export const discriminatorOf = (ast: AST): {
  readonly key: string
  readonly members: ReadonlyArray<{ readonly ast: AST; readonly tag: unknown }>
} | undefined => {
  if (!SchemaAST.isUnion(ast) || ast.types.length === 0) return undefined
  const structs = ast.types.map((type) => {
    const encoded = unwrap(type).ast
    return SchemaAST.isObjects(encoded) ? encoded : undefined
  })
  if (!structs.every((struct) => struct !== undefined)) return undefined
  const keys = structs[0]!.propertySignatures.map(({ name }) => name).filter((name) => typeof name === "string")
  for (const key of [...keys].sort((a, b) => Number(b === "_tag") - Number(a === "_tag"))) {
    const tags = structs.map((struct) => {
      const type = struct.propertySignatures.find(({ name }) => name === key)?.type
      return type === undefined ? undefined : constantOf(unwrap(type).ast)?.value
    })
    if (tags.every((tag) => tag !== undefined) && new Set(tags).size === tags.length) {
      return { key, members: ast.types.map((type, i) => ({ ast: type, tag: tags[i] })) }
    }
  }
  return undefined
}

/** The Schema of the property that a member of a union is made of, beside its tag. */
export const inlined = (member: AST, tag: string, inline: string, path: ReadonlyArray<string>): AST => {
  const { propertySignatures } = unwrap(member).ast as SchemaAST.Objects
  const property = propertySignatures.find(({ name }) => name === inline)
  if (property !== undefined && propertySignatures.length === 2 && !SchemaAST.isOptional(property.type)) {
    return property.type
  }
  throw new NoProtobufType(path, `a member with an inline property has "${tag}" and "${inline}", which must be there`)
}
