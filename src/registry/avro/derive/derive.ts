/** Effect Schemas to Avro types: by the encoded side, with names from identifiers and annotations. Pure. */
import * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Annotation, AvroJson, Shape } from "../shape.ts"
import { NoAvroType, plain } from "../shape.ts"
import { guardOf } from "./guards.ts"
import { conversions, isNullable, ordered } from "./records.ts"
import type { Field } from "./records.ts"
import * as Scalars from "./scalars.ts"
import { TypeNames, validName } from "./typeNames.ts"
import type { Said } from "./typeNames.ts"
import { union } from "./unions.ts"

type AST = SchemaAST.AST
type Path = ReadonlyArray<string>

/** A record that is known: it is written once, and by its name after that. */
interface Known {
  readonly name: string
  shape: Shape | undefined
}

const annotationOf = (ast: AST): Annotation => SchemaAST.resolve(ast)?.["avro"] as Annotation | undefined ?? {}

/** The encoded side of a node, and what was said on the way to it. */
const unwrap = (ast: AST): { readonly ast: AST; readonly said: Said } => {
  let avro = annotationOf(ast)
  let identifier = SchemaAST.resolveIdentifier(ast)
  let description = SchemaAST.resolveDescription(ast)
  let encoded = ast
  while (encoded.encoding !== undefined) {
    encoded = encoded.encoding[encoded.encoding.length - 1]!.to
    avro = { ...annotationOf(encoded), ...avro }
    identifier ??= SchemaAST.resolveIdentifier(encoded)
    description ??= SchemaAST.resolveDescription(encoded)
  }
  return { ast: encoded, said: { avro, identifier, description } }
}

const without = <A extends object>(object: A): A =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as A

class Derivation {
  private readonly known = new Map<AST, Known>()
  private readonly enums = new Map<AST, string>()
  private readonly names: TypeNames

  constructor(namespace: string | undefined) {
    this.names = new TypeNames(namespace)
  }

  shape(node: AST, path: Path, fallback: string | undefined): Shape {
    const { ast, said } = unwrap(node)
    const name = () => this.names.of(said, path, fallback)
    switch (ast._tag) {
      case "Null":
        return plain("null")
      case "Boolean":
        return plain("boolean")
      case "Number":
        return said.avro.type === undefined ? Scalars.number(ast) : plain(said.avro.type)
      case "BigInt":
        return Scalars.bigInteger
      case "String":
        return Scalars.string(ast)
      case "TemplateLiteral":
        return plain("string")
      case "Literal":
        return this.enumeration([ast.literal], ast, name, path)
      case "Enum":
        return this.enumeration(ast.enums.map(([, value]) => value), ast, name, path)
      case "Arrays":
        return this.array(ast, path, fallback)
      case "Objects":
        return ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0
          ? this.map(ast, path, fallback)
          : this.record(ast, said, path, () => this.names.of(said, path, tagOf(ast) ?? fallback))
      case "Union":
        return this.union(ast, said, path, fallback)
      case "Suspend":
        return this.shape(ast.thunk(), path, fallback)
      case "Declaration":
        return this.declared(ast, said, path, fallback)
      default:
        throw new NoAvroType(path, `${ast._tag} has no Avro type`)
    }
  }

  /** An enum is written once, and by its name after that. */
  private enumeration(values: ReadonlyArray<unknown>, ast: AST, nameOf: () => string, path: Path): Shape {
    const known = this.enums.get(ast)
    if (known !== undefined) return plain(known)
    return Scalars.literals(values, () => {
      const name = nameOf()
      this.enums.set(ast, name)
      return this.names.claim(name, ast, path)
    }, path)
  }

  private array(ast: SchemaAST.Arrays, path: Path, fallback: string | undefined): Shape {
    const [item] = ast.rest
    if (ast.elements.length > 0 || item === undefined || ast.rest.length > 1) {
      throw new NoAvroType(path, "a tuple has no Avro type; use a Struct, or an Array of one Schema")
    }
    const { fromAvro, json, toAvro } = this.shape(item, [...path, "[]"], fallback && `${fallback}_item`)
    const each = (convert: Shape["toAvro"]): Shape["toAvro"] =>
      convert &&
      ((values: ReadonlyArray<unknown>) => values.map((value) => (convert as (value: unknown) => unknown)(value)))
    return { json: { type: "array", items: json }, toAvro: each(toAvro), fromAvro: each(fromAvro) }
  }

  private map(ast: SchemaAST.Objects, path: Path, fallback: string | undefined): Shape {
    const [signature] = ast.indexSignatures
    if (ast.indexSignatures.length > 1) throw new NoAvroType(path, "a map has one kind of keys and values")
    const { fromAvro, json, toAvro } = this.shape(signature!.type, [...path, "{}"], fallback && `${fallback}_value`)
    const each = (convert: Shape["toAvro"]): Shape["toAvro"] =>
      convert && ((map: Readonly<Record<string, unknown>>) =>
        Object.fromEntries(
          Object.entries(map).map(([key, value]) => [key, (convert as (value: unknown) => unknown)(value)])
        ))
    return { json: { type: "map", values: json }, toAvro: each(toAvro), fromAvro: each(fromAvro) }
  }

  private record(ast: SchemaAST.Objects, said: Said, path: Path, nameOf: () => string): Shape {
    const known = this.known.get(ast)
    if (known !== undefined) return this.again(known)
    if (ast.indexSignatures.length > 0) {
      throw new NoAvroType(path, "a struct with further keys has no Avro type; keep them in a Record field")
    }
    const name = nameOf()
    const entry: Known = { name, shape: undefined }
    this.known.set(ast, entry)
    const claimed = this.names.claim(name, ast, path)
    const fields = ast.propertySignatures.map((property) => this.field(property, path, claimed.name))
    const json: AvroJson = without({
      type: "record",
      ...claimed,
      doc: said.avro.doc ?? said.description,
      aliases: said.avro.aliases,
      fields: fields.map(({ json }) => json)
    })
    entry.shape = { json, ...conversions(fields) }
    return entry.shape
  }

  /** A record that was written before, or is being written: its name, and its conversions when they are known. */
  private again(known: Known): Shape {
    const convert = (side: "toAvro" | "fromAvro") => (value: unknown) => {
      const change = known.shape![side]
      return change === undefined ? value : (change as (value: unknown) => unknown)(value)
    }
    return { json: known.name, toAvro: convert("toAvro"), fromAvro: convert("fromAvro") }
  }

  private field({ name, type }: SchemaAST.PropertySignature, path: Path, record: string): Field {
    if (typeof name !== "string" || !validName.test(name)) {
      throw new NoAvroType([...path, String(name)], "Avro's names of fields are letters, digits and underscores")
    }
    const at = [...path, name]
    const { ast, said } = unwrap(type)
    const isOptional = SchemaAST.isOptional(ast)
    const shape = this.shape(type, at, `${record}_${name.replace(/^_+/, "")}`)
    const { doc = said.description, aliases, default: other } = said.avro
    const nullable = isOptional && !isNullable(shape.json)
    const json = nullable ? ["null", ...(Array.isArray(shape.json) ? shape.json : [shape.json])] : shape.json
    const standard = other !== undefined ? other : isNullable(json) ? null : undefined
    return {
      name,
      json: without({ name, type: ordered(json, standard), doc, aliases, default: standard }),
      isOptional,
      admitsNull: isNullable(shape.json),
      shape
    }
  }

  private union(ast: SchemaAST.Union, said: Said, path: Path, fallback: string | undefined): Shape {
    const members = ast.types.filter(({ _tag }) => _tag !== "Undefined")
    const literals = members.filter((member): member is SchemaAST.Literal =>
      SchemaAST.isLiteral(member) && member.encoding === undefined
    )
    if (literals.length > 1 && members.every((member) => SchemaAST.isLiteral(member) || SchemaAST.isNull(member))) {
      const values = literals.map(({ literal }) => literal)
      const shape = this.enumeration(values, ast, () => this.names.of(said, path, fallback), path)
      return members.length === literals.length ? shape : union([
        { shape: plain("null"), is: (value) => value === null },
        { shape, is: (value) => value !== null }
      ])
    }
    if (members.length === 1) return this.shape(members[0]!, path, fallback)
    const others = members.filter((member) => !SchemaAST.isNull(member)).length
    const nullFirst = members.toSorted((a, b) => Number(SchemaAST.isNull(b)) - Number(SchemaAST.isNull(a)))
    return union(nullFirst.map((member, i) => ({
      shape: this.shape(member, path, fallback && (others > 1 ? `${fallback}_${i}` : fallback)),
      is: guardOf(member)
    })))
  }

  private declared(ast: SchemaAST.Declaration, said: Said, path: Path, fallback: string | undefined): Shape {
    const id = (ast.annotations as { readonly representation?: { readonly id: string } } | undefined)?.representation
      ?.id
    if (id === "effect/schema/Option") return this.option(ast.typeParameters[0]!, path, fallback)
    const shape = Scalars.declared(id, said.avro, path)
    if (shape !== undefined) return shape
    throw new NoAvroType(
      path,
      `${
        id?.slice(id.lastIndexOf("/") + 1) ?? "this class"
      } has no Avro type; encode it to one that has, such as a text`
    )
  }

  private option(ast: AST, path: Path, fallback: string | undefined): Shape {
    const { fromAvro, json, toAvro } = this.shape(ast, path, fallback)
    if (isNullable(json)) {
      throw new NoAvroType(path, "an Option of something nullable cannot be distinguished from its null")
    }
    const call = (convert: Shape["toAvro"], value: unknown) =>
      convert === undefined ? value : (convert as (value: unknown) => unknown)(value)
    return {
      json: ["null", ...(Array.isArray(json) ? json : [json])],
      toAvro: (option: Option.Option<unknown>) => Option.isNone(option) ? null : call(toAvro, option.value),
      fromAvro: (value: unknown) => value === null ? Option.none() : Option.some(call(fromAvro, value))
    }
  }
}

/** The tag of a tagged struct: a better name than that of the field it is in. */
const tagOf = ({ propertySignatures }: SchemaAST.Objects): string | undefined => {
  const type = propertySignatures.find(({ name }) => name === "_tag")?.type
  const literal = type !== undefined && SchemaAST.isLiteral(type) ? type.literal : undefined
  return typeof literal === "string" && validName.test(literal) ? literal : undefined
}

/** The Avro type of a Schema's encoded side. Throws {@link NoAvroType} with the path of what has none. */
export const derive = (
  schema: Schema.Top,
  options: { readonly name?: string | undefined; readonly namespace?: string | undefined } = {}
): Shape => new Derivation(options.namespace).shape(schema.ast, [], options.name)
