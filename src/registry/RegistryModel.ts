/**
 * What a Schema Registry keeps and does, in types. Part of `SchemaRegistry`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { Auth } from "../rest/restModel.ts"
import type { RegistryError } from "./RegistryError.ts"

/**
 * The language of a schema.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type SchemaType = "AVRO" | "JSON" | "PROTOBUF"

/**
 * A schema that another one uses: `name` is what the text calls it (an Avro full name, a JSON `$ref`, a `.proto`
 * import), `subject` and `version` where it is registered.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Reference {
  /** What the text calls the schema. */
  readonly name: string
  /** The subject it is registered under. */
  readonly subject: string
  /** Its version there. */
  readonly version: number
}

/**
 * A schema as text, with what it refers to.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface SchemaText {
  /** The language of the text. */
  readonly type: SchemaType
  /** The text: JSON for Avro and JSON Schema, a `.proto` file for Protobuf. */
  readonly text: string
  /** What the text refers to (default nothing). */
  readonly references?: ReadonlyArray<Reference> | undefined
  /** Names and values that people attached to the schema. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** The kinds of the rules that the schema has: encryption, migration, checks. Millrace runs none of them. */
  readonly rules?: ReadonlyArray<string> | undefined
}

/**
 * A version of a subject.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Registered extends SchemaText {
  /** The subject, with its context if it has one. */
  readonly subject: string
  /** Counts from 1 within the subject. */
  readonly version: number
  /** The id that records carry; unique within a context. */
  readonly id: number
  /** The id that is unique everywhere, where the registry has such. */
  readonly guid?: string | undefined
}

/**
 * What a new version of a subject must be compatible with: nothing, the latest version or all of them (`_TRANSITIVE`),
 * so that new readers read old records (`BACKWARD`), old readers new ones (`FORWARD`), or both (`FULL`).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Compatibility =
  | "NONE"
  | "BACKWARD"
  | "BACKWARD_TRANSITIVE"
  | "FORWARD"
  | "FORWARD_TRANSITIVE"
  | "FULL"
  | "FULL_TRANSITIVE"

/**
 * What a registry, or a subject of it, takes: everything, nothing new, or schemas with ids of their own (`IMPORT`).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Mode = "READWRITE" | "READONLY" | "READONLY_OVERRIDE" | "IMPORT"

/**
 * A version by its number, or the newest one.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Version = number | "latest"

/**
 * What a compatibility check found.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Verdict {
  /** Whether the schema may be registered. */
  readonly isCompatible: boolean
  /** Why it may not, as far as the registry says. */
  readonly messages: ReadonlyArray<string>
}

/**
 * What a registry does. `Service` is the service; `layer` and `layerMemory` provide it.
 *
 * Ids, GUIDs and numbered versions never change, so they are asked for once and kept for good, per context. A look-up
 * of one id is one request, however many fibers ask; an id that is not there is asked for again after a few seconds.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  /** The URL for messages, without credentials; `undefined` for the registry in memory. */
  readonly url: string | undefined
  /**
   * Registers a schema under a subject and returns its id, and its GUID where the registry says it. The same schema
   * again returns the same id.
   */
  readonly register: (
    subject: string,
    schema: SchemaText,
    options?: { readonly normalize?: boolean | undefined }
  ) => Effect.Effect<{ readonly id: number; readonly guid?: string | undefined }, RegistryError>
  /** The version of a subject that is this schema. */
  readonly lookup: (
    subject: string,
    schema: SchemaText,
    options?: { readonly normalize?: boolean | undefined; readonly deleted?: boolean | undefined }
  ) => Effect.Effect<Registered, RegistryError>
  /** The schema with an id, in the context of a subject (default: the registry's default context). */
  readonly byId: (
    id: number,
    subject?: string
  ) => Effect.Effect<SchemaText & { readonly guid?: string | undefined }, RegistryError>
  /** The schema with a GUID. */
  readonly byGuid: (guid: string) => Effect.Effect<SchemaText, RegistryError>
  /** A version of a subject. The latest one is kept for `latestTtl`. */
  readonly version: (subject: string, version: Version) => Effect.Effect<Registered, RegistryError>
  /** The latest version of a subject that has these metadata. */
  readonly latestWithMetadata: (
    subject: string,
    metadata: Readonly<Record<string, string>>
  ) => Effect.Effect<Registered, RegistryError>
  /** The subjects, sorted; `prefix` with its context, `deleted` with those that are soft-deleted. */
  readonly subjects: (
    options?: { readonly prefix?: string | undefined; readonly deleted?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<string>, RegistryError>
  /** The numbers of a subject's versions, oldest first. */
  readonly versions: (
    subject: string,
    options?: { readonly deleted?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<number>, RegistryError>
  /** The subjects and versions that have the schema with an id. */
  readonly versionsOf: (
    id: number
  ) => Effect.Effect<ReadonlyArray<{ readonly subject: string; readonly version: number }>, RegistryError>
  /** The ids of the schemas that refer to a version. */
  readonly referencedBy: (subject: string, version: Version) => Effect.Effect<ReadonlyArray<number>, RegistryError>
  /** Whether a schema may become the next version of a subject, by its compatibility. A new subject takes any. */
  readonly check: (
    subject: string,
    schema: SchemaText,
    options?: { readonly normalize?: boolean | undefined }
  ) => Effect.Effect<Verdict, RegistryError>
  /** The compatibility of a subject, or the one it takes from the registry; without a subject the registry's. */
  readonly compatibility: (subject?: string) => Effect.Effect<Compatibility, RegistryError>
  /** Sets the compatibility of a subject, or, with `undefined`, of the registry. */
  readonly setCompatibility: (
    subject: string | undefined,
    compatibility: Compatibility
  ) => Effect.Effect<void, RegistryError>
  /** The mode of a subject, or the one it takes from the registry; without a subject the registry's. */
  readonly mode: (subject?: string) => Effect.Effect<Mode, RegistryError>
  /** Sets the mode of a subject, or, with `undefined`, of the registry. */
  readonly setMode: (subject: string | undefined, mode: Mode) => Effect.Effect<void, RegistryError>
  /** Deletes a subject: soft (ids stay readable), or for good with `permanent`, which a soft deletion must precede. */
  readonly deleteSubject: (
    subject: string,
    options?: { readonly permanent?: boolean | undefined }
  ) => Effect.Effect<ReadonlyArray<number>, RegistryError>
  /** Deletes a version, soft or `permanent`. */
  readonly deleteVersion: (
    subject: string,
    version: Version,
    options?: { readonly permanent?: boolean | undefined }
  ) => Effect.Effect<number, RegistryError>
  /** The contexts; `":.:"` is the default one. */
  readonly contexts: Effect.Effect<ReadonlyArray<string>, RegistryError>
}

export type {
  /**
   * How requests are authorized.
   *
   * @stability unstable
   * @since 0.1.0
   * @category models
   */
  Auth
} from "../rest/restModel.ts"

/**
 * The settings of {@link layer}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The URL of the registry, or several of one cluster: the next one is asked when one is down. */
  readonly url: string | ReadonlyArray<string>
  /** How requests are authorized (default: not). Credentials within the URL are Basic, too. */
  readonly auth?: Auth | undefined
  /** Headers of every request, such as a tenant (default none). */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** How long one request may take (default 30 seconds). */
  readonly timeout?: Duration.Input | undefined
  /**
   * When a request is repeated that no registry could serve (default 3 times, from 100 ms, doubling, jittered, but not
   * later than 30 seconds after the first).
   */
  readonly retry?: Schedule.Schedule<unknown, RegistryError> | undefined
  /** How long the latest version of a subject is kept (default 5 minutes). */
  readonly latestTtl?: Duration.Input | undefined
  /** How long it is known that an id, a schema or a subject is not there (default 10 seconds). */
  readonly missingTtl?: Duration.Input | undefined
}
