/** Protobuf messages as modules of Effect Schemas from which the same fields are derived. Pure. */
import { screaming } from "../protobuf/derive/typeNames.ts"
import type { Declared, EnumType, EnumValue, Field, MessageType, ProtoFile, Scalar } from "../protobuf/protoType.ts"
import { hasPresence, simpleName } from "../protobuf/protoType.ts"
import { wrappedScalar } from "../protobuf/wellKnown.ts"
import type { Code } from "./code.ts"
import * as Out from "./code.ts"

/** How a module is made. */
export interface Options {
  /** Whether an integer of 64 bits is a BigInt: else it is a number, and larger ones than it holds are refused. */
  readonly bigint: boolean
}

type Annotation = Readonly<Record<string, unknown>>

const signed32 = "Schema.Int.check(Schema.isInt32())"
const unsigned32 = "Schema.Int.check(Schema.isUint32())"

/** The Schema of a scalar, and whether its type follows from it. */
const scalars: { readonly [scalar in Scalar]: readonly [code: string, isKnown: boolean] } = {
  double: ["Schema.Number", true],
  float: ["Schema.Number", false],
  int32: [signed32, true],
  sint32: [signed32, false],
  sfixed32: [signed32, false],
  uint32: [unsigned32, true],
  fixed32: [unsigned32, false],
  int64: ["Schema.Int", true],
  uint64: ["Schema.Int", false],
  sint64: ["Schema.Int", false],
  fixed64: ["Schema.Int", false],
  sfixed64: ["Schema.Int", false],
  bool: ["Schema.Boolean", true],
  string: ["Schema.String", true],
  bytes: ["Schema.Uint8Array", true]
}

/** Google's messages that are classes of JavaScript and Effect. */
const classes: { readonly [name: string]: string } = {
  "google.protobuf.Timestamp": "Schema.Date",
  "google.protobuf.Duration": "Schema.Duration"
}

const said = (annotation: Annotation): Annotation =>
  Object.fromEntries(Object.entries(annotation).filter(([, value]) => value !== undefined))

/** A Schema, with an annotation if there is anything to say. */
const annotated = (code: Code, annotation: Annotation, method = "annotate"): Code => {
  const parts = Object.entries(said(annotation))
  if (parts.length === 0) return code
  return [code, ".", Out.call(method, Out.entries(parts.map(([name, value]) => [name, Out.value(value)])))]
}

/** Something that a field may hold: the Schema, and the type that has to be said. */
interface Item {
  readonly code: Code
  readonly type: string | undefined
}

const asOne = ({ code, type }: Item): Code => annotated(code, { protobuf: type && { type } })

const messagesOf = (level: ReadonlyArray<Declared>): ReadonlyArray<MessageType> =>
  level.flatMap(({ message, nested }) => [message, ...messagesOf(nested)])

const words = (...comments: ReadonlyArray<string | undefined>): string | undefined => {
  const all = comments.filter((comment) => comment !== undefined)
  return all.length === 0 ? undefined : all.join("\n")
}

class Generator {
  /** The TypeScript names of the types that are defined, or being so. */
  private readonly known = new Map<MessageType | EnumType, { readonly name: string; isReady: boolean }>()
  private readonly names = new Out.Names(["Schema"])
  /** The names of types in Protobuf: each is derived from one Schema. */
  private readonly used = new Set<string>()
  readonly declarations: Array<string> = []
  private readonly bigint: boolean

  constructor({ bigint }: Options) {
    this.bigint = bigint
  }

  /** Takes a name for a type; one that would be derived with another is annotated. */
  private named(type: MessageType | EnumType) {
    const simple = simpleName(type.name)
    const isUsed = this.used.has(simple)
    const parts = type.name.split(".")
    const name = this.names.take(Out.typeName(simple), Out.typeName(parts.slice(-2).join("_")))
    const protobufName = isUsed ? name : simple
    this.used.add(protobufName)
    const known = { name, isReady: false }
    this.known.set(type, known)
    return { known, name, type: protobufName === name ? undefined : protobufName }
  }

  message(message: MessageType): Code {
    const known = this.known.get(message)
    if (known !== undefined) {
      // The declaration of one that is not ready follows.
      const { isReady, name } = known
      return isReady ? name : `Schema.suspend((): Schema.Codec<${name}> => ${name})`
    }
    const own = this.named(message)
    const annotation = said({ description: message.comment, protobuf: own.type && { type: own.type } })
    const body = Out.call(
      `Schema.Class<${own.name}>(${Out.text(own.name)})`,
      Out.entries(this.properties(message)),
      ...Object.keys(annotation).length === 0 ? [] : [Out.value(annotation)]
    )
    const head = `export class ${own.name} extends `
    this.declarations.push(`${Out.comment(message.comment)}${head}${Out.print(body, "", head.length + 3)} {}\n`)
    own.known.isReady = true
    return own.name
  }

  private properties({ fields, name }: MessageType): ReadonlyArray<readonly [name: string, code: Code]> {
    const seen = new Set<string>()
    return fields.flatMap((field): ReadonlyArray<readonly [string, Code]> => {
      if (field.isGroup === true) throw new Error(`${name}.${field.name}: a group of proto2 has no Schema`)
      if (field.oneof === undefined) return [[field.name, this.field(field)]]
      if (seen.has(field.oneof)) return []
      seen.add(field.oneof)
      return [[field.oneof, this.oneof(fields.filter(({ oneof }) => oneof === field.oneof))]]
    })
  }

  private field(field: Field): Code {
    const { comment: description, key, label, number } = field
    const item = this.item(field)
    const isOne = label === "implicit" || label === "optional"
    const code = label === "repeated"
      ? Out.call("Schema.Array", asOne(item))
      : label === "map"
      ? Out.call("Schema.Record", "Schema.String", asOne(item))
      : hasPresence(field)
      ? Out.call("Schema.optionalKey", item.code)
      : item.code
    const protobuf = said({
      field: number,
      type: isOne ? item.type : undefined,
      key: label === "map" && key !== "string" ? key : undefined
    })
    return annotated(code, { description, protobuf }, "annotateKey")
  }

  /** A union of what the oneof may hold; the names of its fields are the tags. */
  private oneof(fields: ReadonlyArray<Field>): Code {
    const members = fields.map((field) => {
      const value = annotated(asOne(this.item(field)), { description: field.comment }, "annotateKey")
      return Out.call("Schema.TaggedStruct", Out.text(field.name), Out.entries([["value", value]]))
    })
    const numbers = Object.fromEntries(fields.map(({ name, number }) => [name, number]))
    const union = annotated(Out.call("Schema.Union", Out.list(members)), {
      protobuf: { inline: "value", oneof: numbers }
    })
    return Out.call("Schema.optionalKey", union)
  }

  private item({ type }: Field): Item {
    if (type.kind === "enum") return { code: this.enumeration(type), type: undefined }
    if (type.kind === "scalar") return this.scalar(type.scalar)
    const wrapped = wrappedScalar(type.name)
    if (wrapped !== undefined) return { code: this.scalar(wrapped).code, type: type.name }
    return { code: classes[type.name] ?? this.message(type), type: undefined }
  }

  private scalar(scalar: Scalar): Item {
    const [code, isKnown] = scalars[scalar]
    return {
      code: this.bigint && scalar.endsWith("64") ? "Schema.BigInt" : code,
      type: isKnown ? undefined : scalar
    }
  }

  private enumeration(type: EnumType): Code {
    const known = this.known.get(type)
    if (known !== undefined) return known.name
    const own = this.named(type)
    const standard = `${screaming(own.type ?? own.name)}_`
    const isStandard = type.values.every(({ name }) =>
      name.startsWith(standard) && name === standard + screaming(name.slice(standard.length))
    )
    const literalOf = ({ name }: EnumValue) => isStandard ? name.slice(standard.length) : name
    // Of several names of one number, the first one counts.
    const values = type.values.filter(({ number }, i) => type.values.findIndex((each) => each.number === number) === i)
    const literals = values.map(literalOf)
    const code = annotated(Out.call("Schema.Literals", Out.list(literals.map(Out.text))), {
      identifier: own.name,
      description: type.comment,
      protobuf: said({
        type: own.type,
        prefix: isStandard ? undefined : "",
        values: Object.fromEntries(values.map((value) => [literalOf(value), value.number]))
      })
    })
    const described = values.map((value) => value.comment && `- ${literalOf(value)}: ${value.comment}`)
    const head = `export const ${own.name} = `
    const comment = Out.comment(words(type.comment, ...described))
    this.declarations.push(`${comment}${head}${Out.print(code, "", head.length)}\n`)
    own.known.isReady = true
    return own.name
  }
}

/** The source of a module for the messages of a file, and the name of the Schema of the first one. */
export const generate = (file: ProtoFile, options: Options): { readonly name: string; readonly source: string } => {
  const generator = new Generator(options)
  const codes = messagesOf(file.messages).map((message) => generator.message(message))
  const [name] = codes
  if (name === undefined) throw new Error("it declares no message")
  return { name: name as string, source: `import { Schema } from "effect"\n\n${generator.declarations.join("\n")}` }
}
