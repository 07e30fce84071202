/** The Protobuf library, of which only the parser is used: it reads `.proto` texts, and generates no code. */
import * as Effect from "effect/Effect"
import type * as Protobuf from "protobufjs"
import { textOf } from "./descriptor.ts"
import type { Declared, EnumType, Field, MessageType, ProtoFile, ProtoType, Scalar } from "./protoType.ts"

/**
 * Reads a schema, a text or a descriptor in Base64; `references` are those that it needs. Throws where it is none, with
 * the line.
 */
export type ParseProto = (text: string, references: ReadonlyArray<{ readonly text: string }>) => ProtoFile

const load = Effect.promise(() => import("protobufjs"))

const commentOf = (comment: string | null | undefined): string | undefined => comment?.trim() || undefined

const withoutDot = (name: string): string => name.startsWith(".") ? name.slice(1) : name

const own = "schema.proto"
const other = "reference.proto"

/** What one text's types become: each message once, because they may refer to each other. */
class Conversion {
  private readonly messages = new Map<Protobuf.Type, MessageType>()
  private readonly enums = new Map<Protobuf.Enum, EnumType>()
  private readonly protobuf: typeof Protobuf

  constructor(protobuf: typeof Protobuf) {
    this.protobuf = protobuf
  }

  declared(namespace: Protobuf.NamespaceBase | null): ReadonlyArray<Declared> {
    return (namespace?.nestedArray ?? [])
      .filter((each): each is Protobuf.Type => each instanceof this.protobuf.Type)
      .filter((type) => type.filename === own)
      .map((type) => ({ message: this.message(type), nested: this.declared(type) }))
  }

  private message(type: Protobuf.Type): MessageType {
    const known = this.messages.get(type)
    if (known !== undefined) return known
    const message: MessageType = {
      kind: "message",
      name: withoutDot(type.fullName),
      fields: [],
      comment: commentOf(type.comment)
    }
    this.messages.set(type, message)
    for (const field of type.fieldsArray) message.fields.push(this.field(field))
    return message
  }

  private field(field: Protobuf.Field): Field {
    const { id: number, name, partOf } = field
    // A proto3 `optional` is a oneof of its own to the library.
    const oneof = partOf !== null && partOf.fieldsArray.length === 1 && partOf.name === `_${name}` ? null : partOf
    const isOptional = !field.repeated && !field.map && field.hasPresence && oneof === null
    return {
      name,
      number,
      type: this.type(field),
      label: field.map ? "map" : field.repeated ? "repeated" : isOptional ? "optional" : "implicit",
      key: (field as { readonly keyType?: Scalar }).keyType,
      oneof: oneof?.name,
      isGroup: field.delimited,
      comment: commentOf(field.comment)
    }
  }

  private type({ resolvedType, type }: Protobuf.Field): ProtoType {
    if (resolvedType instanceof this.protobuf.Type) return this.message(resolvedType)
    if (!(resolvedType instanceof this.protobuf.Enum)) return { kind: "scalar", scalar: type as Scalar }
    const known = this.enums.get(resolvedType)
    if (known !== undefined) return known
    const values = Object.entries(resolvedType.values).map(([name, number]) => ({
      name,
      number,
      comment: commentOf(resolvedType.comments[name])
    }))
    const comment = commentOf(resolvedType.comment)
    const converted: EnumType = { kind: "enum", name: withoutDot(resolvedType.fullName), values, comment }
    this.enums.set(resolvedType, converted)
    return converted
  }
}

const make = (protobuf: typeof Protobuf): ParseProto => (text, references) => {
  const root = new protobuf.Root()
  const imports = new Set<string>()
  const add = (source: string, filename: string) => {
    // Its types carry the name of the file.
    ;(protobuf.parse as { filename?: string | null }).filename = filename
    const parsed = protobuf.parse(textOf(source), root, { keepCase: true, alternateCommentMode: true })
    for (const name of [...parsed.imports ?? [], ...parsed.weakImports ?? []]) imports.add(name)
    return parsed.package ?? ""
  }
  // Each once, whatever it is called: types are found by their own names.
  const needed = new Set(references.map((each) => each.text))
  if (needed.has(text)) throw new Error("its references lead back to itself")
  for (const reference of needed) add(reference, other)
  const name = add(text, own)
  for (const each of imports) {
    const json = protobuf.common.get(each)
    // Some register Google's files as references, too.
    if (json?.nested !== undefined && !isThere(root, json.nested)) root.addJSON(json.nested)
  }
  root.resolveAll()
  const namespace = name === "" ? root : root.lookup(name)
  const messages = new Conversion(protobuf).declared(namespace as Protobuf.NamespaceBase | null)
  return { package: name, messages }
}

const isThere = (root: Protobuf.Root, nested: Readonly<Record<string, Protobuf.AnyNestedObject>>): boolean => {
  const types = (nested as { google?: { nested?: { protobuf?: { nested?: object } } } }).google?.nested?.protobuf
    ?.nested
  return Object.keys(types ?? {}).some((type) => root.lookup(`google.protobuf.${type}`) !== null)
}

let made: ParseProto | undefined

/** The parser, loaded when it is first needed. A missing library is a defect that says how to install it. */
export const parser: Effect.Effect<ParseProto> = Effect.suspend(() => {
  if (made !== undefined) return Effect.succeed(made)
  return load.pipe(
    Effect.catchDefect(() =>
      Effect.die(new Error("Protobuf needs the package \"protobufjs\": npm install protobufjs"))
    ),
    Effect.map((protobuf) => (made = make("default" in protobuf ? protobuf.default as typeof Protobuf : protobuf)))
  )
})

/** The parser, where it has been loaded: what reads and writes payloads is made with it. */
export const parse: ParseProto = (text, references) => {
  if (made === undefined) throw new Error("the parser of Protobuf schemas is used before it is loaded")
  return made(text, references)
}
