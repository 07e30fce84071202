/**
 * The settings of the codecs of a registry, in types. Part of `Codec`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type { Site } from "../Codec.ts"
import type { Reference } from "./RegistryModel.ts"

/**
 * Where the schemas of a topic are registered: `"topic"` (`orders-value`), `"record"` (the schema's full name) or
 * `"topic-record"` (`orders-shop.Order`), as Confluent's strategies; or a function of the topic, the part and the name.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type SubjectStrategy =
  | "topic"
  | "record"
  | "topic-record"
  | ((site: Site, name: string | undefined) => string)

/**
 * How the id that records carry is found:
 *
 * - `"lookup"` (default): the version of the subject with exactly this schema. It must have been registered
 *   before, by a deploy pipeline for example.
 * - `"register"`: as `"lookup"`, and registered where it is missing. For development; in production a program that is
 *   rolled out by mistake would change the subject.
 * - `"latest"`: the latest version, which has to have the layout of this schema.
 * - `{ metadata }`: the latest version with these metadata, and `{ id }`: the schema with this id, likewise.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type WriteWith =
  | "lookup"
  | "register"
  | "latest"
  | { readonly metadata: Readonly<Record<string, string>> }
  | { readonly id: number }

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
 * The settings of `Codec.avro`.
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
 * The settings of `Codec.protobuf`.
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
 * The settings of `Codec.jsonSchema`.
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
