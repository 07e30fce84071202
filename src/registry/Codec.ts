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
import type { AvroOptions, JsonSchemaOptions, ProtobufOptions } from "./CodecModel.ts"
import type { Service } from "./SchemaRegistry.ts"

export * from "../Codec.ts"

export type * from "./CodecModel.ts"

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
