/** Which branch of a union an encoded value belongs to. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

/** A test of encoded values: cheap where the type of the value or its literal fields decide, else the Schema's own. */
export const guardOf = (ast: SchemaAST.AST): (value: unknown) => boolean => {
  const encoded = SchemaAST.toEncoded(ast)
  switch (encoded._tag) {
    case "Null":
      return (value) => value === null
    case "String":
      return (value) => typeof value === "string"
    case "Boolean":
      return (value) => typeof value === "boolean"
    case "BigInt":
      return (value) => typeof value === "bigint"
    case "Objects": {
      const literals = encoded.propertySignatures.flatMap(({ name, type }) =>
        SchemaAST.isLiteral(type) ? [{ name, literal: type.literal }] : []
      )
      if (literals.length > 0) {
        return (value) =>
          typeof value === "object" && value !== null
          && literals.every(({ literal, name }) => (value as Record<PropertyKey, unknown>)[name] === literal)
      }
    }
  }
  return Schema.is(Schema.make<Schema.Codec<unknown>>(encoded))
}
