/**
 * The codecs of `millrace`, and those whose schemas are kept in a registry.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type { Codec } from "../Codec.ts"
import * as Avro from "./codec/avro.ts"
import type { SubjectStrategy } from "./codec/subject.ts"
import type { WriteWith } from "./codec/writer.ts"
import type { Service } from "./SchemaRegistry.ts"

export * from "../Codec.ts"

export type {
  /**
   * Where the schemas of a topic are registered.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  SubjectStrategy
} from "./codec/subject.ts"
export type {
  /**
   * How the id that records carry is found.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  WriteWith
} from "./codec/writer.ts"

/**
 * The settings that all codecs of a registry have.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RegistryOptions {
  /** The schema to register and write with, as text, instead of the derived one: its layout must be the same. */
  readonly schema?: string | undefined
  /** The subject of the schemas (default `"topic"`: `orders-value`). */
  readonly subject?: SubjectStrategy | undefined
  /** How the id that records carry is found (default `"lookup"`). */
  readonly writeWith?: WriteWith | undefined
  /** Whether the registry may compare schemas in a normal form (default `false`). */
  readonly normalize?: boolean | undefined
  /**
   * Where records carry the id (default `"prefix"`): before the payload, as a number, or in the header
   * `__value_schema_id` (`__key_schema_id`), as a GUID, with the payload bare. A registry without GUIDs has its number
   * in the header, which readers take as well. Both forms are read.
   */
  readonly ids?: "prefix" | "header" | undefined
}

/**
 * The settings of {@link avro}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface AvroOptions extends RegistryOptions {
  /** The name of the Avro record, where the Schema has no identifier (a `Schema.Class` has one). */
  readonly name?: string | undefined
  /** The namespace of names that have none (default none). */
  readonly namespace?: string | undefined
}

/**
 * Avro in the wire format of Confluent's clients. The Avro schema follows from the Schema's encoded side:
 *
 * - structs and classes are records (named by `identifier`), unions are unions, tagged structs records named by their
 *   tag, literals enums, `Schema.Record` a map;
 * - whole numbers are `long` (`int` with `isInt32`), other numbers `double`, BigInt a `long` without loss, BigDecimal a
 *   decimal (`.annotate({ avro: { precision: 12, scale: 2 } })`), dates `timestamp-millis`, bytes `bytes`;
 * - what may be missing (`optionalKey`, `Option`, `NullOr`) is a union with null, which is its default.
 *
 * `.annotate({ avro: … })` gives names, namespaces, aliases, docs and defaults. What has no Avro type throws here, with
 * its path.
 *
 * Records are read by the schema they were written with, resolved to this one. Its first sight asks the registry; one
 * that is down holds the partition back, and never makes poison.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Topic } from "millrace"
 * import { Codec } from "millrace/registry"
 *
 * class Order extends Schema.Class<Order>("Order")({
 *   id: Schema.String,
 *   total: Schema.BigDecimal.annotate({ avro: { precision: 12, scale: 2 } }),
 *   note: Schema.optionalKey(Schema.String)
 * }) {}
 *
 * export const Orders = Topic.make("orders", {
 *   key: Codec.string,
 *   value: Codec.avro(Order, { namespace: "shop" })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const avro = <S extends Schema.Top>(
  schema: S,
  options?: AvroOptions
): Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> => Avro.avro(schema, options)
