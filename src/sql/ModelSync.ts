/**
 * Topics into tables, exactly once: each chunk of records is one bulk write, in one transaction with the offset behind
 * it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { SqlClient } from "effect/sql/SqlClient"
import type * as Types from "effect/Types"
import { none } from "../Codec.ts"
import * as Consumer from "../Consumer.ts"
import type * as Handler from "../Handler.ts"
import { givenUndecoded, handleOwningOffsets } from "../Handler.ts"
import { anything, flag, requireFields } from "../internal/shared/fields.ts"
import { schemaIn } from "../internal/shared/handedIn/codecArguments.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import { Proto } from "../internal/shared/proto.ts"
import type * as OnFailure from "../OnFailure.ts"
import type * as Record from "../Record.ts"
import { type AnySource, type DecodingServices, isSource, show } from "../Source.ts"
import type * as Change from "./Change.ts"
import type * as Migrations from "./Migrations.ts"
import { placeKinds } from "./migrations/place.ts"
import { requireSync, syncTypeId } from "./sync/handedIn.ts"
import { Handling } from "./sync/handling.ts"
import { mismatchOf } from "./sync/schemaCheck.ts"
import { requireSettings, settingsOf, type TableSettings } from "./sync/settings.ts"
import { load } from "./sync/syncTables.ts"
import { SyncError } from "./SyncError.ts"
import { Unsupported } from "./SyncErrorReason.ts"
import type { Table } from "./TableModel.ts"

export type { TableSettings, VersionSettings } from "./sync/settings.ts"
export type { Parent, WaitForSettings } from "./waiting/settings.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = syncTypeId

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * The settings of a sync.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Settings<S, E, R> extends TableSettings {
  /** What the records of the topic are: `Change.plain`, `Change.flattened()` or `Change.envelope()`. */
  readonly format: Change.Format
  /**
   * Makes the fields of a row from those of a record: computed fields, transformations, also with services. What it
   * returns takes the place of the record's fields; the key stays the record's. A failure is one of the record. Write
   * effects with `Effect.fnUntraced`; one per record costs more than the row.
   */
  readonly row?:
    | ((row: Change.Values, record: Record.Of<S>) => Change.Fields | Effect.Effect<Change.Fields, E, R>)
    | undefined
  /**
   * The tables of records that name one (`__dbz__physicalTableIdentifier`, or the source of an envelope), by
   * `schema.table` of the source. A text is the table to store into; an object may also have settings of its own, and
   * takes the others of the sync. Then a record of another table fails; without `tables` all records go into `table`.
   */
  readonly tables?: { readonly [source: string]: string | Partial<TableSettings> } | undefined
}

/**
 * A topic with the table that its records are stored in. It does nothing until a {@link handler} of it runs.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ModelSync<in out S, out E, out R> extends Pipeable {
  /** For the type checker alone. */
  readonly [TypeId]: {
    readonly _S: Types.Invariant<S>
    readonly _E: Types.Covariant<E>
    readonly _R: Types.Covariant<R>
  }
  readonly source: S
  /** @internal */
  readonly settings: Settings<any, any, any>
}

const SyncProto = {
  ...Proto,
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  toJSON(this: ModelSync<AnySource, unknown, unknown>) {
    return { _id: "ModelSync", source: show(this.source), table: this.settings.table }
  },
  toString(this: ModelSync<AnySource, unknown, unknown>) {
    return `ModelSync(${show(this.source)} into ${this.settings.table})`
  }
}

/**
 * Whether a value is a sync, also one of another copy of this package.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * const Users = Topic.make("users", { key: Change.debezium, value: Codec.nullable(Change.debezium) })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * console.log(ModelSync.isModelSync(users)) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isModelSync = (value: unknown): value is ModelSync<AnySource, unknown, unknown> =>
  Predicate.hasProperty(value, TypeId)

/**
 * Pairs a topic with a table. Settings that are misspelt, or contradict each other, throw; what they say about the
 * table is checked when a consumer begins, or by {@link check}.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Codec.nullable(Change.debezium) })
 *
 * const users = ModelSync.make(Users, {
 *   table: "public.users",
 *   format: Change.envelope(),
 *   rename: { name: "full_name" },
 *   fields: { exclude: ["password"] },
 *   row: (user) => ({ ...user, domain: String(user["email"]).split("@")[1] }),
 *   version: { column: "source_lsn", from: "lsn" }
 * })
 *
 * // Needs an engine, such as ConfluentKafka.layer, and an SqlClient, such as PgClient.layer.
 * export const app = Consumer.layer(Consumer.make("sync", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [ModelSync.handler(users)]
 * }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <S extends AnySource, E = never, R = never>(
  source: S,
  settings: Settings<S, E, R>
): ModelSync<S, E, R> => {
  if (!isSource(source)) throw new Error("ModelSync.make: it takes a topic first; use Topic.make or Topic.pattern")
  requireSettings(`ModelSync.make(${show(source)})`, settings)
  return Object.assign(Object.create(SyncProto), { source, settings })
}

const operationOf = ({ settings, source }: ModelSync<any, unknown, unknown>): string =>
  `sync ${show(source)} into ${settings.table}`

/**
 * Checks what a sync says about its tables against the database: tables, columns, keys. A consumer does it at each
 * assignment. Returns the tables. Fails with `MissingTable`, `MissingColumn`, `MissingKey` or `Unsupported`.
 *
 * **When to use**: in a deployment, before anything is started.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * const Users = Topic.make("users", { key: Change.debezium, value: Codec.nullable(Change.debezium) })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const checked = ModelSync.check(users)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category checks
 */
export const check = <S extends AnySource, E, R>(
  sync: ModelSync<S, E, R>
): Effect.Effect<ReadonlyArray<Table>, SyncError, SqlClient> => {
  requireSync("ModelSync.check", sync)
  return Effect.map(
    load(operationOf(sync), sync.settings, {}),
    ({ byName, main }) => [...new Set([main, ...byName.values()].map(({ target }) => target.table))]
  )
}

/**
 * Reads the table's columns and key, and checks them against the Schema of the topic's values: a field without a
 * column, a column that needs a value and has no field, a type that does not fit, or a null that the column refuses,
 * fail with `MissingColumn` or `Unsupported`, which name the column. Classes of Effect's `Model`, unions and all other
 * Schemas of objects are understood. Where values are no rows (envelopes, and with `row`) it is given as `model`.
 *
 * **When to use**: where the program describes the rows too, so that a migration and a release cannot part ways.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * class User extends Schema.Class<User>("User")({ id: Schema.Int, name: Schema.NullOr(Schema.String) }) {}
 * const Users = Topic.make("users", { key: Codec.json(Schema.Int), value: Codec.nullable(Codec.json(User)) })
 *
 * export const program = Effect.gen(function*() {
 *   const users = yield* ModelSync.derive(Users, { table: "public.users", format: Change.plain })
 *   yield* Consumer.run(Consumer.make("sync", {
 *     offsetReset: "earliest",
 *     onFailure: OnFailure.deadLetter,
 *     handlers: [ModelSync.handler(users)]
 *   }))
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const derive = <S extends AnySource, E = never, R = never>(
  source: S,
  settings: Settings<S, E, R> & {
    /** The Schema of the rows (default: that of the topic's values). */
    readonly model?: Schema.Top | undefined
  }
): Effect.Effect<ModelSync<S, E, R>, SyncError, SqlClient> => {
  const { model, ...rest } = settings ?? {}
  const sync = make(source, rest)
  if (model !== undefined) schemaIn(`ModelSync.derive(${show(source)}): model`, model)
  return Effect.gen(function*() {
    const operation = operationOf(sync)
    const { byName, main } = yield* load(operation, rest, {})
    const { key, value } = source.codecs
    // That says nothing of what `row` returns, nor of the rows in an envelope.
    const schema = model ?? (rest.row === undefined && rest.format._tag !== "Envelope" ? value.schema : undefined)
    const problem = "the topic has no Schema of the rows; give one as `model`, or use ModelSync.make"
    const reason = schema === undefined
      ? new Unsupported({ table: rest.table, column: "*", problem })
      : mismatchOf(Schema.toType(schema).ast, [main, ...byName.values()], key !== none)
    if (reason !== undefined) return yield* new SyncError({ operation, reason })
    return sync
  })
}

/**
 * The settings of a handler.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface HandlerOptions extends Migrations.Options {
  /** How many records are stored in one transaction at most (default 2,000; more than 5,000 gain nothing). */
  readonly maxSize?: number | undefined
  /** How long a batch that is not full waits for more records (default: not at all). */
  readonly maxWait?: Duration.Input | undefined
  /**
   * When the database is asked again after it was not available, denied something, or lacked a table (default: after
   * 100 ms, then twice as long each time, at most 10 seconds, for ever). The partition waits, `Health` turns red, and
   * no record goes to dead letters. When the schedule ends, the batch fails with a `SyncError`.
   */
  readonly retry?: Schedule.Schedule<unknown, SyncError> | undefined
  /**
   * How long a row waits whose unique value another row still has, and a deletion while rows refer to its row, which
   * an event of another partition may change (default 30 seconds). Then the record fails, and for ten times as long
   * others fail without waiting.
   */
  readonly conflictWait?: Duration.Input | undefined
  /**
   * How often rows that wait for their parents (`waitFor`) are looked at, for parents that no sync of this database
   * writes (default 5 seconds). What a sync writes releases them at once.
   */
  readonly sweep?: Duration.Input | undefined
  /** Whether sends of `row` are suppressed (default true), so that two systems do not send to each other for ever. */
  readonly suppress?: boolean | undefined
}

const defaultRetry: Schedule.Schedule<unknown, SyncError> = Schedule.min([
  Schedule.exponential("100 millis"),
  Schedule.spaced("10 seconds")
]).pipe(Schedule.jittered)

const optionKinds = {
  ...placeKinds,
  maxSize: Kinds.positive,
  maxWait: Kinds.duration,
  retry: Kinds.schedule,
  conflictWait: Kinds.duration,
  sweep: Kinds.interval,
  suppress: flag
}

/**
 * The handler of a sync, for a consumer. Beneath it is `Topic.handleOwningOffsets`: the offsets are in the table
 * `millrace.offsets`, which `Migrations.run` makes, and a partition goes on from there at each assignment.
 *
 * A record that cannot be stored goes the way of the policy, alone, with a `SyncError` (or the error of `row`); those
 * before it are stored, and those behind it come next. A table, column or key that is missing at the start ends the
 * consumer's start. While the database cannot be used the partition waits.
 *
 * @example
 * ```ts
 * import { Codec, OnFailure, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * const Users = Topic.make("users", { key: Change.debezium, value: Codec.nullable(Change.debezium) })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.flattened() })
 *
 * export const handler = ModelSync.handler(users, { maxSize: 1_000, onFailure: OnFailure.skip })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category handlers
 */
export const handler = <S extends AnySource, E, R, RX = never>(
  sync: ModelSync<S, E, R>,
  options: HandlerOptions & {
    /** What happens to a record that cannot be stored (default: the consumer's `onFailure`). */
    readonly onFailure?: OnFailure.For<Types.NoInfer<E> | SyncError, RX> | undefined
  } = {}
): Handler.Handler<E | SyncError, R | SqlClient | DecodingServices<S> | RX> => {
  requireSync("ModelSync.handler", sync)
  const { settings, source } = sync
  requireFields(`ModelSync.handler(${show(source)})`, "options", options, { ...optionKinds, onFailure: anything })
  const { conflictWait, maxSize, maxWait, onFailure, prefix, retry, schema, suppress, sweep } = options
  const handling = new Handling<R>({
    ...settings,
    ...settingsOf(settings, {}),
    operation: operationOf(sync),
    place: { schema, prefix },
    row: settings.row,
    suppress: suppress ?? true,
    retry: retry ?? defaultRetry,
    conflictWait: conflictWait ?? "30 seconds",
    sweep: sweep ?? "5 seconds"
  })
  // What `row` fails with is in the causes of `BatchFailed`, and the policy is asked about it.
  const handle = handling.handle as (batch: any) => Effect.Effect<void, any, R | SqlClient>
  const made: Handler.Handler<any, R | SqlClient | DecodingServices<S> | RX> = handleOwningOffsets(source, handle, {
    startOffsets: (partitions, { group }) => handling.start(partitions, group),
    maxSize: maxSize ?? 2_000,
    maxWait,
    onFailure
  })
  return givenUndecoded(made)
}

/**
 * A consumer of one sync, as a layer. Takes the settings of `Consumer.make` and of {@link handler}.
 *
 * @example
 * ```ts
 * import { Codec, OnFailure, Topic } from "millrace"
 * import { Change, ModelSync } from "millrace/sql"
 *
 * const Users = Topic.make("users", { key: Change.debezium, value: Codec.nullable(Change.debezium) })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const app = ModelSync.layer("sync", users, { offsetReset: "earliest", onFailure: OnFailure.deadLetter })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = <S extends AnySource, E, R, RX = never>(
  group: string,
  sync: ModelSync<S, E, R>,
  options: Consumer.Settings & HandlerOptions & {
    readonly onFailure: OnFailure.For<Types.NoInfer<E> | SyncError, RX>
  }
) => {
  const { conflictWait, maxSize, maxWait, onFailure, prefix, retry, schema, suppress, sweep, ...settings } = options
  const handlers = [handler(sync, { conflictWait, maxSize, maxWait, prefix, retry, schema, suppress, sweep })]
  return Layer.suspend(() => Consumer.layer(Consumer.make(group, { ...settings, handlers, onFailure })))
}
