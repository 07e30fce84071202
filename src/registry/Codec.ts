/**
 * The codecs of `millrace`, and those whose schemas are kept in a registry.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"
import type { Codec } from "../Codec.ts"
import * as Avro from "./codec/avro.ts"
import * as Json from "./codec/jsonSchema.ts"
import * as Protobuf from "./codec/protobuf.ts"
import type { SubjectStrategy } from "./codec/subject.ts"
import type { WriteWith } from "./codec/writer.ts"
import type { Reference } from "./RegistryModel.ts"
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

/**
 * The settings of {@link protobuf}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ProtobufOptions extends RegistryOptions {
  /** The name of the message, where the Schema has no identifier (a `Schema.Class` has one). */
  readonly name?: string | undefined
  /** The package of the messages (default none). */
  readonly package?: string | undefined
  /** What `schema`, a `.proto` text, imports, but for Google's own types (default nothing). */
  readonly references?: ReadonlyArray<Reference> | undefined
  /** The message within `schema`, such as `"Order.Line"` (default the one named as the Schema). */
  readonly message?: string | undefined
  /** Other names of the message in the schemas of records: those it had before (default none). */
  readonly aliases?: ReadonlyArray<string> | undefined
  /** Whether records have message indexes; some writers leave them out (default `"present"`). Writing has them. */
  readonly indexes?: "present" | "absent" | undefined
}

/**
 * Protobuf (proto3) in the wire format of Confluent's clients. The messages follow from the Schema's encoded side, with
 * the field numbers that `annotateKey` gives; a field without one throws here, with its path:
 *
 * - structs and classes are messages (named by `identifier`), arrays `repeated`, `Schema.Record` a map, whose keys
 *   `{ key: "int32" }` types;
 * - whole numbers are `int64` (`int32` with `isInt32`, `uint32` with `isUint32`), other numbers `double`, BigInt an
 *   `int64`; `{ type: "sint64" }` chooses another. Nothing is rounded: what does not fit is refused;
 * - `Date` and `DateTimeUtc` are Google's `Timestamp`, `Duration` is its `Duration`;
 * - what may be missing (`optionalKey`, `NullOr`, `Option`) is `optional`;
 * - a union of tagged structs is a `oneof`, whose fields `{ oneof: { Card: 3, Cash: 4 } }` numbers;
 *   with `inline: "value"` the field is what the member has in `value`, of any type;
 * - literals are an enum where `{ values: { web: 1, shop: 2 } }` numbers them, else a string; `{ prefix: "" }` leaves
 *   the names of its values as they are.
 *
 * Records are read by the schema they were written with, by Protobuf's rules: fields match by their numbers, unknown
 * ones are passed over, missing ones have their default. The first record of a schema asks the registry; one that is
 * down holds the partition back, and never makes poison.
 *
 * It needs the package `protobufjs`, to parse schemas, and generates no code.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Topic } from "millrace"
 * import { Codec } from "millrace/registry"
 *
 * class Order extends Schema.Class<Order>("Order")({
 *   id: Schema.String.annotateKey({ protobuf: { field: 1 } }),
 *   total: Schema.Finite.annotateKey({ protobuf: { field: 2 } }),
 *   at: Schema.Date.annotateKey({ protobuf: { field: 3 } }),
 *   note: Schema.optionalKey(Schema.String).annotateKey({ protobuf: { field: 4 } })
 * }) {}
 *
 * export const Orders = Topic.make("orders", {
 *   key: Codec.string,
 *   value: Codec.protobuf(Order, { package: "shop" })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const protobuf = <S extends Schema.Top>(
  schema: S,
  options?: ProtobufOptions
): Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> =>
  Protobuf.protobuf(schema, options)

/**
 * The settings of {@link jsonSchema}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface JsonSchemaOptions extends RegistryOptions {
  /** The title of the schema (default: the identifier of the Schema, which a `Schema.Class` has). */
  readonly name?: string | undefined
  /** What `schema` refers to with `$ref`, by the names it has there (default nothing). */
  readonly references?: ReadonlyArray<Reference> | undefined
  /** The draft to register (default `"draft-07"`, which all clients know). */
  readonly draft?: "draft-07" | "draft-2020-12" | undefined
  /**
   * Whether the schema says that objects may have properties that the Schema does not name (default `false`: what is
   * written has none). Under most rules of compatibility, a property can be added later only where this is `false`.
   */
  readonly additionalProperties?: boolean | undefined
  /**
   * Whether a schema that `writeWith` finds as `"latest"`, by `metadata` or by `id` must have the layout of this Schema
   * (default `"strict"`), or may be any JSON Schema (`"none"`): combine that with `validate`.
   */
  readonly latestCompatibility?: "strict" | "none" | undefined
  /**
   * Whether values are checked by the JSON Schema that they are written with, when they are written and when they are
   * read (default `false`: the Schema alone decides). It needs the packages `ajv` and `ajv-formats`.
   */
  readonly validate?: boolean | undefined
}

/**
 * JSON in the wire format of Confluent's clients: the same JSON as {@link json} of the Schema, after the id of its JSON
 * Schema, which Effect derives (`Schema.toJsonSchemaDocument`).
 *
 * Records are read by the Schema, whichever JSON Schema they were written with: what a newer writer added is passed
 * over, and `optionalKey` is for what an older one does not have. A BigInt is a text of digits, a Date its ISO text.
 * For topics that other programs read, choose the encoded side as they expect it. A class without a JSON form
 * (`toCodecJson`), of which JSON Schema could say nothing, throws here, with its path.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Topic } from "millrace"
 * import { Codec } from "millrace/registry"
 *
 * class Order extends Schema.Class<Order>("Order")({
 *   id: Schema.String,
 *   total: Schema.Finite,
 *   note: Schema.optionalKey(Schema.String)
 * }) {}
 *
 * export const Orders = Topic.make("orders", {
 *   key: Codec.string,
 *   value: Codec.jsonSchema(Order, { writeWith: "register" })
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const jsonSchema = <S extends Schema.Top>(
  schema: S,
  options?: JsonSchemaOptions
): Codec<S["Type"], S["DecodingServices"] | Service, S["EncodingServices"] | Service> =>
  Json.jsonSchema(schema, options)
