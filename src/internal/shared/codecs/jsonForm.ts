/** Whether all of a Schema has a JSON form: a class without one would be any JSON to a JSON Schema. Pure. */
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

type AST = SchemaAST.AST
type Path = ReadonlyArray<string>

/** What a class says of its JSON form, as `Schema.toCodecJson` asks it. */
interface Said {
  readonly toCodecJson?: unknown
  readonly toCodec?: unknown
}

type LinkOf = (typeParameters: ReadonlyArray<Schema.Top>) => { readonly to: AST } | undefined

class Walk {
  private readonly seen = new Set<AST>()

  check(ast: AST, path: Path): void {
    if (this.seen.has(ast)) return
    this.seen.add(ast)
    if (ast.encoding !== undefined) return this.check(ast.encoding.at(-1)!.to, path)
    if (SchemaAST.isDeclaration(ast)) return this.declared(ast, path)
    if (SchemaAST.isSuspend(ast)) return this.check(ast.thunk(), path)
    if (SchemaAST.isUnion(ast)) return ast.types.forEach((type) => this.check(type, path))
    if (SchemaAST.isArrays(ast)) {
      return [...ast.elements, ...ast.rest].forEach((item) => this.check(item, [...path, "[]"]))
    }
    if (!SchemaAST.isObjects(ast)) return
    for (const { name, type } of ast.propertySignatures) this.check(type, [...path, String(name)])
    for (const { type } of ast.indexSignatures) this.check(type, [...path, "{}"])
  }

  private declared(ast: SchemaAST.Declaration, path: Path): void {
    const { toCodec, toCodecJson = toCodec } = (ast.annotations ?? {}) as Said
    if (typeof toCodecJson !== "function") {
      const where = path.length === 0 ? "the Schema" : path.join(".")
      const name = SchemaAST.resolveIdentifier(ast) ?? "a class that is declared"
      throw new Error(
        `${where}: ${name} has no JSON form: annotate it with toCodecJson, or encode it to something that has one`
      )
    }
    const link = (toCodecJson as LinkOf)(ast.typeParameters.map((each) => Schema.make(SchemaAST.toEncoded(each))))
    for (const each of ast.typeParameters) this.check(each, path)
    if (link !== undefined) this.check(link.to, path)
  }
}

/** A Schema over its JSON form. Throws where a part has none, with its path. */
export const withJsonForm = <S extends Schema.Top>(schema: S): Schema.toCodecJson<S> => {
  new Walk().check(schema.ast, [])
  return Schema.toCodecJson(schema)
}
