/** The `.proto` text of what was derived: always the same for the same Schema. Pure. */
import type { Derived } from "./derive/derive.ts"
import type { EnumType, Field, MessageType, ProtoType } from "./protoType.ts"
import { simpleName } from "./protoType.ts"
import { fileOf } from "./wellKnown.ts"

const typeName = (type: ProtoType): string => {
  if (type.kind === "scalar") return type.scalar
  return fileOf(type.name) === undefined ? simpleName(type.name) : type.name
}

const fieldLine = (field: Field): string => {
  const type = field.label === "map" ? `map<${field.key}, ${typeName(field.type)}>` : typeName(field.type)
  const label = field.label === "repeated" || field.label === "optional" ? `${field.label} ` : ""
  return `${label}${type} ${field.name} = ${field.number};`
}

const message = ({ fields, name }: MessageType): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let oneof: string | undefined
  for (const field of fields) {
    if (oneof !== undefined && oneof !== field.oneof) lines.push("  }")
    if (field.oneof !== undefined && oneof !== field.oneof) lines.push(`  oneof ${field.oneof} {`)
    oneof = field.oneof
    lines.push(`${oneof === undefined ? "  " : "    "}${fieldLine(field)}`)
  }
  if (oneof !== undefined) lines.push("  }")
  return [`message ${simpleName(name)} {`, ...lines, "}"]
}

const enumeration = ({ name, values }: EnumType): ReadonlyArray<string> => [
  `enum ${simpleName(name)} {`,
  ...values.map((value) => `  ${value.name} = ${value.number};`),
  "}"
]

export const print = ({ package: name, types }: Derived): string => {
  const used = types.flatMap((type) => type.kind === "message" ? type.fields.map((field) => field.type) : [])
  const files = used.flatMap((type) => type.kind === "scalar" ? [] : fileOf(type.name) ?? [])
  const imports = [...new Set(files)].toSorted().map((file) => `import "${file}";`)
  const blocks = [
    ["syntax = \"proto3\";"],
    name === "" ? [] : [`package ${name};`],
    imports,
    ...types.map((type) => type.kind === "message" ? message(type) : enumeration(type))
  ]
  return `${blocks.filter((block) => block.length > 0).map((block) => block.join("\n")).join("\n\n")}\n`
}
