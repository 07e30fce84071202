/**
 * What a record says about the row of a table: formats for plain topics and for both forms of Debezium's, and codecs
 * for the JSON of Connect and of programs.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Codec from "../Codec.ts"
import { flag, type KindsOf, oneOf, requireFields, text, texts } from "../internal/shared/fields.ts"
import type { Modes } from "./cells/modes.ts"
import * as Codecs from "./change/codec.ts"
import { readEnvelope } from "./change/envelope.ts"
import { metadataNames, readFlattened, saidNames } from "./change/flattened.ts"
import { tableField } from "./change/keys.ts"
import type { Format } from "./change/model.ts"
import { isIgnoredOf } from "./change/origins.ts"
import { readPlain } from "./change/plain.ts"
import { isUnchangedOf } from "./change/toast.ts"
import { isSkippedOf } from "./change/values.ts"

export type { Modes } from "./cells/modes.ts"
export {
  /**
   * A record that is not of its format.
   *
   * @stability unstable
   * @since 0.1.0
   * @category errors
   */
  Malformed
} from "./change/model.ts"
export type { Change, Delete, Ignore, Truncate, Upsert } from "./change/model.ts"
export type { Fields, Format, Input, Values, Version } from "./change/model.ts"

/**
 * What the connector is set to, as far as it shows in its records. The names and defaults are those of
 * `Debezium.postgresSource`, but for `times`: without it integers are refused as times and timestamps.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConnectorOptions {
  /** `time.precision.mode`; see `Modes`. */
  readonly times?: Modes["times"]
  /** `decimal.handling.mode` (default `string`). */
  readonly decimals?: Modes["decimals"] | undefined
  /** `binary.handling.mode` (default `bytes`). */
  readonly binaries?: Modes["binaries"] | undefined
  /** `include.unknown.datatypes` (default `false`). Without it a null in a column of type `name` is refused. */
  readonly unknownTypes?: boolean | undefined
  /** `unavailable.value.placeholder` (default `__debezium_unavailable_value`). */
  readonly placeholder?: string | undefined
  /**
   * What to do with values that show that Debezium has lost a part of them (default `refuse`): microseconds for an
   * interval, arrays of nulls, times in arrays, the bits of a `bit varying`.
   */
  readonly lossy?: Modes["lossy"] | undefined
  /**
   * The table's `REPLICA IDENTITY` at the source (default `default`). Say `full` where it is, so that a null in an
   * update is known to be one; envelopes show it themselves, but for changes of a key.
   */
  readonly replicaIdentity?: "default" | "full" | undefined
  /** Replication origins whose changes are left out (default none); `name*` stands for all that begin so. */
  readonly ignoreOrigins?: ReadonlyArray<string> | undefined
  /** A field that leaves a row out where it is true, such as `kafka_skip` (default none). */
  readonly skipField?: string | undefined
  /** The field that merged topics have the table in (default `__dbz__physicalTableIdentifier`). */
  readonly tableField?: string | undefined
  /** What a null means (default see the format). */
  readonly tombstones?: "delete" | "ignore" | undefined
}

/**
 * The options of {@link flattened}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface FlattenedOptions extends ConnectorOptions {
  /** `add.fields.prefix` and `add.headers.prefix` (default `__`). */
  readonly prefix?: string | undefined
  /** Other fields that are no columns, such as those that `add.fields` renames (default none). */
  readonly metadata?: ReadonlyArray<string> | undefined
}

/**
 * The options of {@link plainWith}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface PlainOptions {
  /** The unit of integers in columns of times and timestamps, as `time.precision.mode` has it (default refused). */
  readonly times?: Modes["times"]
  /** What texts in columns of bytes are (default `base64`). */
  readonly binaries?: Modes["binaries"] | undefined
  /** A field that leaves a row out where it is true, such as `kafka_skip` (default none). */
  readonly skipField?: string | undefined
}

const times = oneOf("adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds")
const binaries = oneOf("bytes", "base64", "base64-url-safe", "hex")

const connectorKinds: KindsOf<ConnectorOptions> = {
  times,
  decimals: oneOf("string", "precise", "double"),
  binaries,
  unknownTypes: flag,
  placeholder: text,
  lossy: oneOf("refuse", "accept"),
  replicaIdentity: oneOf("default", "full"),
  ignoreOrigins: texts,
  skipField: text,
  tableField: text,
  tombstones: oneOf("delete", "ignore")
}
const flattenedKinds: KindsOf<FlattenedOptions> = { ...connectorKinds, prefix: text, metadata: texts }
const plainKinds: KindsOf<PlainOptions> = { times, binaries, skipField: text }

const modesOf = (options: ConnectorOptions): Modes => ({
  source: "debezium",
  times: options.times,
  decimals: options.decimals ?? "string",
  binaries: options.binaries ?? "bytes",
  unknownTypes: options.unknownTypes ?? false,
  lossy: options.lossy ?? "refuse"
})

const partsOf = (options: ConnectorOptions) => ({
  tableField: options.tableField ?? tableField,
  isIgnored: isIgnoredOf(options.ignoreOrigins ?? []),
  isSkipped: isSkippedOf(options.skipField),
  isFull: options.replicaIdentity === "full",
  isUnchanged: isUnchangedOf(options.placeholder ?? "__debezium_unavailable_value")
})

/**
 * Debezium's records as they are: `before`, `after`, `op` and `source`, from JSON (with schemas or without) or Avro.
 *
 * Only `op: "d"` deletes by default: the null behind it does not say its origin, so that a loop guard that leaves the
 * deletion out would still obey the null. `tombstones: "delete"` is for compacted topics of which a consumer may have
 * missed the deletions.
 *
 * **When to use**: unless another consumer needs flat rows. It is the only format with truncations, and with the old
 * row.
 *
 * @example
 * ```ts
 * import { Change } from "millrace/sql"
 *
 * const format = Change.envelope({ times: "isostring", ignoreOrigins: ["millrace_*"] })
 *
 * export const change = format.read({
 *   key: { id: 1 },
 *   value: { op: "c", before: null, after: { id: 1, name: "Ada" }, source: { schema: "public", table: "users" } },
 *   headers: []
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category formats
 */
export const envelope = (options: ConnectorOptions = {}): Format => {
  requireFields("Change.envelope", "options", options, connectorKinds)
  const reading = { ...partsOf(options), tombstones: options.tombstones ?? "ignore" }
  return {
    _tag: "Envelope",
    modes: modesOf(options),
    reads: { placeholder: options.placeholder, tableField: options.tableField },
    read: (record, keyFields) => readEnvelope(reading, record, keyFields)
  }
}

/**
 * Rows of `ExtractNewRecordState`. A null deletes (unless `tombstones: "ignore"`), as does a row with `__deleted` or
 * `__op: "d"`. The version is in `__lsn`, `__source_lsn`, `__source_ts_ms` or `__ts_ms`, in a field or in a header.
 *
 * With `ignoreOrigins` each record has to say its origin: `add.fields=origin` for rows, and `add.headers=origin` for
 * nulls, which have no fields. One that does not is refused. This transform drops truncations; {@link envelope} has
 * them.
 *
 * @example
 * ```ts
 * import { Change } from "millrace/sql"
 *
 * const format = Change.flattened({ times: "adaptive_time_microseconds" })
 *
 * export const change = format.read({
 *   key: { id: 1 },
 *   value: { id: 1, name: "", __deleted: "true", __op: "d", __lsn: 22674512 },
 *   headers: []
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category formats
 */
export const flattened = (options: FlattenedOptions = {}): Format => {
  requireFields("Change.flattened", "options", options, flattenedKinds)
  const { ignoreOrigins = [], metadata = [], prefix = "__", tombstones = "delete" } = options
  const reading = {
    ...partsOf(options),
    tombstones,
    prefix,
    metadata: metadataNames(prefix, metadata),
    said: saidNames(prefix),
    needsOrigin: ignoreOrigins.length > 0
  }
  return {
    _tag: "Flattened",
    modes: modesOf(options),
    reads: { placeholder: options.placeholder, tableField: options.tableField, prefix: options.prefix },
    read: (record, keyFields) => readFlattened(reading, record, keyFields)
  }
}

/**
 * Records of a program: the value is the row, a null says that it is gone. Values are what the topic's codec makes of
 * them: `Date`, `bigint`, `Option`, `BigDecimal`, `DateTime`, `Duration`, `Uint8Array`, …. A text in a column of JSON
 * is a JSON string.
 *
 * @example
 * ```ts
 * import { Change } from "millrace/sql"
 *
 * const format = Change.plainWith({ times: "connect" })
 *
 * export const change = format.read({ key: "1", value: { id: "1", at: 1767323045678 }, headers: [] }, ["id"])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category formats
 */
export const plainWith = (options: PlainOptions): Format => {
  requireFields("Change.plainWith", "options", options, plainKinds)
  const isSkipped = isSkippedOf(options.skipField)
  return {
    _tag: "Plain",
    modes: {
      source: "plain",
      times: options.times,
      decimals: "string",
      binaries: options.binaries ?? "base64",
      unknownTypes: false,
      lossy: "accept"
    },
    read: (record, keyFields) => readPlain(record, isSkipped, keyFields)
  }
}

/**
 * {@link plainWith} without options.
 *
 * @stability unstable
 * @since 0.1.0
 * @category formats
 */
export const plain: Format = plainWith({})

/**
 * The JSON of Connect, for keys and values, with or without schemas (`schemas.enable`). Numbers above 2^53 become a
 * `bigint`, and decimals that a double cannot hold a `BigDecimal`; what a schema says of decimals, bytes and times goes
 * into the values. A null is null: it needs no `Codec.nullable`. The `ts_ns` that Debezium adds to its events is
 * rounded.
 *
 * A value is taken for one with its schema if `schema` and `payload` are all its fields, and the first is null or has a
 * `type`. Where a program sends rows that may look so, take {@link json}.
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 * import { Change } from "millrace/sql"
 *
 * export const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const debezium: Codec.Codec<unknown> = Codecs.debezium

/**
 * The JSON of a program, for keys and values: as {@link debezium}, with all digits of its numbers, but a value is what
 * it is, also one of the fields `schema` and `payload`. A null is null.
 *
 * **When to use**: with {@link plain}, where no Schema describes the values. `Codec.json` checks them against one.
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 * import { Change } from "millrace/sql"
 *
 * export const Visits = Topic.make("visits", { key: Change.json, value: Change.json })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category codecs
 */
export const json: Codec.Codec<unknown> = Codecs.json
