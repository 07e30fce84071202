/** Effect Schemas to Avro types: by the encoded side, with names from identifiers and annotations. Pure. */
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { AvroJson, Shape } from "../shape.ts"
import { NoAvroType, plain, without } from "../shape.ts"
import { fieldAnnotation, tagOf, unwrap } from "./annotations.ts"
import * as Containers from "./containers.ts"
import { guardOf } from "./guards.ts"
import { membersOf } from "./members.ts"
import { again, conversions, fieldJson, isNullable } from "./records.ts"
import type { Field, Known } from "./records.ts"
import * as Scalars from "./scalars.ts"
import { TypeNames, validName } from "./typeNames.ts"
import type { Said } from "./typeNames.ts"
import { nullOr, union } from "./unions.ts"

type AST = SchemaAST.AST
type Path = ReadonlyArray<string>

class Derivation {
  /** By their fields: a copy of a Schema, as an optional one is, has the same. */
  private readonly known = new Map<SchemaAST.Objects["propertySignatures"], Known>()
  private readonly names: TypeNames

  constructor(namespace: string | undefined) {
    this.names = new TypeNames(namespace)
  }

  /** `isOptional`: undefined is nothing then. */
  shape(node: AST, path: Path, fallback: string | undefined, isOptional = false): Shape {
    const { ast, said } = unwrap(node, path)
    const name = () => this.names.of(said, path, fallback)
    switch (ast._tag) {
      case "Null":
        return plain("null")
      case "Boolean":
        return plain("boolean")
      case "Number":
        return Scalars.number(ast, said.avro, path)
      case "BigInt":
        return Scalars.bigInteger(said.avro)
      case "String":
        return Scalars.string(ast, said.avro)
      case "TemplateLiteral":
        return plain("string")
      case "Literal":
        return this.enumeration([ast.literal], ast, said, name, path)
      case "Enum":
        return this.enumeration(ast.enums.map(([, value]) => value), ast, said, name, path)
      case "Arrays":
        return this.array(ast, path, fallback)
      case "Objects":
        return ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0
          ? this.map(ast, path, fallback)
          : this.record(ast, said, path, () => this.names.of(said, path, tagOf(ast) ?? fallback))
      case "Union":
        return this.union(ast, said, path, fallback, isOptional)
      case "Suspend":
        return this.shape(ast.thunk(), path, fallback)
      case "Declaration":
        return this.declared(ast, said, path, fallback)
      case "Undefined":
        throw new NoAvroType(path, "undefined has no Avro type; a field that may be missing is Schema.optional")
      default:
        throw new NoAvroType(path, `${ast._tag} has no Avro type`)
    }
  }

  private enumeration(
    values: ReadonlyArray<unknown>,
    ast: AST,
    { avro, description }: Said,
    nameOf: () => string,
    path: Path
  ): Shape {
    const shape = Scalars.literals(values, path)
    if (typeof shape.json !== "object" || !("symbols" in shape.json)) return shape
    const { aliases, default: other, doc = description } = avro
    return plain(this.names.once(nameOf(), ast, avro, path, without({ ...shape.json, doc, aliases, default: other })))
  }

  /** Bytes, or a fixed, which is written once, and by its name after that. */
  private bytes(ast: AST, { avro, description }: Said, path: Path, fallback: string | undefined): AvroJson {
    if (avro.size === undefined) return "bytes"
    const { aliases, doc = description, size } = avro
    // Not the identifier that the class itself has, such as BigDecimal.
    const name = this.names.of({ avro, identifier: undefined, description }, path, fallback)
    return this.names.once(name, ast, avro, path, without({ type: "fixed", doc, aliases, size }))
  }

  private array(ast: SchemaAST.Arrays, path: Path, fallback: string | undefined): Shape {
    const [item] = ast.rest
    if (ast.elements.length > 0 || item === undefined || ast.rest.length > 1) {
      throw new NoAvroType(path, "a tuple has no Avro type; use a Struct, or an Array of one Schema")
    }
    return Containers.array(this.shape(item, [...path, "[]"], fallback && `${fallback}_item`))
  }

  private map(ast: SchemaAST.Objects, path: Path, fallback: string | undefined): Shape {
    const [signature] = ast.indexSignatures
    if (ast.indexSignatures.length > 1) throw new NoAvroType(path, "a map has one kind of keys and values")
    return Containers.map(this.shape(signature!.type, [...path, "{}"], fallback && `${fallback}_value`))
  }

  private record(ast: SchemaAST.Objects, said: Said, path: Path, nameOf: () => string): Shape {
    const known = this.known.get(ast.propertySignatures)
    if (known !== undefined) return again(known)
    if (ast.indexSignatures.length > 0) {
      throw new NoAvroType(path, "a struct with further keys has no Avro type; keep them in a Record field")
    }
    const name = nameOf()
    const entry: Known = { name, shape: undefined }
    this.known.set(ast.propertySignatures, entry)
    const claimed = this.names.claim(name, ast, path, said.avro)
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

  private field({ name, type }: SchemaAST.PropertySignature, path: Path, record: string): Field {
    // JavaScript takes a value of this name for what the record inherits from.
    if (typeof name !== "string" || !validName.test(name) || name === "__proto__") {
      throw new NoAvroType([...path, String(name)], "Avro's names of fields are letters, digits and underscores")
    }
    const at = [...path, name]
    const { ast, said } = unwrap(type, at)
    const isOptional = SchemaAST.isOptional(ast)
    const shape = this.shape(type, at, `${record}_${name.replace(/^_+/, "")}`, isOptional)
    return {
      name,
      json: fieldJson(
        name,
        shape,
        { isOptional, keepsOrder: said.avro.keepsOrder === true },
        fieldAnnotation(ast, said, shape.json)
      ),
      isOptional,
      admitsNull: isNullable(shape.json),
      shape
    }
  }

  private union(
    ast: SchemaAST.Union,
    said: Said,
    path: Path,
    fallback: string | undefined,
    isOptional: boolean
  ): Shape {
    const { hasNull, inOrder, literals } = membersOf(ast, isOptional, said.avro.keepsOrder === true)
    if (literals !== undefined) {
      const shape = this.enumeration(literals, ast, said, () => this.names.of(said, path, fallback), path)
      return hasNull ? nullOr(shape) : shape
    }
    if (inOrder.length === 1) return this.shape(inOrder[0]!, path, fallback)
    const others = hasNull ? inOrder.length - 1 : inOrder.length
    return union(inOrder.map((member, i) => ({
      shape: this.shape(member, path, fallback && (others > 1 ? `${fallback}_${i}` : fallback)),
      is: guardOf(member)
    })))
  }

  private declared(ast: SchemaAST.Declaration, said: Said, path: Path, fallback: string | undefined): Shape {
    const id = (ast.annotations as { readonly representation?: { readonly id: string } } | undefined)?.representation
      ?.id
    if (id === "effect/schema/Option") {
      return Containers.option(this.shape(ast.typeParameters[0]!, path, fallback), path)
    }
    const shape = Scalars.declared(id, said.avro, path, () => this.bytes(ast, said, path, fallback))
    if (shape !== undefined) return shape
    throw new NoAvroType(
      path,
      `${
        id?.slice(id.lastIndexOf("/") + 1) ?? "this class"
      } has no Avro type; encode it to one that has, such as a text`
    )
  }
}

/** The Avro type of a Schema's encoded side. Throws {@link NoAvroType} with the path of what has none. */
export const derive = (
  schema: Schema.Top,
  options: { readonly name?: string | undefined; readonly namespace?: string | undefined } = {}
): Shape => new Derivation(options.namespace).shape(schema.ast, [], options.name)
