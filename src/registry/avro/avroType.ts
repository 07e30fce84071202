/** Avro schemas as types: names resolved, aliases full, recursion as object references. Pure; Avro 1.12. */

/** The primitive types. */
export type Primitive = "null" | "boolean" | "int" | "long" | "float" | "double" | "bytes" | "string"

/** What a type means beyond its bytes. */
export interface Logical {
  readonly name: string
  readonly precision?: number | undefined
  readonly scale?: number | undefined
}

export interface Named {
  /** With its namespace. */
  readonly name: string
  /** With their namespaces. */
  readonly aliases: ReadonlyArray<string>
}

export interface Field {
  readonly name: string
  readonly aliases: ReadonlyArray<string>
  readonly type: AvroType
  /** `undefined` where the field has none; `null` is one. */
  readonly default: unknown
}

export interface RecordType extends Named {
  readonly kind: "record"
  /** Filled after the type is known, because they may refer to it. */
  readonly fields: Array<Field>
}

export interface EnumType extends Named {
  readonly kind: "enum"
  readonly symbols: ReadonlyArray<string>
  readonly default: string | undefined
}

export interface FixedType extends Named {
  readonly kind: "fixed"
  readonly size: number
  readonly logical?: Logical | undefined
}

export type AvroType =
  | { readonly kind: Primitive; readonly logical?: Logical | undefined }
  | RecordType
  | EnumType
  | FixedType
  | { readonly kind: "array"; readonly items: AvroType }
  | { readonly kind: "map"; readonly values: AvroType }
  | { readonly kind: "union"; readonly branches: ReadonlyArray<AvroType> }

/** Types that are known by their full names, shared by the texts that refer to each other. */
export type Names = Map<string, AvroType>
