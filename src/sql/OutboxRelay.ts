/**
 * Publishes what an `Outbox` holds.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as Outbox from "./Outbox.ts"
import { Alarm } from "./outbox/alarm.ts"
import { listen } from "./outbox/bell.ts"
import { Relay } from "./outbox/relay.ts"
import { requireRelay } from "./outbox/settings.ts"
import type { SyncError } from "./SyncError.ts"
import { ownTable } from "./tables/ownTables.ts"

/**
 * How a relay works.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** How many messages of a shard are published in one transaction at most (default 1,000). */
  readonly batchSize?: number | undefined
  /** How many bytes of values these may have, but one message in any case (default 8 MiB). */
  readonly batchBytes?: number | undefined
  /** How many of the 16 shards are published at once, each with a connection of its own (default 4). */
  readonly concurrency?: number | undefined
  /**
   * How long the relay waits before it looks again when there was nothing: from `least` (default 20 milliseconds), each
   * time twice as long, to `most` (default 1 second). A commit of the same process wakes it at once.
   */
  readonly poll?: { readonly least: Duration.Input; readonly most: Duration.Input } | undefined
  /** Each element makes it look at once, such as a notification of the database. Its failure is logged. */
  readonly wake?: Stream.Stream<unknown, unknown> | undefined
}

/** How often it is looked which ids are final, and how old the oldest row is, in milliseconds. */
const observation = 1_000

/**
 * Publishes the outbox of the current `Outbox.Settings`, for ever. Fails at the start when its table is not there, or
 * no producer can be made; later failures are logged and tried again, with a pause of up to 30 seconds.
 *
 * Several relays share an outbox: each of its 16 shards is published by one of them at a time. A message is published
 * at least once: a relay that loses its connection to the database after the broker took a batch leaves it to be
 * published again. A message that Kafka refuses for good (`RecordTooLarge`, `InvalidRecord`) is parked, see
 * `Outbox.parked`; while a topic cannot be written to, its messages wait and the others go on.
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
  Effect.gen(function*() {
    requireRelay("OutboxRelay.run", options)
    const settings = yield* Outbox.Settings
    const { batchBytes = 8 * 1_024 * 1_024, batchSize = 1_000, concurrency = 4, poll, wake = Stream.never } = options
    const least = Duration.toMillis(Duration.fromInputUnsafe(poll?.least ?? "20 millis"))
    const most = Math.max(least, Duration.toMillis(Duration.fromInputUnsafe(poll?.most ?? "1 second")))
    yield* Outbox.probe
    const engine = yield* KafkaEngine.Service
    const relay = new Relay({ place: settings, client: yield* engine.producer, batchSize, batchBytes, concurrency })
    const alarm = new Alarm()
    yield* Effect.acquireRelease(
      Effect.sync(() => listen(ownTable(settings, "outbox"), alarm.ring)),
      (unlisten) => Effect.sync(unlisten)
    )
    yield* Effect.forkScoped(
      Stream.runForEach(wake, () => Effect.sync(alarm.ring)).pipe(
        Effect.catchCause((cause) => Effect.logWarning("the relay of the outbox is not woken any more", cause))
      )
    )
    let pause = least
    let observedAt = -Infinity
    const turn = Effect.gen(function*() {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      if (now - observedAt >= observation) {
        yield* relay.observe
        observedAt = now
      }
      const published = yield* relay.round
      pause = published > 0 ? least : Math.min(pause * 2, most)
      if (published === 0 && (yield* alarm.wait(pause))) pause = least
    })
    let failures = 0
    const paused = (cause: Cause.Cause<unknown>) =>
      Effect.gen(function*() {
        const wait = Math.min(1_000 * 2 ** failures++, 30_000)
        yield* Effect.logWarning(`the outbox cannot be published, tried again in ${wait} ms`, cause)
        yield* Effect.sleep(wait)
      })
    const next = Effect.tap(turn, () => Effect.sync(() => failures = 0))
    // Also a defect, such as one of the client of the database, must not end the relay in silence.
    return yield* Effect.forever(
      Effect.catchCause(
        next,
        (cause) => Cause.hasInterruptsOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : paused(cause)
      )
    )
  }).pipe(Effect.scoped)

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
  return Layer.effectDiscard(
    Effect.gen(function*() {
      // What would end it at the start is an error of the layer.
      yield* Outbox.probe
      yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.producer)
      yield* Effect.forkScoped(run(options))
    })
  )
}
