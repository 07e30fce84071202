/**
 * Publishes what an `Outbox` holds.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { register, type ServiceCell } from "../internal/telemetry/serviceCell.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as Outbox from "./Outbox.ts"
import { Alarm } from "./outbox/alarm.ts"
import { answered, operation } from "./outbox/asking.ts"
import { listen } from "./outbox/bell.ts"
import { exactlyOnce } from "./outbox/exactlyOnce.ts"
import { atLeastOnce, type Publisher } from "./outbox/publishing.ts"
import { mayPublish, Relay } from "./outbox/relay.ts"
import { requireRelay } from "./outbox/settings.ts"
import { problemIn, work } from "./outbox/working.ts"
import { isSyncError, type SyncError } from "./SyncError.ts"
import { ownTable, shownOwnTable } from "./tables/ownTables.ts"
import { syncErrorOf } from "./tables/sqlErrors.ts"

/**
 * How a relay works.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many messages of a shard are published in one transaction at most (default 1,000, at most 1,000,000). */
  readonly batchSize?: number | undefined
  /** How many bytes of keys, values and headers these may have, but one message in any case (default 8 MiB). */
  readonly batchBytes?: number | undefined
  /**
   * How many of the 16 shards are published at once, each with a connection of its own (default 4). One that has waited
   * for 10 seconds does not count any more, so that the others go on.
   */
  readonly concurrency?: number | undefined
  /**
   * How long the relay waits before it looks again when there was nothing: from `least` (default 20 milliseconds), each
   * time twice as long, to `most` (default 1 second). A commit of the same process wakes it at once.
   */
  readonly poll?: { readonly least: Duration.Input; readonly most: Duration.Input } | undefined
  /**
   * Each element makes it look at once, such as a notification of the database. When it fails that is logged, and it is
   * run again after 1 to 30 seconds.
   */
  readonly wake?: Stream.Stream<unknown, unknown> | undefined
  /**
   * Publishes in transactions (default: without): consumers with `isolation: "read_committed"` get each message once,
   * also after a crash. All relays of the outbox need the same.
   */
  readonly exactlyOnce?: ExactlyOnce | undefined
}

/**
 * How a relay publishes exactly once: it has a transactional producer for each of its shards, which fences that of an
 * earlier relay, and each transaction says in a topic which messages it published.
 *
 * **When to use**: where consumers cannot know a message again that comes twice, or where relays take over from each
 * other and the order of a key must hold. It costs round trips for each batch, and a native client for each shard.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ExactlyOnce {
  /**
   * How the transactional ids begin; a number of 0 to 16 follows. One for each outbox of each database that publishes
   * to the cluster, the same in all relays of the outbox, and never another one: the relays of two outboxes with the
   * same one keep each other from working. The user needs the right to write with these ids.
   */
  readonly transactionalId: string
  /**
   * The topic that says what is published (default: `transactionalId` and `.receipts`). It is made if it is not there,
   * compacted, with 17 partitions.
   */
  readonly topic?: string | undefined
}

/** How long it takes until what failed is run again, at first and at most. */
const again = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")])

/** A pool may hand out connections that were cut meanwhile: it has noticed that a moment later. */
const atOnce = { schedule: Schedule.spaced("200 millis"), times: 5, while: ({ isRetryable }: SyncError) => isRetryable }

/** Fails with what would be in its way from the start. */
const ready: Effect.Effect<void, SyncError, SqlClient> = Effect.gen(function*() {
  const settings = yield* Outbox.Settings
  yield* Outbox.probe
  yield* Effect.mapError(
    mayPublish(settings),
    (error) => isSyncError(error) ? error : syncErrorOf(operation, error)
  )
}).pipe(Effect.retry(atOnce))

const publisherOf = (
  settings: ExactlyOnce | undefined
): Effect.Effect<Publisher, KafkaError, KafkaEngine.Service | Scope.Scope> =>
  settings === undefined
    ? Effect.map(Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer), atLeastOnce)
    : exactlyOnce({ ...settings, topic: settings.topic ?? `${settings.transactionalId}.receipts` })

/** Makes what publishes, for ever. */
type Starting = Effect.fn.Return<
  Effect.Effect<never, never, SqlClient>,
  SyncError | KafkaError,
  SqlClient | KafkaEngine.Service | Scope.Scope
>

const start = Effect.fnUntraced(function*(health: ServiceCell, options: Options): Starting {
  const settings = yield* Outbox.Settings
  const { batchBytes = 8 * 1_024 * 1_024, batchSize = 1_000, concurrency = 4, poll, wake = Stream.never } = options
  const least = Duration.toMillis(Duration.fromInputUnsafe(poll?.least ?? "20 millis"))
  const most = Math.max(least, Duration.toMillis(Duration.fromInputUnsafe(poll?.most ?? "1 second")))
  health.trouble("start", "it waits for the database")
  yield* answered(ready)
  health.trouble("start", "it waits for its producer")
  const publisher = yield* publisherOf(options.exactlyOnce)
  health.over("start")
  const relay = new Relay({ place: settings, publisher, health, batchSize, batchBytes })
  const alarm = new Alarm()
  yield* Effect.acquireRelease(
    Effect.sync(() => listen(ownTable(settings, "outbox"), alarm.ring)),
    (unlisten) => Effect.sync(unlisten)
  )
  yield* Effect.forkScoped(
    Stream.runForEach(wake, () => Effect.sync(alarm.ring)).pipe(
      Effect.tapCause((cause) => Effect.logWarning("the relay of the outbox is not woken for a while", cause)),
      Effect.sandbox,
      Effect.retry(again)
    )
  )
  return Effect.scoped(work(relay, alarm, health, { concurrency, least, most })).pipe(
    Effect.tapCause((cause) => {
      health.restarting(`it ended because of a bug: ${problemIn(cause)}`)
      const line = "the relay of the outbox ended because of a bug; starting it again"
      // The bug may be the logger's.
      return Effect.catchDefect(Effect.logError(line, cause), () => Effect.void)
    }),
    Effect.sandbox,
    Effect.retry(again),
    Effect.catch(Effect.failCause)
  )
})

const begin = Effect.fnUntraced(function*(options: Options): Starting {
  const settings = yield* Outbox.Settings
  const health = yield* register(`relay of ${shownOwnTable(settings, "outbox")}`)
  return yield* Effect.tapCause(start(health, options), (cause) => Effect.sync(() => health.failed(problemIn(cause))))
})

/**
 * Publishes the outbox of the current `Outbox.Settings`, for ever. Fails at the start when its table is not there, or
 * its role may not delete from it, or no producer can be made; later failures are logged and tried again, with a pause
 * of up to 30 seconds.
 *
 * Several relays share an outbox: each of its 16 shards is published by one of them at a time. A message is published
 * at least once: a relay that loses its connection to the database after the broker took a batch leaves it to be
 * published again, unless it publishes `exactlyOnce`. A message that Kafka refuses for good (`RecordTooLarge`,
 * `InvalidRecord`) is parked, see `Outbox.parked`; while a topic cannot be written to, its messages wait and the others
 * go on.
 *
 * @example
 * ```ts
 * import { OutboxRelay } from "millrace/sql"
 *
 * export const relay = OutboxRelay.run({ batchSize: 500 })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category running
 */
export const run = (
  options: Options = {}
): Effect.Effect<never, SyncError | KafkaError, SqlClient | KafkaEngine.Service> =>
  Effect.suspend(() => {
    requireRelay("OutboxRelay.run", options)
    return Effect.scoped(Effect.flatten(begin(options)))
  })

/**
 * Publishes the outbox in the background, as {@link run} does, for as long as the layer lives. The end of the layer
 * waits for a batch that is on its way, for 10 seconds at most.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { Outbox, OutboxRelay } from "millrace/sql"
 *
 * export const outbox = Layer.provideMerge(OutboxRelay.layer(), Outbox.layer({ prefix: "shop_" }))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<never, SyncError | KafkaError, SqlClient | KafkaEngine.Service> => {
  requireRelay("OutboxRelay.layer", options)
  return Layer.effectDiscard(Effect.flatMap(begin(options), Effect.forkScoped))
}
