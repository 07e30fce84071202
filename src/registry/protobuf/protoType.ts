/** Protobuf schemas as types: names resolved, recursion as object references. Pure. */

export type Scalar =
  | "double"
  | "float"
  | "int32"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "sint64"
  | "fixed32"
  | "fixed64"
  | "sfixed32"
  | "sfixed64"
  | "bool"
  | "string"
  | "bytes"

export interface ScalarType {
  readonly kind: "scalar"
  readonly scalar: Scalar
}

export interface EnumType {
  readonly kind: "enum"
  /** With its package. */
  readonly name: string
  readonly values: ReadonlyArray<EnumValue>
  /** What the text says of it. */
  readonly comment?: string | undefined
}

export interface EnumValue {
  readonly name: string
  readonly number: number
  readonly comment?: string | undefined
  /** The 0 that proto3 asks for, where no value of the Schema has it: nothing writes it. */
  readonly isFiller?: boolean | undefined
}

export interface MessageType {
  readonly kind: "message"
  /** With its package, and the messages around it. */
  readonly name: string
  /** Filled after the type is known, because they may refer to it. */
  readonly fields: Array<Field>
  readonly comment?: string | undefined
}

export type ProtoType = ScalarType | EnumType | MessageType

export interface Field {
  readonly name: string
  readonly number: number
  /** What it holds; of a list or a map, what its items are. */
  readonly type: ProtoType
  /** `implicit`: one value, that is not written when it is the default; a message is never its default. */
  readonly label: "implicit" | "optional" | "repeated" | "map"
  /** The type of a map's keys. */
  readonly key?: Scalar | undefined
  /** The name of the oneof that it is in. */
  readonly oneof?: string | undefined
  /** Written between two tags, as proto2's groups. */
  readonly isGroup?: boolean | undefined
  readonly comment?: string | undefined
}

/** A message and those that are declared within it, in their order: what message indexes count. */
export interface Declared {
  readonly message: MessageType
  readonly nested: ReadonlyArray<Declared>
}

export interface ProtoFile {
  readonly package: string
  readonly messages: ReadonlyArray<Declared>
}

/** Whether a reader can tell that the field was not written. */
export const hasPresence = ({ label, oneof, type }: Field): boolean =>
  label === "optional" || label === "implicit" && (oneof !== undefined || type.kind === "message")

/** A name without the package and the messages around it. */
export const simpleName = (name: string): string => name.slice(name.lastIndexOf(".") + 1)

/** The message at a path of indexes, or `undefined` where there is none. */
export const messageAt = (file: ProtoFile, path: ReadonlyArray<number>): MessageType | undefined => {
  let level: ReadonlyArray<Declared> | undefined = file.messages
  let found: Declared | undefined
  for (const index of path) {
    found = level?.[index]
    level = found?.nested
  }
  return found?.message
}

/** The path of indexes to a message, by its name within the package, such as `Order` or `Order.Line`. */
export const pathOf = (file: ProtoFile, name: string): ReadonlyArray<number> | undefined => {
  const full = file.package === "" ? name : `${file.package}.${name}`
  const search = (level: ReadonlyArray<Declared>): ReadonlyArray<number> | undefined => {
    for (const [index, { message, nested }] of level.entries()) {
      if (message.name === full || message.name === name) return [index]
      const within = search(nested)
      if (within !== undefined) return [index, ...within]
    }
    return undefined
  }
  return search(file.messages)
}

/** The messages of a file by their names within the package. */
export const namesOf = (file: ProtoFile): ReadonlyArray<string> => {
  const all = (level: ReadonlyArray<Declared>): ReadonlyArray<string> =>
    level.flatMap(({ message, nested }) => [message.name, ...all(nested)])
  const prefix = file.package === "" ? 0 : file.package.length + 1
  return all(file.messages).map((name) => name.slice(prefix))
}

const zigZag: ReadonlyArray<Scalar> = ["sint32", "sint64"]
const fixed32: ReadonlyArray<Scalar> = ["fixed32", "sfixed32"]
const fixed64: ReadonlyArray<Scalar> = ["fixed64", "sfixed64"]
const varints: ReadonlyArray<Scalar> = ["int32", "uint32", "int64", "uint64", "bool"]

/**
 * Types whose bytes mean the same: within a group a field may change from one to another.
 *
 * Source: https://protobuf.dev/programming-guides/proto3/#updating
 */
export const groupOf = (type: ScalarType | EnumType): string => {
  if (type.kind === "enum" || varints.includes(type.scalar)) return "varint"
  if (zigZag.includes(type.scalar)) return "zig-zag"
  if (fixed32.includes(type.scalar)) return "fixed32"
  if (fixed64.includes(type.scalar)) return "fixed64"
  return type.scalar === "bytes" ? "string" : type.scalar
}

/** How a type is called in messages. */
export const showType = (type: ProtoType): string => type.kind === "scalar" ? type.scalar : type.name

/** How a field is declared, for messages. */
export const showField = (field: Field): string => {
  const type = field.label === "map" ? `map<${field.key}, ${showType(field.type)}>` : showType(field.type)
  const label = field.label === "repeated" || field.label === "optional" ? `${field.label} ` : ""
  return `${field.oneof === undefined ? "" : `oneof ${field.oneof} `}${label}${type}`
}
