/**
 * Messages that are written with the rows they are about, in one transaction, and published afterwards.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import type { BatchFailed } from "../BatchFailed.ts"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import type { RawMessage } from "../engine/KafkaEngine.ts"
import type * as Handler from "../Handler.ts"
import * as Handlers from "../Handler.ts"
import { rawsOf } from "../internal/produce/raws.ts"
import type { KafkaError } from "../KafkaError.ts"
import type { Input } from "../Message.ts"
import type * as Record from "../Record.ts"
import type { AnySource, AnyTopic, DecodingServices, EncodingServices } from "../Source.ts"
import { literalOf } from "./apply/literals.ts"
import { ring } from "./outbox/bell.ts"
import { forwardAll } from "./outbox/forwarding.ts"
import * as Sql from "./outbox/outboxSql.ts"
import { requireRoutable } from "./outbox/routed.ts"
import { locksFor, parametersOf, partsOf, walParametersOf } from "./outbox/rows.ts"
import { requireIds, requireMost, requireOutbox } from "./outbox/settings.ts"
import { rowsWith } from "./outbox/wideRows.ts"
import type { SyncError } from "./SyncError.ts"
import { ownTable, type Place, shownOwnTable } from "./tables/ownTables.ts"
import { ownTableErrorOf } from "./tables/sqlErrors.ts"

/**
 * Where the outbox is, and who publishes it.
 *
 * - `schema`, `prefix`: as for `Migrations`
 * - `via`: with `"relay"` (default) an `OutboxRelay` publishes the rows and deletes them; with `"debezium"` the rows
 *   are deleted in the transaction that wrote them, because Debezium's outbox router reads the database's log, and
 *   messages with headers or a timestamp are refused, which it leaves out; with `"log"` no table is needed, messages
 *   are written into that log itself, and {@link forward} sends what Debezium reads there
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options extends Place {
  readonly via?: "relay" | "debezium" | "log" | undefined
}

/**
 * The options that {@link send} and everything else of an outbox use (default none: schema `millrace`, no prefix, a
 * relay). {@link layer} sets them.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Settings: Context.Reference<Options> = Context.Reference<Options>("millrace/sql/Outbox/Settings", {
  defaultValue: () => ({})
})

/**
 * Sets where the outbox is. Throws for options that it does not have.
 *
 * @example
 * ```ts
 * import { Outbox } from "millrace/sql"
 *
 * export const outbox = Outbox.layer({ schema: "public", prefix: "millrace_" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<never> => {
  requireOutbox("Outbox.layer", options)
  return Layer.succeed(Settings, options)
}

let turn = 0

/**
 * Writes many messages: all of them, or none. They are published in their order per key. See {@link send}. A statement
 * takes 2,000, or 16 MiB; the first one takes the locks of all keys.
 *
 * @example
 * ```ts
 * import { Codec, Topic } from "millrace"
 * import { Outbox } from "millrace/sql"
 *
 * const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })
 *
 * export const program = Outbox.sendAll(Notes, [{ key: "a", value: "1" }, { key: "b", value: "2" }])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const sendAll: <T extends AnyTopic>(
  topic: T,
  messages: ReadonlyArray<NoInfer<Input<T>>>
) => Effect.Effect<void, SyncError | KafkaError | Schema.SchemaError, SqlClient | EncodingServices<T>> = Effect
  .fnUntraced(function*(topic: AnyTopic, messages: ReadonlyArray<unknown>): Effect.fn.Return<
    void,
    SyncError | KafkaError | Schema.SchemaError,
    any
  > {
    const raws = yield* rawsOf(topic, messages)
    if (raws.length === 0) return
    const settings = yield* Settings
    if (settings.via === "debezium") yield* requireRoutable(topic.name, raws)
    const sql = yield* SqlClient
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const parts = partsOf(raws)
    const locks = locksFor(raws)
    const insert = (part: ReadonlyArray<RawMessage>, i: number) => {
      // The first statement takes the locks of all.
      const taken = i === 0 ? locks : "{}"
      if (settings.via === "log") return sql.unsafe(Sql.emit, walParametersOf(part, now, taken)).values
      const rows = sql.unsafe(Sql.insert(settings), parametersOf(part, now, turn++, taken)).values
      return settings.via === "debezium"
        ? Effect.flatMap(rows, (ids) => sql.unsafe(Sql.remove(settings), [literalOf(ids, ([id]) => String(id))]))
        : rows
    }
    const inserts = Effect.forEach(parts, insert, { discard: true })
    const written = Effect.andThen(
      parts.length > 1 || settings.via === "debezium" ? sql.withTransaction(inserts) : inserts,
      sql.afterCommit(Effect.sync(() => ring(ownTable(settings, "outbox"))))
    )
    yield* Effect.mapError(
      written,
      (error) => ownTableErrorOf("write to the outbox", shownOwnTable(settings, "outbox"), error)
    )
  })

/**
 * Writes a message into the outbox, with the current transaction of the `SqlClient`: it is published if and only if
 * that commits, at least once, and in the order of commits among messages of the same topic and key; exactly once if
 * the relay is asked to (`exactlyOnce`). Published records have a header `id`, by which a consumer knows one again that
 * came twice.
 *
 * Fails with `SchemaError` or `KafkaError` for a message that a `Producer` would not send, and with `SyncError`
 * otherwise. Suppression counts as for a `Producer`, and the span of `Producer.Tracing` goes along.
 *
 * Writers of the same key wait for each other until they commit. A transaction that writes several keys in several
 * calls may meet another one that writes them in another order: the database then ends one of them with a deadlock,
 * which can be repeated.
 *
 * **When to use**: when a record must not be lost and not be sent without its row. Two writes, one to the database and
 * one to Kafka, can always be parted by a crash.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { SqlClient } from "effect/sql"
 * import { Codec, Topic } from "millrace"
 * import { Outbox } from "millrace/sql"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 *
 * export const place = (id: string) =>
 *   Effect.gen(function*() {
 *     const sql = yield* SqlClient.SqlClient
 *     yield* sql.withTransaction(
 *       Effect.andThen(
 *         sql`INSERT INTO orders (id) VALUES (${id})`,
 *         Outbox.send(Orders, { key: id, value: "placed" })
 *       )
 *     )
 *   })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category producing
 */
export const send = <T extends AnyTopic>(
  topic: T,
  message: NoInfer<Input<T>>
): Effect.Effect<void, SyncError | KafkaError | Schema.SchemaError, SqlClient | EncodingServices<T>> =>
  sendAll(topic, [message])

/**
 * Sends the messages that were written into the database's log (`via: "log"`) and that Debezium put into a topic,
 * `<topic.prefix>.message`. Other logical messages are passed over. At least once, in the order of that topic: give it
 * one partition. A message that Kafka refuses fails alone, with a `KafkaError`, and one that is none with a
 * `SyncError` (`Malformed`).
 *
 * **When to use**: for an outbox without a table. It has no replay: what a dropped replication slot had not sent is
 * lost.
 *
 * @example
 * ```ts
 * import { Codec, Consumer, OnFailure, Topic } from "millrace"
 * import { Change, Outbox } from "millrace/sql"
 *
 * const Messages = Topic.make("shop.message", { key: Codec.nullable(Change.debezium), value: Change.debezium })
 *
 * export const forwarding = Consumer.make("outbox", {
 *   offsetReset: "earliest",
 *   onFailure: OnFailure.deadLetter,
 *   handlers: [Outbox.forward(Messages)]
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category handlers
 */
export const forward = <S extends AnySource, RX = never>(
  source: S,
  options: Handler.BatchOptions<KafkaError | SyncError, RX> = {}
): Handler.Handler<KafkaError | SyncError, DecodingServices<S> | RX | KafkaEngine.Service> =>
  Handlers.handleBatch<S, BatchFailed<KafkaError | SyncError> | KafkaError, KafkaEngine.Service, RX>(
    source,
    (records) => forwardAll(records as ReadonlyArray<Record.Record<unknown, unknown, unknown>>),
    options
  )

/**
 * How an outbox is doing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Status {
  /** How many messages wait to be published. */
  readonly waiting: number
  /** How long the oldest of them has waited, in milliseconds; 0 if none waits. */
  readonly oldestMillis: number
  /** How many messages Kafka refused. */
  readonly parked: number
}

/** Runs a statement of the current outbox. */
const query = (
  operation: string,
  statement: (place: Place) => string,
  parameters: ReadonlyArray<unknown> = []
): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SyncError, SqlClient> =>
  Effect.gen(function*() {
    const settings = yield* Settings
    const sql = yield* SqlClient
    return yield* Effect.mapError(
      sql.unsafe(statement(settings), parameters).values,
      (error) => ownTableErrorOf(operation, shownOwnTable(settings, "outbox"), error)
    )
  })

/** Fails when the table is not there. @internal */
export const probe: Effect.Effect<void, SyncError, SqlClient> = Effect.asVoid(query("look at the outbox", Sql.probe))

/**
 * How many messages wait, and since when. It counts rows: with millions of them it takes seconds.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Outbox } from "millrace/sql"
 *
 * export const show = Effect.flatMap(Outbox.status, ({ waiting }) => Effect.log(`${waiting} messages wait`))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const status: Effect.Effect<Status, SyncError, SqlClient> = Effect.map(
  query("look at the outbox", Sql.status),
  (rows) => {
    const [waiting, parked, oldest] = rows[0] ?? []
    return { waiting: Number(waiting), parked: Number(parked), oldestMillis: Math.max(0, Number(oldest ?? 0)) }
  }
)

/**
 * A message that Kafka refused for good: it is too large, or its partition does not exist. It stays until it is
 * published again ({@link retry}) or dropped.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Parked {
  /** Its id in the outbox, as digits. */
  readonly id: string
  readonly topic: string
  readonly partition: number | undefined
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  /** When it was refused, in milliseconds since the epoch. */
  readonly parkedAt: number
  /** What Kafka said. */
  readonly problem: string
}

/**
 * The messages that Kafka refused, oldest first, `most` of them (default 1,000).
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Outbox } from "millrace/sql"
 *
 * export const show = Effect.flatMap(Outbox.parked(), (messages) =>
 *   Effect.forEach(messages, ({ id, problem, topic }) => Effect.log(`${id} for ${topic}: ${problem}`)))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const parked = (most = 1_000): Effect.Effect<ReadonlyArray<Parked>, SyncError, SqlClient> => {
  requireMost("Outbox.parked", most)
  return Effect.gen(function*() {
    const settings = yield* Settings
    const sql = yield* SqlClient
    const cells = yield* query("list parked messages", Sql.parked, [most])
    const rows = yield* Effect.mapError(
      rowsWith((text, parameters) => sql.unsafe(text, parameters).values, settings, cells),
      (error) => ownTableErrorOf("list parked messages", shownOwnTable(settings, "outbox"), error)
    )
    return rows.map(({ id, message: { key, partition, topic, value } }, i) => (
      { id, topic, partition, key, value, parkedAt: Number(cells[i]![8]), problem: String(cells[i]![9]) }
    ))
  })
}

/** A parked message without its value, and with the first 1,024 bytes of its key. @internal */
export interface ParkedLine extends Omit<Parked, "value"> {
  readonly bytes: number
}

/** As {@link parked}, without the values, which may be many and large. @internal */
export const parkedLines = (most: number): Effect.Effect<ReadonlyArray<ParkedLine>, SyncError, SqlClient> => {
  requireMost("Outbox.parkedLines", most)
  return Effect.map(
    query("list parked messages", Sql.parkedLines, [most]),
    (rows) =>
      rows.map(([id, topic, partition, key, bytes, parkedAt, problem]) => ({
        id: String(id),
        topic: String(topic),
        partition: partition === null ? undefined : Number(partition),
        key: key === null ? null : key as Uint8Array,
        bytes: Number(bytes),
        parkedAt: Number(parkedAt),
        problem: String(problem)
      }))
  )
}

/** The ids of all parked messages. @internal */
export const parkedIds: Effect.Effect<ReadonlyArray<string>, SyncError, SqlClient> = Effect.map(
  query("list parked messages", Sql.parkedIds),
  (rows) => rows.map(([id]) => String(id))
)

const changed = (what: "retry" | "drop", statement: (place: Place) => string, ids: ReadonlyArray<string>) => {
  requireIds(`Outbox.${what}`, ids)
  return Effect.map(query(`${what} parked messages`, statement, [literalOf(ids, String)]), (rows) => rows.length)
}

/**
 * Lets parked messages be published again, as if they were written now. Returns how many there were.
 *
 * @example
 * ```ts
 * import { Outbox } from "millrace/sql"
 *
 * export const again = Outbox.retry(["17"])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const retry = (ids: ReadonlyArray<string>): Effect.Effect<number, SyncError, SqlClient> =>
  changed("retry", Sql.unpark, ids)

/**
 * Deletes parked messages. Returns how many there were.
 *
 * @example
 * ```ts
 * import { Outbox } from "millrace/sql"
 *
 * export const gone = Outbox.drop(["17"])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const drop = (ids: ReadonlyArray<string>): Effect.Effect<number, SyncError, SqlClient> =>
  changed("drop", Sql.drop, ids)
