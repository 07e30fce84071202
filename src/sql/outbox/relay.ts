/**
 * Publishes the rows of an outbox. Per shard one transaction at a time holds the shard's lock, reads the oldest rows,
 * waits for the broker, and deletes them: a transaction that has not written yet holds up nobody.
 */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { oneLine } from "../../internal/shared/causes.ts"
import { monotonic, type ServiceCell } from "../../internal/telemetry/serviceCell.ts"
import { literalOf } from "../apply/literals.ts"
import { SyncError } from "../SyncError.ts"
import { Denied, Unexpected } from "../SyncErrorReason.ts"
import { type Place, shownOwnTable } from "../tables/ownTables.ts"
import { ask, inTransaction, operation, unanswered } from "./asking.ts"
import { finishing } from "./finishing.ts"
import { FirstRows } from "./firstRows.ts"
import { LowWater } from "./lowWater.ts"
import * as Sql from "./outboxSql.ts"
import type { Publisher } from "./publishing.ts"
import type { Receipted } from "./receipts.ts"
import type { OutboxRow } from "./rows.ts"
import type { Settled } from "./settling.ts"
import { shownQueue } from "./shards.ts"
import { TopicPauses } from "./topicPauses.ts"
import { watched } from "./watching.ts"
import { rowsWith } from "./wideRows.ts"

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

/** An array literal. */
const list = (values: ReadonlyArray<string | bigint>): string => literalOf(values, String)

export interface RelayOptions {
  readonly place: Place
  readonly publisher: Publisher
  readonly health: ServiceCell
  readonly batchSize: number
  readonly batchBytes: number
}

/** What one batch of a queue came to. */
interface Batch {
  readonly published: number
  /** Whether there is more to be published at once. */
  readonly goesOn: boolean
}

/** Whom a batch waits for: for a broker because of these rows, or otherwise because of its transaction. */
interface Waiting {
  readonly open: ReadonlySet<OutboxRow>
  for: "database" | "broker"
}

const nothing: Batch = { published: 0, goesOn: false }
const settledNothing: Settled = { published: [], refused: [], failed: new Map() }

const topicsOf = (rows: Iterable<OutboxRow>): ReadonlyArray<string> => [
  ...new Set(Array.from(rows, ({ message }) => message.topic))
]

const heldProblem = (queue: number): string =>
  `${shownQueue(queue)} waits for another relay, or until the server notices that one is gone`

const fencedProblem = (queue: number): string =>
  `${shownQueue(queue)} is fenced by another relay with its transactionalId, or its transactions take longer than the `
  + "producer's transactionTimeout"

/** What of a queue troubles a relay, and what of a topic. */
export const troubleOf = (queue: number): string => `queue ${queue}`
const topicTrouble = (topic: string): string => `topic ${topic}`

/** Publishes one outbox; its batches run at the same time, one of each queue. */
export class Relay {
  private readonly low = new LowWater()
  private readonly pauses = new TopicPauses()
  private readonly options: RelayOptions
  private readonly attributes: { readonly outbox: string }
  /** When the oldest row was looked at last, and how long it had waited. */
  private seen: { readonly at: number; readonly millis: number } | undefined
  private readonly firsts = new FirstRows()
  /** By queue, transactions of this relay whose connection was lost, which may have its lock. */
  private readonly lost = new Map<number, ReadonlyArray<unknown>>()
  /** By queue, the topics of the batch that is on its way. */
  private readonly sending = new Map<number, ReadonlyArray<string>>()
  /** By queue, the topics that a broker takes long for. */
  private readonly late = new Map<number, ReadonlyArray<string>>()
  /** The topics that the health says something about. */
  private readonly troubled = new Set<string>()

  constructor(options: RelayOptions) {
    this.options = options
    this.attributes = { outbox: shownOwnTable(options.place, "outbox") }
  }

  /** The queues that have rows. */
  readonly filled: Effect.Effect<ReadonlyArray<number>, SqlError | SyncError, SqlClient> = Effect.gen(
    { self: this as Relay },
    function*() {
      const rows = yield* ask(yield* SqlClient, Sql.filledQueues(this.options.place), [list(this.low.all)])
      return rows.map(([queue]) => Number(queue))
    }
  )

  /** Notes what can never appear any more, which topics are waited for, and how old the oldest row is. */
  readonly observe: Effect.Effect<void, SqlError | SyncError, SqlClient> = Effect.gen(
    { self: this as Relay },
    function*() {
      const { place } = this.options
      const sql = yield* SqlClient
      const [last] = yield* ask(sql, Sql.lastId(place))
      const [running] = yield* ask(sql, Sql.running)
      const [lastId, xmin, xmax] = [last![0], running![0], running![1]].map((digits) => BigInt(String(digits)))
      this.low.observe({ lastId: lastId!, xmin: xmin!, xmax: xmax! })
      const firsts = yield* ask(sql, Sql.firsts(place), [list(this.low.all)])
      const now = yield* monotonic
      this.firsts.observe(firsts.map(([queue, id]) => [Number(queue), BigInt(String(id))]), now)
      this.endTroubles(firsts.map(([, , topic]) => String(topic)))
      const millis = firsts.reduce((most, [, , , millis]) => Math.max(most, Number(millis)), 0)
      this.seen = { at: now, millis }
      yield* this.show(millis)
    }
  )

  /** While nobody can look, the oldest row gets older. */
  readonly unseen: Effect.Effect<void> = Effect.gen({ self: this as Relay }, function*() {
    const now = yield* monotonic
    this.seen ??= { at: now, millis: 0 }
    yield* this.show(this.seen.millis + now - this.seen.at)
  })

  /** Lets all be read again. */
  forget(): void {
    this.low.forget()
  }

  private show(millis: number): Effect.Effect<void> {
    this.options.health.lag(millis)
    return Metric.update(Metric.withAttributes(lag, this.attributes), millis)
  }

  private count(published: number): Effect.Effect<void> {
    return Metric.update(Metric.withAttributes(publishedRows, this.attributes), published)
  }

  private trouble(topic: string, problem: string, since?: number): void {
    this.troubled.add(topic)
    this.options.health.trouble(topicTrouble(topic), problem, since)
  }

  private endTrouble(topic: string): void {
    this.troubled.delete(topic)
    this.options.health.over(topicTrouble(topic))
  }

  /**
   * A topic is no trouble any more when nothing waits for it: another relay may have published its messages. What waits
   * for one is on its way, or first in its queue, for the relay passes it by alone.
   */
  private endTroubles(first: ReadonlyArray<string>): void {
    const waiting = new Set(first)
    for (const topics of this.sending.values()) for (const topic of topics) waiting.add(topic)
    for (const topic of this.troubled) if (!waiting.has(topic)) this.endTrouble(topic)
  }

  /** Publishes the oldest rows of a queue. `late` is run once it takes long. */
  readonly batch = Effect.fnUntraced({ self: this as Relay }, function*(queue: number, late: Effect.Effect<void>) {
    const { batchBytes, batchSize, place, publisher } = this.options
    const sql = yield* SqlClient
    const { mark } = this.low
    const now = yield* monotonic
    if (publisher.isForeign(queue, this.firsts.since(queue), now)) {
      this.sayFirst(queue, fencedProblem(queue))
      return nothing
    }
    const paused = this.leftOut(queue, now)
    const most = publisher.most(queue, batchSize)
    const parameters = [queue, String(this.low.without(queue, paused)), most, list(paused), batchBytes]
    /** The rows that the broker has not answered for yet. */
    const open = new Set<OutboxRow>()
    const waiting: Waiting = { open, for: "database" }
    let transaction: ReadonlyArray<unknown> = []
    const work = Effect.gen({ self: this as Relay }, function*() {
      const lost = this.lost.get(queue)
      if (lost !== undefined) {
        yield* ask(sql, Sql.end, lost)
        this.lost.delete(queue)
      }
      const [lock] = yield* ask(sql, Sql.tryShard(place, publisher.isReceipted), [queue])
      transaction = lock!.slice(2, 4)
      if (lock![0] !== true) return "held"
      if (lock![1] !== true) return yield* denied(sql, place)
      const cells = yield* ask(sql, Sql.select(place, queue, publisher.isReceipted), parameters)
      // Another relay has published all: what is its own stays with it.
      if (cells.length === 0) return { rows: [], settled: settledNothing, isWhole: true }
      waiting.for = "broker"
      const receipt = yield* publisher.take(queue)
      waiting.for = "database"
      // What was deleted has to be committed before the next receipt replaces the one that says so. Otherwise rows are
      // sent at once: were the queue to wait for its turn, others could take it meanwhile, and so on in turns.
      const taken = receipt === undefined ? 0 : yield* this.removeReceipted(receipt)
      if (taken > 0) return { taken }
      const read = yield* rowsWith((text, parameters) => ask(sql, text, parameters), place, cells)
      const rows = publisher.isReceipted ? read.map((row, i) => ({ ...row, stamp: Number(cells[i]![9]) })) : read
      this.sending.set(queue, topicsOf(rows))
      waiting.for = "broker"
      const settled = yield* this.send(queue, rows, open)
      waiting.for = "database"
      yield* this.store(settled)
      return { rows, settled, isWhole: cells[cells.length - 1]![8] === true }
    })
    const done = yield* finishing(
      watched(
        inTransaction(sql, work, () => transaction.length > 0 && this.lost.set(queue, transaction)),
        (seconds) => this.sayLate(queue, seconds, waiting, late)
      )
    ).pipe(
      Effect.catchReason("KafkaError", "Fenced", () => Effect.succeed("foreign" as const)),
      Effect.ensuring(Effect.sync(() => {
        this.pauses.ended(queue)
        this.sending.delete(queue)
        this.late.delete(queue)
      }))
    )
    if (done === "held" || done === "foreign") {
      this.sayFirst(queue, done === "held" ? heldProblem(queue) : fencedProblem(queue))
      return nothing
    }
    if ("taken" in done || done.rows.length > 0) publisher.stored(queue)
    this.options.health.over(troubleOf(queue))
    if ("taken" in done) {
      yield* this.count(done.taken)
      return { published: 0, goesOn: true }
    }
    const { isWhole, rows, settled } = done
    const { failed, isAborted = false, published, refused } = settled
    if (isAborted) {
      yield* this.report(settled)
      return { published: 0, goesOn: true }
    }
    if (failed.size === 0) {
      if (paused.length === 0) {
        if (isWhole) this.low.emptied(queue, mark)
        else this.low.emptiedTo(queue, mark, BigInt(rows[rows.length - 1]!.id))
      } else if (isWhole) this.low.emptiedBut(queue, mark, paused)
    }
    for (const topic of topicsOf(published)) {
      if (failed.has(topic)) continue
      this.pauses.succeeded(topic)
      this.endTrouble(topic)
    }
    yield* this.report(settled)
    return { published: published.length, goesOn: !isWhole && published.length + refused.length > 0 }
  })

  /** Each queue that waits for a broker keeps a connection, and its other messages: one does not follow the other. */
  private leftOut(queue: number, now: number): ReadonlyArray<string> {
    return [...new Set([...this.pauses.leftOut(queue, now), ...[...this.late.values()].flat()])]
  }

  /** This relay cannot publish a queue. It is no trouble while another one does, and its first row does not stay. */
  private sayFirst(queue: number, problem: string): void {
    const { health } = this.options
    health.over(troubleOf(queue))
    const since = this.firsts.since(queue)
    if (since !== undefined) health.trouble(troubleOf(queue), problem, since)
  }

  private readonly send = Effect.fnUntraced({ self: this as Relay }, function*(
    queue: number,
    rows: ReadonlyArray<OutboxRow>,
    open: Set<OutboxRow>
  ) {
    const readable = rows.filter(({ problem }) => problem === undefined)
    for (const row of readable) open.add(row)
    const settled = yield* this.options.publisher.send(queue, readable, open)
    const wrong = rows.flatMap((row) => row.problem === undefined ? [] : [{ row, problem: row.problem }])
    return { ...settled, refused: [...settled.refused, ...wrong] }
  })

  /** Deletes what an earlier relay published, and perhaps could not delete. */
  private readonly removeReceipted = Effect.fnUntraced({ self: this as Relay }, function*(
    receipt: ReadonlyArray<Receipted>
  ) {
    if (receipt.length === 0) return 0
    const [ids, stamps] = [list(receipt.map(({ id }) => id)), list(receipt.map(({ stamp }) => String(stamp)))]
    const sql = yield* SqlClient
    const [[there, gone] = []] = yield* ask(sql, Sql.removeReceipted(this.options.place), [ids, stamps])
    if (Number(gone) < Number(there)) return yield* notDeleted(Number(there), gone)
    return Number(gone)
  })

  private readonly store = Effect.fnUntraced({ self: this as Relay }, function*({ published, refused }: Settled) {
    const { place } = this.options
    const sql = yield* SqlClient
    if (published.length > 0) {
      const [[count] = []] = yield* ask(sql, Sql.remove(place), [list(published.map(({ id }) => id))])
      if (Number(count) < published.length) return yield* notDeleted(published.length, count)
    }
    if (refused.length === 0) return
    const problems = refused.map(({ problem }) => problem)
    yield* ask(sql, Sql.park(place), [list(refused.map(({ row }) => row.id)), list(problems)])
  })

  private readonly sayLate = Effect.fnUntraced({ self: this as Relay }, function*(
    queue: number,
    seconds: number,
    { for: whom, open }: Waiting,
    late: Effect.Effect<void>
  ) {
    const topics = topicsOf(open)
    const now = yield* monotonic
    const since = now - seconds * 1_000
    this.late.set(queue, topics)
    for (const topic of topics) {
      this.pauses.suspected(topic, now)
      this.trouble(topic, `no broker acknowledges messages for topic "${topic}"`, since)
    }
    if (topics.length === 0) {
      const problem = whom === "broker" ? `no broker answers for the transactions of ${shownQueue(queue)}` : unanswered
      this.options.health.trouble(troubleOf(queue), problem, since)
    }
    yield* Effect.logWarning(
      topics.length === 0
        ? `${shownQueue(queue)} of the outbox has waited for the ${whom} for ${seconds} s`
        : `${open.size} messages of the outbox have been on their way to the broker for ${seconds} s, for ${
          topics.map((topic) => `"${topic}"`).join(", ")
        }`
    )
    yield* late
  })

  private readonly report = Effect.fnUntraced({ self: this as Relay }, function*(settled: Settled) {
    const { failed, published, refused } = settled
    if (published.length > 0) yield* this.count(published.length)
    // The broker may have taken minutes to say no.
    const now = yield* monotonic
    for (const [topic, error] of failed) {
      this.trouble(topic, `messages for topic "${topic}" cannot be published: ${oneLine(error.message)}`)
      const millis = this.pauses.failed(topic, now)
      if (millis === undefined) continue
      yield* Effect.logWarning(
        `messages of the outbox for topic "${topic}" cannot be published, tried again in ${millis} ms: ${error.message}`
      )
    }
    if (refused.length === 0) return
    yield* Metric.update(Metric.withAttributes(parkedRows, this.attributes), refused.length)
    const [{ problem, row }] = refused as readonly [typeof refused[0]]
    yield* Effect.logError(
      `${refused.length} messages of the outbox are refused and parked, the first is ${row.id} for topic `
        + `"${row.message.topic}": ${problem}`
    )
  })
}

const notDeleted = (published: number, deleted: unknown): Effect.Effect<never, SyncError> => {
  const problem =
    `${published} rows were published, and ${deleted} could be deleted; row level security, a trigger, or `
    + "somebody else is in the way"
  return Effect.fail(new SyncError({ operation, reason: new Unexpected({ code: undefined, problem }) }))
}

/** What a role lacks that would publish rows and could not delete them. */
const denied = (sql: SqlClient, place: Place): Effect.Effect<never, SyncError | SqlError> =>
  Effect.flatMap(ask(sql, Sql.rights(place)), ([row]) => {
    const problem =
      `GRANT SELECT, UPDATE, DELETE ON ${shownOwnTable(place, "outbox")} TO ${row?.[1]}, and GRANT SELECT ON `
      + `SEQUENCE ${shownOwnTable(place, "outbox_id_seq")} TO ${row?.[1]}`
    return Effect.fail(new SyncError({ operation, reason: new Denied({ problem }) }))
  })

/** Fails with what the role of the connection lacks. */
export const mayPublish = (place: Place): Effect.Effect<void, SyncError | SqlError, SqlClient> =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const [row] = yield* ask(sql, Sql.rights(place))
    if (row![0] !== true) return yield* denied(sql, place)
  })
