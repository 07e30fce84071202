/**
 * Publishes the rows of an outbox. Per shard one transaction at a time holds the shard's lock, reads the oldest rows,
 * waits for the broker, and deletes them: a transaction that has not written yet holds up nobody.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { ProducerClient } from "../../engine/KafkaEngine.ts"
import { sendAll } from "../../internal/produce/delivering.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { literalOf } from "../apply/literals.ts"
import { inTransaction } from "../apply/running.ts"
import type { Place } from "../tables/ownTables.ts"
import { LowWater } from "./lowWater.ts"
import * as Sql from "./outboxSql.ts"
import { rowOf } from "./rows.ts"
import { settle, type Settled } from "./settling.ts"
import { TopicPauses } from "./topicPauses.ts"

const publishedRows = Metric.counter("millrace_outbox_published_total", {
  description: "Messages of the outbox that the broker acknowledged",
  incremental: true
})
const parkedRows = Metric.counter("millrace_outbox_parked_total", {
  description: "Messages of the outbox that the broker refused for good",
  incremental: true
})
const lag = Metric.gauge("millrace_outbox_lag_ms", {
  description: "How long the oldest message of the outbox has waited, in milliseconds"
})

const nothing: Settled = { published: [], refused: [], failed: new Map() }

/** Whether the record itself is fine: what is refused otherwise can be mended without it. */
const isTemporary = ({ reason }: KafkaError): boolean =>
  reason._tag === "UnknownTopic"
    ? reason.partition === undefined
    : reason._tag !== "RecordTooLarge" && reason._tag !== "InvalidRecord"

/** An array literal. */
const list = (values: ReadonlyArray<string | bigint>): string => literalOf(values, String)

export interface RelayOptions {
  readonly place: Place
  readonly client: ProducerClient
  readonly batchSize: number
  readonly batchBytes: number
  readonly concurrency: number
}

/** How long a batch that is on its way may take after the relay was interrupted, in milliseconds. */
const graceMillis = 10_000

/** Lets what was begun end after an interruption, for as long as the grace allows. */
const finishing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(Effect.interruptible(effect)),
      (fiber) =>
        Effect.onInterrupt(restore(Fiber.join(fiber)), () =>
          Effect.andThen(Effect.timeoutOption(Fiber.await(fiber), graceMillis), Fiber.interrupt(fiber)))
    )
  )

/** Publishes one outbox; used by one fiber. */
export class Relay {
  private readonly low = new LowWater()
  private readonly pauses = new TopicPauses()
  private readonly options: RelayOptions

  constructor(options: RelayOptions) {
    this.options = options
  }

  /** Publishes what is there, shard by shard. Returns how many rows it published. */
  readonly round: Effect.Effect<number, SqlError, SqlClient> = Effect.gen({ self: this as Relay }, function*() {
    const { concurrency, place } = this.options
    const sql = yield* SqlClient
    const filled = yield* sql.unsafe(Sql.filledShards(place), [list(this.low.all)]).values
    const counts = yield* Effect.forEach(filled, ([shard]) => this.drain(Number(shard)), { concurrency })
    return counts.reduce((sum, count) => sum + count, 0)
  })

  /** Notes what can never appear any more, and how old the oldest row is. */
  readonly observe: Effect.Effect<void, SqlError, SqlClient> = Effect.gen({ self: this as Relay }, function*() {
    const { place } = this.options
    const sql = yield* SqlClient
    const [last] = yield* sql.unsafe(Sql.lastId(place)).values
    const [running] = yield* sql.unsafe(Sql.running).values
    const [lastId, xmin, xmax] = [last![0], running![0], running![1]].map((digits) => BigInt(String(digits)))
    this.low.observe({ lastId: lastId!, xmin: xmin!, xmax: xmax! })
    const [oldest] = yield* sql.unsafe(Sql.oldest(place), [list(this.low.all)]).values
    yield* Metric.update(lag, Math.max(0, Number(oldest?.[0] ?? 0)))
  })

  /** Publishes a shard until less than a batch is left, or another relay has it. */
  private readonly drain = Effect.fnUntraced({ self: this as Relay }, function*(shard: number) {
    let count = 0
    while (true) {
      const { published, goesOn } = yield* this.batch(shard)
      count += published
      if (!goesOn) return count
    }
  })

  /** Publishes the oldest rows of a shard. What the broker has is to be deleted, also when the relay ends. */
  private readonly batch = Effect.fnUntraced({ self: this as Relay }, function*(shard: number) {
    const { batchBytes, batchSize, client, place } = this.options
    const sql = yield* SqlClient
    const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
    const { mark } = this.low
    const paused = this.pauses.at(now)
    const parameters = [shard, String(this.low.of(shard)), batchSize, list(paused), batchBytes]
    const work = Effect.gen({ self: this as Relay }, function*() {
      const [lock] = yield* sql.unsafe(Sql.tryShard(place), [shard]).values
      if (lock![0] !== true) return undefined
      const rows = (yield* sql.unsafe(Sql.select(place), parameters).values).map(rowOf)
      if (rows.length === 0) return { rows, settled: nothing }
      const settled = settle(rows, yield* sendAll(client, rows.map(({ message }) => message)), isTemporary)
      yield* this.store(settled)
      return { rows, settled }
    })
    const done = yield* finishing(inTransaction(sql, work))
    if (done === undefined) return { published: 0, goesOn: false }
    const { rows, settled: { failed, published, refused } } = done
    const bytes = rows.reduce((sum, { message }) => sum + (message.value?.length ?? 0), 0)
    const isWhole = rows.length < batchSize && bytes < batchBytes
    if (isWhole && paused.length === 0 && failed.size === 0) this.low.emptied(shard, mark)
    for (const row of published) this.pauses.succeeded(row.message.topic)
    yield* this.report(done.settled, now)
    return {
      published: published.length,
      goesOn: !isWhole && published.length + refused.length > 0
    }
  })

  private readonly store = Effect.fnUntraced({ self: this as Relay }, function*({ published, refused }: Settled) {
    const { place } = this.options
    const sql = yield* SqlClient
    if (published.length > 0) yield* sql.unsafe(Sql.remove(place), [list(published.map(({ id }) => id))])
    if (refused.length === 0) return
    const problems = refused.map(({ error }) => error.message)
    yield* sql.unsafe(Sql.park(place), [list(refused.map(({ row }) => row.id)), list(problems)])
  })

  private readonly report = Effect.fnUntraced({ self: this as Relay }, function*(settled: Settled, now: number) {
    const { failed, published, refused } = settled
    if (published.length > 0) yield* Metric.update(publishedRows, published.length)
    for (const [topic, error] of failed) {
      const millis = this.pauses.failed(topic, now)
      if (millis === undefined) continue
      yield* Effect.logWarning(
        `messages of the outbox for topic "${topic}" cannot be published, tried again in ${millis} ms: ${error.message}`
      )
    }
    if (refused.length === 0) return
    yield* Metric.update(parkedRows, refused.length)
    const [{ error, row }] = refused as readonly [typeof refused[0]]
    yield* Effect.logError(
      `${refused.length} messages of the outbox are refused and parked, the first is ${row.id} for topic `
        + `"${row.message.topic}": ${error.message}`
    )
  })
}
