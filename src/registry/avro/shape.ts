/**
 * What an Effect Schema becomes in Avro: the Avro type as JSON, and how the encoded side's values become Avro's, and
 * back, where they are not the same. Pure.
 */

/** An Avro schema as JSON. */
export type AvroJson = string | ReadonlyArray<AvroJson> | { readonly [attribute: string]: unknown }

/** Changes a value; `undefined` in its place means that nothing has to be changed. */
export type Convert = (value: never) => unknown

/** Avro's side of one position of a Schema. */
export interface Shape {
  readonly json: AvroJson
  /** The encoded value to Avro's. */
  readonly toAvro: Convert | undefined
  /** Avro's value to the encoded one. */
  readonly fromAvro: Convert | undefined
}

/** A shape whose values are the same on both sides. */
export const plain = (json: AvroJson): Shape => ({ json, toAvro: undefined, fromAvro: undefined })

/** Attributes without those that are `undefined`. */
export const without = <A extends object>(object: A): A =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as A

/** Thrown where a Schema has no Avro type; the message has the path and what to do. */
export class NoAvroType extends Error {
  constructor(path: ReadonlyArray<string>, problem: string) {
    super(`${path.length === 0 ? "the Schema" : path.join(".")}: ${problem}`)
  }
}

/** What a Schema says of its Avro type with `.annotate({ avro: … })`, and of a field with `.annotateKey(…)`. */
export interface Annotation {
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly aliases?: ReadonlyArray<string> | undefined
  readonly doc?: string | undefined
  /** Of a field by `annotateKey`; of an enum the symbol for those that it does not know. */
  readonly default?: unknown
  /** A field that may be null has null as its default, but for this. */
  readonly noDefault?: boolean | undefined
  /** The branches of a union are in the Schema's order, but for null, which is the first one without this. */
  readonly keepsOrder?: boolean | undefined
  readonly type?: string | undefined
  readonly logicalType?: string | undefined
  readonly precision?: number | undefined
  readonly scale?: number | undefined
  /** Bytes, or a decimal, of this many bytes are a fixed. */
  readonly size?: number | undefined
}
