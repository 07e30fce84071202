/** Effect Schemas to Protobuf messages: by the encoded side, with field numbers from annotations. Pure. */
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { EnumType, Field, MessageType } from "../protoType.ts"
import type { Absence, Annotation, Branch, EnumShape, MessageShape, Property, Shape } from "../shape.ts"
import { NoProtobufType } from "../shape.ts"
import type { Said } from "./annotations.ts"
import { checkSaid, unwrap } from "./annotations.ts"
import * as Enums from "./enums.ts"
import * as Scalars from "./scalars.ts"
import { capitalized, fieldName, fieldNumber, sameName, TypeNames } from "./typeNames.ts"
import { constantOf, discriminatorOf, inlined, split } from "./unions.ts"

type AST = SchemaAST.AST
type Path = ReadonlyArray<string>

/** A message's shape with the types of its file, each once, the message first. */
export interface Derived {
  readonly shape: MessageShape
  readonly package: string
  readonly types: ReadonlyArray<MessageType | EnumType>
}

/** Something that a field may hold, before it is a field. */
interface Item {
  readonly label: Field["label"]
  readonly key?: Field["key"]
  readonly shape: Shape
}

class Derivation {
  readonly types: Array<MessageType | EnumType> = []
  private readonly known = new Map<unknown, MessageShape>()
  private readonly enums = new Map<unknown, EnumShape>()
  private readonly names: TypeNames

  constructor(packageName: string) {
    this.names = new TypeNames(packageName)
  }

  root(node: AST, name: string | undefined): MessageShape {
    const { ast, said } = unwrap(node)
    const shape = this.shape(ast, said, [], name)
    if (shape.kind === "message" && this.types[0] === shape.type) return shape
    throw new NoProtobufType([], "a record's value is a message in Protobuf: make it a Struct, or a tagged union")
  }

  /** One value: what a list or a map holds, or a field without a label. */
  private shape(ast: AST, said: Said, path: Path, fallback: string | undefined): Shape {
    const { protobuf } = said
    switch (ast._tag) {
      case "Boolean":
        return Scalars.scalar("boolean", "bool", protobuf, path)
      case "Number":
        return Scalars.scalar("number", Scalars.numberType(ast), protobuf, path)
      case "BigInt":
        return Scalars.scalar("bigint", "int64", protobuf, path)
      case "String":
      case "TemplateLiteral":
        return Scalars.scalar("string", "string", protobuf, path)
      case "Literal":
        return this.literals([ast.literal], ast, said, path, fallback)
      case "Enum":
        return this.enumeration(ast, said, path, fallback)
      case "Objects":
        return this.message(ast, said, path, fallback)
      case "Union":
        return this.union(ast, said, path, fallback)
      case "Declaration":
        return Scalars.declared(idOf(ast), protobuf, path)
      case "Arrays":
        throw new NoProtobufType(
          path,
          "a list within a list, a map or a union has no Protobuf type; put it in a Struct"
        )
      default:
        throw new NoProtobufType(path, `${ast._tag} has no Protobuf type`)
    }
  }

  private inner(node: AST, path: Path, fallback: string | undefined): Shape {
    const { ast, said } = unwrap(node)
    checkSaid(said, path)
    return this.shape(ast, said, path, fallback)
  }

  private literals(values: ReadonlyArray<unknown>, owner: unknown, said: Said, path: Path, fallback?: string): Shape {
    const { prefix, values: numbers, ...rest } = said.protobuf
    if (numbers === undefined) return Scalars.literals(values, rest, path)
    return this.enumOnce(owner, said, path, fallback, () => Enums.numbered(values, numbers, path), prefix)
  }

  private enumeration(ast: SchemaAST.Enum, said: Said, path: Path, fallback: string | undefined): Shape {
    const values = ast.enums.map(([, value]) => value)
    if (!values.every(Number.isInteger)) return this.literals(values, ast.enums, said, path, fallback)
    const members = ast.enums.map(([name, value]) => ({ name, value, number: value as number }))
    return this.enumOnce(ast.enums, said, path, fallback, () => members)
  }

  /** Declared once, whatever is said of it where it is used. */
  private enumOnce(
    owner: unknown,
    said: Said,
    path: Path,
    fallback: string | undefined,
    members: () => ReadonlyArray<Enums.Member>,
    prefix?: string
  ): Shape {
    const known = this.enums.get(owner)
    if (known !== undefined) return known
    const shape = Enums.enumShape(this.names.claim(said, owner, path, fallback), members(), path, prefix)
    this.enums.set(owner, shape)
    this.types.push(shape.type)
    return shape
  }

  private message(ast: SchemaAST.Objects, said: Said, path: Path, fallback: string | undefined): MessageShape {
    const owner = ast.propertySignatures
    const known = this.known.get(owner)
    if (known !== undefined) return known
    if (ast.indexSignatures.length > 0) {
      throw new NoProtobufType(
        path,
        owner.length > 0
          ? "a struct with further keys has no Protobuf type; keep them in a Record field"
          : "a map within a list, a map or a union has no Protobuf type; put it in a Struct"
      )
    }
    const shape = this.begin(owner, said, path, fallback)
    for (const property of owner) this.property(property, path, shape)
    this.checkFields(shape.type, path)
    return shape
  }

  private begin(owner: unknown, said: Said, path: Path, fallback: string | undefined): MessageShape {
    const type: MessageType = { kind: "message", name: this.names.claim(said, owner, path, fallback), fields: [] }
    const shape: MessageShape = { kind: "message", type, properties: [], constants: {} }
    this.known.set(owner, shape)
    this.types.push(type)
    return shape
  }

  private add(shape: MessageShape, property: Property): void {
    shape.properties.push(property)
    shape.type.fields.push(
      ...property.kind === "field" ? [property.field] : property.branches.map(({ field }) => field)
    )
  }

  private checkFields({ fields }: MessageType, path: Path): void {
    for (const [i, field] of fields.entries()) {
      const before = fields.slice(0, i)
      if (before.some(({ number }) => number === field.number)) {
        throw new NoProtobufType([...path, field.name], `two fields have the number ${field.number}`)
      }
      if (before.some(({ name }) => sameName(name, field.name))) {
        throw new NoProtobufType([...path, field.name], `two fields have the name "${field.name}"`)
      }
    }
  }

  private property({ name: key, type: node }: SchemaAST.PropertySignature, path: Path, message: MessageShape): void {
    if (typeof key !== "string") throw new NoProtobufType([...path, String(key)], "a symbol is not a field's name")
    const at = [...path, key]
    const { ast, said } = unwrap(node)
    checkSaid(said, at)
    const constant = constantOf(ast)
    if (constant !== undefined && said.protobuf.field === undefined && !SchemaAST.isOptional(ast)) {
      message.constants[key] = constant.value
      return
    }
    const { absence, ast: value, said: own } = this.missing(ast, said, at)
    const fallback = `${message.type.name.slice(message.type.name.lastIndexOf(".") + 1)}${capitalized(key)}`
    const members = discriminatorOf(value)
    if (members !== undefined && own.protobuf.field === undefined) {
      this.add(message, {
        kind: "oneof",
        key,
        discriminator: members.key,
        branches: this.branches(members, fieldName(own.protobuf.name ?? key, at), own.protobuf, at),
        absence: absence ?? "required"
      })
      return
    }
    const item = this.item(value, own, at, fallback)
    if (absence !== undefined && item.label !== "implicit") {
      throw new NoProtobufType(
        at,
        "Protobuf does not tell an empty list or map from none; make it required, or a Struct"
      )
    }
    const isMessage = item.shape.kind === "message"
    const field: Field = {
      name: fieldName(own.protobuf.name ?? key, at),
      number: fieldNumber(own.protobuf.field, at),
      type: item.shape.type,
      label: absence !== undefined && !isMessage ? "optional" : item.label,
      key: item.key
    }
    const standard = isMessage && item.label === "implicit" ? "required" : "default"
    this.add(message, { kind: "field", key, field, shape: item.shape, absence: absence ?? standard })
  }

  /** What stands for a value that is missing, and the Schema of one that is there. */
  private missing(ast: AST, said: Said, path: Path): {
    readonly absence: Absence | undefined
    readonly ast: AST
    readonly said: Said
  } {
    const isOptional = SchemaAST.isOptional(ast)
    const parts = split(ast, said)
    if (parts.undefined && !isOptional) {
      throw new NoProtobufType(path, "undefined has no Protobuf value; a field that may be missing is Schema.optional")
    }
    const ways = [isOptional, parts.null, parts.option].filter((way) => way)
    if (ways.length > 1 || parts.options) {
      throw new NoProtobufType(path, "Protobuf has one way to be missing: choose optionalKey, NullOr or Option")
    }
    const absence = parts.null ? "null" : parts.option ? "none" : ways.length > 0 ? "no key" : undefined
    return { absence, ast: parts.ast, said: parts.said }
  }

  /** What a field holds: a value, a list, or a map. */
  private item(ast: AST, said: Said, path: Path, fallback: string): Item {
    if (SchemaAST.isArrays(ast)) {
      const [item] = ast.rest
      if (ast.elements.length > 0 && ast.rest.length === 0 || item === undefined || ast.rest.length > 1) {
        throw new NoProtobufType(path, "a tuple has no Protobuf type; use a Struct, or an Array of one Schema")
      }
      if (ast.elements.some((element) => unwrap(element).ast !== unwrap(item).ast)) {
        throw new NoProtobufType(path, "a tuple has no Protobuf type; use a Struct, or an Array of one Schema")
      }
      return { label: "repeated", shape: this.inner(item, [...path, "[]"], fallback) }
    }
    if (SchemaAST.isObjects(ast) && ast.propertySignatures.length === 0 && ast.indexSignatures.length > 0) {
      const [signature] = ast.indexSignatures
      if (ast.indexSignatures.length > 1) {
        throw new NoProtobufType(path, "a map has one kind of keys and values")
      }
      return {
        label: "map",
        key: Scalars.mapKey(said.protobuf, path),
        shape: this.inner(signature!.type, [...path, "{}"], fallback)
      }
    }
    return { label: "implicit", shape: this.shape(ast, said, path, fallback) }
  }

  private union(ast: SchemaAST.Union, said: Said, path: Path, fallback: string | undefined): Shape {
    const values = ast.types.map((type) => constantOf(unwrap(type).ast))
    if (values.every((value) => value !== undefined)) {
      return this.literals(values.map(({ value }) => value), ast.types, said, path, fallback)
    }
    const members = discriminatorOf(ast)
    if (members === undefined) {
      throw new NoProtobufType(
        path,
        ast.types.some((type) => SchemaAST.isNull(type) || SchemaAST.isUndefined(type))
          ? "only a field can be missing in Protobuf, and no item of a list, a map or a union"
          : "a union has a Protobuf type if its members are Structs with a tag: Schema.TaggedStruct"
      )
    }
    const known = this.known.get(ast.types)
    if (known !== undefined) return known
    const shape = this.begin(ast.types, said, path, fallback)
    this.add(shape, {
      kind: "oneof",
      key: "value",
      discriminator: members.key,
      branches: this.branches(members, "value", said.protobuf, path),
      absence: "required"
    })
    const whole: MessageShape = {
      ...shape,
      toProto: (value: unknown) => ({ value }),
      fromProto: (message: { readonly value: unknown }) => message.value
    }
    this.checkFields(shape.type, path)
    this.known.set(ast.types, whole)
    return whole
  }

  private branches(
    { key, members }: NonNullable<ReturnType<typeof discriminatorOf>>,
    oneof: string,
    { inline, oneof: numbers }: Annotation,
    path: Path
  ): ReadonlyArray<Branch> {
    return members.map(({ ast, tag }) => {
      const text = String(tag)
      const at = [...path, text]
      const number = numbers !== undefined && Object.hasOwn(numbers, text) ? numbers[text] : undefined
      if (number === undefined) {
        throw new NoProtobufType(at, `it has no field number: .annotate({ protobuf: { oneof: { ${text}: 1 } } })`)
      }
      const field = { number: fieldNumber(number, at), label: "implicit" as const, oneof }
      if (inline !== undefined) {
        const shape = this.inner(inlined(ast, key, inline, at), at, capitalized(text))
        return { tag, inline, shape, field: { ...field, name: fieldName(text, at), type: shape.type } }
      }
      const shape = this.inner(ast, at, capitalized(text)) as MessageShape
      if (!(key in shape.constants)) {
        throw new NoProtobufType(at, `"${key}" tells the members apart: it takes no number`)
      }
      const name = capitalized(text)
      const lower = name.slice(0, 1).toLowerCase() + name.slice(1)
      return { tag, shape, field: { ...field, name: fieldName(lower, at), type: shape.type } }
    })
  }
}

const idOf = (ast: SchemaAST.Declaration): string | undefined =>
  (ast.annotations as { readonly representation?: { readonly id: string } } | undefined)?.representation?.id

/** The message of a Schema's encoded side. Throws {@link NoProtobufType} with the path of what has none. */
export const derive = (
  schema: Schema.Top,
  options: { readonly name?: string | undefined; readonly package?: string | undefined } = {}
): Derived => {
  const derivation = new Derivation(options.package ?? "")
  const shape = derivation.root(schema.ast, options.name)
  return { shape, package: options.package ?? "", types: derivation.types }
}
