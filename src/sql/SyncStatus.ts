/**
 * How syncs are doing: how far each partition is stored, what waits, and what the replication slots of the source keep.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { SqlClient } from "effect/sql/SqlClient"
import * as Admin from "../Admin.ts"
import type * as KafkaEngine from "../engine/KafkaEngine.ts"
import { errorOf, messageOf, oneLine } from "../internal/shared/causes.ts"
import { requireFields } from "../internal/shared/fields.ts"
import * as Kinds from "../internal/shared/handedIn/settingKinds.ts"
import type { KafkaError } from "../KafkaError.ts"
import type { AnySource } from "../Source.ts"
import { literalOf } from "./apply/literals.ts"
import type { Server } from "./check/facts.ts"
import { server } from "./check/factsSql.ts"
import * as Sql from "./check/statusSql.ts"
import type * as Migrations from "./Migrations.ts"
import { placeKinds } from "./migrations/place.ts"
import * as Outbox from "./Outbox.ts"
import * as SourceDatabase from "./SourceDatabase.ts"
import { requireSyncs } from "./sync/handedIn.ts"
import type { SyncError } from "./SyncError.ts"
import { ownTable, type Place, shownOwnTable } from "./tables/ownTables.ts"
import { ownTableErrorOf, syncErrorOf } from "./tables/sqlErrors.ts"
import type { AnySync } from "./verify/pairs.ts"

/**
 * A partition of a sync's topic, as a group has stored it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Partition {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The offset to go on from; `undefined` before the first record was stored. */
  readonly next: number | undefined
  /** The end of the partition; `undefined` if the topic or the partition does not exist. */
  readonly end: number | undefined
  /**
   * How many records are not stored yet: all that the partition has, before the first was. `undefined` where the
   * partition does not exist.
   */
  readonly lag: number | undefined
  /** When it was stored, or claimed, the last time: how long ago, in milliseconds. */
  readonly ageMillis: number
}

/**
 * A logical replication slot of the source's database.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Slot {
  readonly name: string
  readonly isActive: boolean
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | undefined
  /** How many bytes of WAL it keeps; `undefined` on a standby. */
  readonly retainedBytes: number | undefined
  /** How many bytes of WAL its connector has not confirmed. */
  readonly lagBytes: number | undefined
}

/**
 * How syncs are doing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Status {
  readonly partitions: ReadonlyArray<Partition>
  /** None if there is no source in the context. */
  readonly slots: ReadonlyArray<Slot>
  /** How many records wait for others; `undefined` if there is no such table. */
  readonly waiting: number | undefined
  /** `undefined` if there is no outbox. */
  readonly outbox: Outbox.Status | undefined
}

const lagRecords = Metric.gauge("millrace_sync_lag", {
  description: "Records of a partition that a sync has not stored yet"
})
const retained = Metric.gauge("millrace_slot_retained_bytes", {
  description: "WAL that a replication slot of the source keeps"
})
const slotLag = Metric.gauge("millrace_slot_lag_bytes", {
  description: "WAL that the connector of a replication slot has not confirmed"
})
const slotActive = Metric.gauge("millrace_slot_active", {
  description: "1 while a connector reads from the replication slot"
})

const partitionsOf = Effect.fnUntraced(function*(
  syncs: ReadonlyArray<AnySync>,
  place: Place
): Effect.fn.Return<ReadonlyArray<Partition>, SyncError | KafkaError, SqlClient | KafkaEngine.Service> {
  const sql = yield* SqlClient
  const names = [
    ...new Set(syncs.flatMap(({ source }) => {
      const { match } = source as AnySource
      return match._tag === "Name" ? [match.name] : []
    }))
  ]
  const rows = yield* Effect.mapError(
    sql.unsafe(Sql.offsets(place), [literalOf(names, (name) => name)]).values,
    (error) => ownTableErrorOf("look at the offsets of syncs", shownOwnTable(place, "offsets"), error)
  )
  const topics = yield* Admin.describeTopics(names)
  const known = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition }))
  )
  const offsets = Effect.fnUntraced(function*(at: "earliest" | "latest") {
    const found = known.length === 0 ? [] : yield* Admin.listOffsets(known, at)
    return new Map(found.map(({ offset, partition, topic }) => [`${topic}/${partition}`, offset]))
  })
  const ends = yield* offsets("latest")
  // What was never stored has everything before it.
  const begins = rows.some(([, , , next]) => next === null) ? yield* offsets("earliest") : new Map<string, number>()
  return rows.map(([group, topic, partition, next, age]) => {
    const end = ends.get(`${topic}/${partition}`)
    const stored = next === null ? undefined : Number(next)
    const from = stored ?? begins.get(`${topic}/${partition}`)
    return {
      group: String(group),
      topic: String(topic),
      partition: Number(partition),
      next: stored,
      end,
      lag: end === undefined || from === undefined ? undefined : Math.max(0, end - from),
      ageMillis: Math.max(0, Number(age))
    }
  })
})

const bytes = (text: string | null): number | undefined => text === null ? undefined : Number(text)

const slotsOf = Effect.gen(function*() {
  const source = yield* Effect.serviceOption(SourceDatabase.Service)
  if (source._tag === "None") return []
  const [row] = yield* Effect.mapError(
    source.value.unsafe(server).values,
    (error) => syncErrorOf("look at the slots of the source", error)
  )
  const { slots } = JSON.parse(String(row?.[0])) as Server
  return slots.map(({ isActive, lagBytes, name, retainedBytes, walStatus }): Slot => ({
    name,
    isActive,
    walStatus: walStatus ?? undefined,
    retainedBytes: bytes(retainedBytes),
    lagBytes: bytes(lagBytes)
  }))
})

const hasTable = Effect.fnUntraced(function*(place: Place, name: string) {
  const sql = yield* SqlClient
  const rows = yield* Effect.mapError(
    sql.unsafe(Sql.exists, [ownTable(place, name)]).values,
    (error) => syncErrorOf("look for Millrace's tables", error)
  )
  return rows[0]?.[0] === "true"
})

const waitingOf = Effect.fnUntraced(function*(place: Place) {
  if (!(yield* hasTable(place, "waiting"))) return undefined
  const sql = yield* SqlClient
  const rows = yield* Effect.mapError(
    sql.unsafe(Sql.waiting(place)).values,
    (error) => ownTableErrorOf("count waiting records", shownOwnTable(place, "waiting"), error)
  )
  return Number(rows[0]?.[0])
})

const measured = ({ partitions, slots }: Status): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (const { group, lag, partition, topic } of partitions) {
      if (lag === undefined) continue
      yield* Metric.update(Metric.withAttributes(lagRecords, { group, topic, partition: String(partition) }), lag)
    }
    for (const { isActive, lagBytes, name: slot, retainedBytes } of slots) {
      yield* Metric.update(Metric.withAttributes(slotActive, { slot }), isActive ? 1 : 0)
      if (lagBytes !== undefined) yield* Metric.update(Metric.withAttributes(slotLag, { slot }), lagBytes)
      if (retainedBytes !== undefined) yield* Metric.update(Metric.withAttributes(retained, { slot }), retainedBytes)
    }
  })

/**
 * Looks at the target, at the topics, and at the source where it is in the context, and sets the gauges
 * `millrace_sync_lag`, `millrace_slot_retained_bytes`, `millrace_slot_lag_bytes` and `millrace_slot_active`. Of syncs
 * of a pattern no partitions are shown. Fails with `NotMigrated` where Millrace's tables are missing. Throws for
 * options that it does not have.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Topic } from "millrace"
 * import { Change, ModelSync, SyncStatus } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const program = Effect.gen(function*() {
 *   const { partitions, slots } = yield* SyncStatus.read([users])
 *   for (const { lag, partition, topic } of partitions) yield* Effect.log(`${topic}/${partition}: ${lag}`)
 *   for (const { name, retainedBytes } of slots) yield* Effect.log(`${name} keeps ${retainedBytes} bytes`)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category operating
 */
export const read = (
  syncs: ReadonlyArray<AnySync>,
  options: Migrations.Options = {}
): Effect.Effect<Status, SyncError | KafkaError, SqlClient | KafkaEngine.Service> => {
  requireSyncs("SyncStatus.read", syncs)
  requireFields("SyncStatus.read", "options", options, placeKinds)
  return Effect.gen(function*() {
    const status: Status = {
      partitions: yield* partitionsOf(syncs, options),
      slots: yield* slotsOf,
      waiting: yield* waitingOf(options),
      outbox: (yield* hasTable(options, "outbox"))
        ? yield* Effect.provideService(Outbox.status, Outbox.Settings, options)
        : undefined
    }
    yield* measured(status)
    return status
  })
}

/**
 * Sets the gauges of {@link read} again and again (default every 30 seconds). A failure is logged, and the next look
 * comes as ever.
 *
 * @example
 * ```ts
 * import { Topic } from "millrace"
 * import { Change, ModelSync, SyncStatus } from "millrace/sql"
 *
 * const Users = Topic.make("shop.public.users", { key: Change.debezium, value: Change.debezium })
 * const users = ModelSync.make(Users, { table: "public.users", format: Change.envelope() })
 *
 * export const metrics = SyncStatus.layer([users], { every: "1 minute" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  syncs: ReadonlyArray<AnySync>,
  options: Migrations.Options & { readonly every?: Duration.Input | undefined } = {}
): Layer.Layer<never, never, SqlClient | KafkaEngine.Service> => {
  requireSyncs("SyncStatus.layer", syncs)
  requireFields("SyncStatus.layer", "options", options, { ...placeKinds, every: Kinds.interval })
  const { every = "30 seconds", ...place } = options
  // A bug, of a client for example, must not end it either.
  const look = Effect.catchCause(
    read(syncs, place),
    (cause) => Effect.logWarning(`the status of syncs cannot be read: ${oneLine(messageOf(errorOf(cause)))}`)
  )
  return Layer.effectDiscard(Effect.forkScoped(Effect.forever(Effect.andThen(look, Effect.sleep(every)))))
}
