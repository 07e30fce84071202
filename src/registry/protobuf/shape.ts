/**
 * What an Effect Schema becomes in Protobuf: the types, and how the encoded side's values stand for their fields. Pure.
 */
import type { EnumType, Field, MessageType, ScalarType } from "./protoType.ts"

/** The JavaScript type that a scalar is on the encoded side. */
export type Kind = "number" | "bigint" | "boolean" | "string" | "bytes"

export interface ScalarShape {
  readonly kind: "scalar"
  readonly type: ScalarType
  readonly js: Kind
}

export interface EnumShape {
  readonly kind: "enum"
  readonly type: EnumType
  readonly numbers: ReadonlyMap<unknown, number>
  readonly literals: ReadonlyMap<number, unknown>
}

export interface MessageShape {
  readonly kind: "message"
  readonly type: MessageType
  /** Filled after the shape is known, because they may refer to it. */
  readonly properties: Array<Property>
  /** Properties of one value, such as tags: they are not written. */
  readonly constants: Record<string, unknown>
  /** The encoded value as the message's properties; `undefined` where it has these itself. */
  readonly toProto?: ((value: never) => unknown) | undefined
  readonly fromProto?: ((value: never) => unknown) | undefined
}

export type Shape = ScalarShape | EnumShape | MessageShape

/**
 * What stands for a field that is not there: the type's default, no key, null or None. `required` is a message that
 * has no default: the Schema says that it is missing.
 */
export type Absence = "default" | "required" | "no key" | "null" | "none"

/** A property that is one field. */
export interface FieldProperty {
  readonly kind: "field"
  readonly key: string
  readonly field: Field
  readonly shape: Shape
  readonly absence: Absence
}

/** One member of a tagged union. */
export interface Branch {
  readonly tag: unknown
  readonly field: Field
  /** What the field holds: the member without its tag, or the property that is `inline`. */
  readonly shape: Shape
  readonly inline?: string | undefined
}

/** A property that is a tagged union, with a field for each of its members. */
export interface OneofProperty {
  readonly kind: "oneof"
  readonly key: string
  /** The property of the members that tells them apart. */
  readonly discriminator: string
  readonly branches: ReadonlyArray<Branch>
  readonly absence: Absence
}

export type Property = FieldProperty | OneofProperty

/** Thrown where a Schema has no Protobuf type; the message has the path and what to do. */
export class NoProtobufType extends Error {
  constructor(path: ReadonlyArray<string>, problem: string) {
    super(`${path.length === 0 ? "the Schema" : path.join(".")}: ${problem}`)
  }
}

/** What a Schema says of its Protobuf side with `.annotate({ protobuf: … })` or `.annotateKey({ protobuf: … })`. */
export interface Annotation {
  readonly field?: number | undefined
  readonly name?: string | undefined
  readonly type?: string | undefined
  readonly values?: Readonly<Record<string, number>> | undefined
  /** What the names of an enum's values begin with. */
  readonly prefix?: string | undefined
  readonly oneof?: Readonly<Record<string, number>> | undefined
  /** The property of a oneof's members that is the field itself. */
  readonly inline?: string | undefined
  /** The type of a map's keys. */
  readonly key?: string | undefined
}
