/** The members of a union, as Avro has them: without unions in it, and null once. Pure. */
import * as SchemaAST from "effect/SchemaAST"

type AST = SchemaAST.AST

/** What a union is made of. */
export interface Members {
  /** The values, where it has nothing else but null: together they are an enum. */
  readonly literals: ReadonlyArray<SchemaAST.LiteralValue> | undefined
  readonly hasNull: boolean
  /** All members; null is the first one, unless the order is kept. */
  readonly inOrder: ReadonlyArray<AST>
}

/** The members of a union, and those of unions in it, which Avro does not have; literals are together an enum. */
const flattened = (types: ReadonlyArray<AST>): ReadonlyArray<AST> => {
  const flat = types.flatMap((type) =>
    SchemaAST.isUnion(type) && type.encoding === undefined && !type.types.every(SchemaAST.isLiteral)
      ? flattened(type.types)
      : [type]
  )
  const firstNull = flat.findIndex(SchemaAST.isNull)
  return flat.filter((type, i) => !SchemaAST.isNull(type) || i === firstNull)
}

/** `isOptional`: undefined is nothing then. */
export const membersOf = ({ types }: SchemaAST.Union, isOptional: boolean, keepsOrder: boolean): Members => {
  const all = flattened(types)
  const members = isOptional ? all.filter((member) => !SchemaAST.isUndefined(member)) : all
  const literals = members.filter((member): member is SchemaAST.Literal =>
    SchemaAST.isLiteral(member) && member.encoding === undefined
  )
  const isEnum = literals.length > 1
    && members.every((member) => SchemaAST.isLiteral(member) || SchemaAST.isNull(member))
  return {
    literals: isEnum ? literals.map(({ literal }) => literal) : undefined,
    hasNull: members.some(SchemaAST.isNull),
    inOrder: keepsOrder
      ? members
      : members.toSorted((a, b) => Number(SchemaAST.isNull(b)) - Number(SchemaAST.isNull(a)))
  }
}
