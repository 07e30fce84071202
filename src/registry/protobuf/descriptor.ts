/**
 * Schemas as Python's and C#'s clients register them: a `FileDescriptorProto` in Base64, which some registries return
 * as it is. It becomes the `.proto` text that it was made of. Pure.
 *
 * Source: google/protobuf/descriptor.proto
 */
import * as Schema from "effect/Schema"
import { reading } from "./binary/reading.ts"
import { derive } from "./derive/derive.ts"

const text = (field: number) => Schema.String.annotateKey({ protobuf: { field } })
const int = (field: number) => Schema.Number.check(Schema.isInt32()).annotateKey({ protobuf: { field } })
const flag = (field: number) => Schema.Boolean.annotateKey({ protobuf: { field } })
const list = <S extends Schema.Top>(field: number, item: S) => Schema.Array(item).annotateKey({ protobuf: { field } })

const EnumDescriptor = Schema.Struct({
  name: text(1),
  value: list(2, Schema.Struct({ name: text(1), number: int(2) }).annotate({ identifier: "EnumValue" }))
}).annotate({ identifier: "EnumDescriptor" })

const FieldDescriptor = Schema.Struct({
  name: text(1),
  number: int(3),
  label: int(4),
  type: int(5),
  type_name: text(6),
  oneof_index: Schema.optionalKey(Schema.Number.check(Schema.isInt32())).annotateKey({ protobuf: { field: 9 } }),
  proto3_optional: flag(17)
}).annotate({ identifier: "FieldDescriptor" })

interface Message {
  readonly name: string
  readonly field: ReadonlyArray<typeof FieldDescriptor.Type>
  readonly nested_type: ReadonlyArray<Message>
  readonly enum_type: ReadonlyArray<typeof EnumDescriptor.Type>
  readonly oneof_decl: ReadonlyArray<{ readonly name: string }>
  readonly options?: { readonly map_entry: boolean }
}

const Message: Schema.Codec<Message> = Schema.Struct({
  name: text(1),
  field: list(2, FieldDescriptor),
  nested_type: list(3, Schema.suspend((): Schema.Codec<Message> => Message)),
  enum_type: list(4, EnumDescriptor),
  oneof_decl: list(8, Schema.Struct({ name: text(1) }).annotate({ identifier: "OneofDescriptor" })),
  options: Schema.optionalKey(Schema.Struct({ map_entry: flag(7) }).annotate({ identifier: "MessageOptions" }))
    .annotateKey({ protobuf: { field: 7 } })
}).annotate({ identifier: "Message" })

const File = Schema.Struct({
  package: text(2),
  dependency: list(3, Schema.String),
  message_type: list(4, Message),
  enum_type: list(5, EnumDescriptor),
  syntax: text(12)
}).annotate({ identifier: "File" })

/** The scalars by their numbers in a descriptor. */
const scalars = [
  "",
  "double",
  "float",
  "int64",
  "uint64",
  "int32",
  "fixed64",
  "fixed32",
  "bool",
  "string",
  "group",
  "",
  "bytes",
  "uint32",
  "",
  "sfixed32",
  "sfixed64",
  "sint32",
  "sint64"
]
const labels = ["", "optional", "required", "repeated"]

class Printer {
  private readonly isProto3: boolean

  constructor(isProto3: boolean) {
    this.isProto3 = isProto3
  }

  message({ enum_type, field, name, nested_type, oneof_decl }: Message): string {
    const entries = new Map(
      nested_type.filter((each) => each.options?.map_entry === true).map((each) => [each.name, each])
    )
    const parts = [
      ...nested_type.filter((each) => !entries.has(each.name)).map((each) => this.message(each)),
      ...enum_type.map(enumText)
    ]
    for (const each of field) {
      if (each.oneof_index === undefined || each.proto3_optional) parts.push(this.field(each, entries))
    }
    for (const [index, oneof] of oneof_decl.entries()) {
      const members = field.filter((each) => each.oneof_index === index && !each.proto3_optional)
      if (members.length > 0) {
        parts.push(`oneof ${oneof.name} {\n${members.map((each) => declaration("", each)).join("\n")}\n}`)
      }
    }
    return `message ${name} {\n${parts.join("\n")}\n}`
  }

  private field(field: typeof FieldDescriptor.Type, entries: ReadonlyMap<string, Message>): string {
    const entry = entries.get(field.type_name.slice(field.type_name.lastIndexOf(".") + 1))
    if (entry !== undefined) {
      const [key, value] = [typeOf(entry.field[0]!), typeOf(entry.field[1]!)]
      return `map<${key}, ${value}> ${field.name} = ${field.number};`
    }
    const label = labels[field.label] ?? ""
    return declaration(this.isProto3 && label === "optional" && !field.proto3_optional ? "" : `${label} `, field)
  }
}

const typeOf = ({ name, type, type_name }: typeof FieldDescriptor.Type): string => {
  if (type_name !== "" && type !== 10) return type_name
  const scalar = scalars[type]
  if (scalar !== undefined && scalar !== "" && scalar !== "group") return scalar
  throw new Error(`the descriptor's field ${name} has the type ${type}, which Millrace does not read`)
}

const declaration = (label: string, field: typeof FieldDescriptor.Type): string =>
  `${label}${typeOf(field)} ${field.name} = ${field.number};`

const enumText = ({ name, value }: typeof EnumDescriptor.Type): string =>
  `enum ${name} {\noption allow_alias = true;\n${value.map((each) => `${each.name} = ${each.number};`).join("\n")}\n}`

const base64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

let read: ((bytes: Uint8Array) => unknown) | undefined

/** The text of a schema that may be a descriptor. */
export const textOf = (schema: string): string => {
  if (!base64.test(schema.trim())) return schema
  if (read === undefined) {
    const { shape } = derive(File)
    read = reading(shape, shape.type)
  }
  const file = read(Buffer.from(schema, "base64")) as typeof File.Type
  if (file.syntax !== "" && file.syntax !== "proto2" && file.syntax !== "proto3") {
    throw new Error(`the descriptor is of an edition (${file.syntax}), which Millrace reads as a text only`)
  }
  const printer = new Printer(file.syntax === "proto3")
  return [
    `syntax = "${file.syntax === "proto3" ? "proto3" : "proto2"}";`,
    ...(file.package === "" ? [] : [`package ${file.package};`]),
    ...file.dependency.map((name) => `import "${name}";`),
    ...file.message_type.map((message) => printer.message(message)),
    ...file.enum_type.map(enumText)
  ].join("\n")
}
