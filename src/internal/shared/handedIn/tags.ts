/** The tags of a union's members. Pure. */
import * as Schema from "effect/Schema"

type Ast = Schema.Top["ast"]

const literals = (ast: Ast): ReadonlyArray<string> | undefined => {
  if (ast._tag === "Literal") return typeof ast.literal === "string" ? [ast.literal] : undefined
  return ast._tag === "Union" ? joined(ast.types, literals) : undefined
}

const joined = (
  types: ReadonlyArray<Ast>,
  each: (ast: Ast) => ReadonlyArray<string> | undefined
): ReadonlyArray<string> | undefined => {
  const all = types.map(each)
  return all.includes(undefined) ? undefined : all.flatMap((tags) => tags ?? [])
}

const tagsIn = (ast: Ast): ReadonlyArray<string> | undefined => {
  switch (ast._tag) {
    // Tombstones have no tag.
    case "Null":
      return []
    case "Union":
      return joined(ast.types, tagsIn)
    case "Objects": {
      const tag = ast.propertySignatures.find(({ name }) => name === "_tag")
      return tag === undefined ? undefined : literals(tag.type)
    }
    case "Declaration": {
      // A class is declared over the struct of its fields. An `Option` is, too, over what is inside; it has a name.
      const [fields] = ast.typeParameters
      const isClass = ast.typeParameters.length === 1 && ast.annotations?.["representation"] === undefined
      return isClass && fields?._tag === "Objects" ? tagsIn(fields) : undefined
    }
    default:
      return undefined
  }
}

/** The tags that values of a Schema can have, or `undefined` if it does not say that. */
export const tagsOf = (schema: Schema.Top): ReadonlyArray<string> | undefined => tagsIn(Schema.toType(schema).ast)
