/**
 * Publishes each queue in transactions of a client of its own. With the rows goes a receipt, in the queue's partition
 * of a topic: who takes the queue next knows which of the rows that are still in the table are published.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { TransactionalClient } from "../../engine/KafkaEngine.ts"
import { monotonic } from "../../internal/telemetry/serviceCell.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { isTemporary, type Publisher } from "./publishing.ts"
import { encode, mostRows, type Receipted } from "./receipts.ts"
import { keyOf, lastReceipt, prepareReceipts } from "./receiptsTopic.ts"
import type { OutboxRow } from "./rows.ts"
import { shownQueue } from "./shards.ts"
import { type Blame, split } from "./splitting.ts"
import { isFencing, transact } from "./transacting.ts"

/** What the transactions of an outbox go by; the same for all of its relays. */
export interface ExactlyOnce {
  readonly transactionalId: string
  readonly topic: string
}

/** A queue that this relay has taken, as far as it knows. */
interface Taken {
  readonly client: TransactionalClient
  readonly scope: Scope.Closeable
  /** Whether the last receipt is known to be of rows that are gone. */
  isSettled: boolean
}

/**
 * How long the first row of a queue stays before a relay takes the queue back that another has taken, in milliseconds:
 * each taking costs a client. A relay looks at its first rows every second.
 */
const foreignMillis = 2_000

/** What is wrong with the transaction itself, rather than with a record of it. */
const isOfTransaction = ({ reason }: KafkaError): boolean =>
  reason._tag === "TransactionFailed" || reason._tag === "Fenced" || reason._tag === "Closed"
  || (reason._tag === "AuthorizationFailed" && reason.resource !== "topic")

/** What a client says of records that it does not send any more, since another one failed: ERR__STATE, _PURGE_*. */
const followers = new Set([-172, -152, -151])

const blameOf = (error: KafkaError): Blame =>
  error.reason._tag === "BrokerError" && followers.has(error.reason.code)
    ? "another"
    : isTemporary(error)
    ? "topic"
    : "row"

const receiptedOf = ({ id, stamp }: OutboxRow): Receipted => ({ id, stamp: stamp! })

const text = new TextEncoder()

/** A client may wait for its broker for half a minute; the next one with its id does not need its end. */
const closed = (scope: Scope.Closeable): Effect.Effect<void> =>
  Effect.asVoid(Effect.forkDetach(Scope.close(scope, Exit.void)))

class Transactions implements Publisher {
  readonly isReceipted = true
  private readonly taken = new Map<number, Taken>()
  /** By queue, since when another relay has it. */
  private readonly foreign = new Map<number, number>()
  /** By queue, how many rows the next batch has at most. */
  private readonly mosts = new Map<number, number>()
  /** Of how many rows a receipt is not known to be too large for its topic. */
  private receiptRows = mostRows
  private readonly engine: KafkaEngine.Service["Service"]
  private readonly scope: Scope.Scope
  private readonly settings: ExactlyOnce

  constructor(engine: KafkaEngine.Service["Service"], scope: Scope.Scope, settings: ExactlyOnce) {
    this.engine = engine
    this.scope = scope
    this.settings = settings
  }

  private idOf(queue: number): string {
    return `${this.settings.transactionalId}-${queue}`
  }

  most(queue: number, batchSize: number): number {
    return Math.min(batchSize, this.receiptRows, this.mosts.get(queue) ?? mostRows)
  }

  isForeign(queue: number, since: number | undefined, now: number): boolean {
    const lost = this.foreign.get(queue)
    return lost !== undefined && (since === undefined || now - Math.max(since, lost) < foreignMillis)
  }

  readonly take = Effect.fnUntraced({ self: this as Transactions }, function*(queue: number) {
    const { engine, settings: { topic } } = this
    const id = this.idOf(queue)
    const known = this.taken.get(queue)
    if (known?.isSettled === true) return undefined
    yield* this.drop(queue)
    const scope = yield* Scope.fork(this.scope)
    const client = yield* Scope.provide(engine.transactional(id), scope).pipe(
      Effect.onError(() => closed(scope)),
      Effect.tapError((error) => this.noteFencing(queue, error, undefined))
    )
    this.taken.set(queue, { client, scope, isSettled: false })
    return yield* Effect.provideService(lastReceipt(topic, queue, id), KafkaEngine.Service, engine)
  })

  readonly send = Effect.fnUntraced({ self: this as Transactions }, function*(
    queue: number,
    rows: ReadonlyArray<OutboxRow>,
    open: Set<OutboxRow>
  ) {
    if (rows.length === 0) return { published: [], refused: [], failed: new Map<string, KafkaError>() }
    const own = this.taken.get(queue)!
    own.isSettled = false
    const receipt = {
      topic: this.settings.topic,
      partition: queue,
      key: keyOf(this.idOf(queue)),
      value: text.encode(encode(rows.map(receiptedOf)))
    }
    const messages = [...rows.map(({ message }) => message), receipt]
    const began = yield* monotonic
    const outcome = yield* Effect.tapError(
      transact(own.client, messages, (i) => i < rows.length && open.delete(rows[i]!)),
      (error) => this.noteFencing(queue, error, began)
    )
    if (outcome._tag === "Committed") {
      this.mosts.delete(queue)
      return { published: rows, refused: [], failed: new Map<string, KafkaError>() }
    }
    if (outcome.isOver) own.isSettled = true
    else yield* this.drop(queue)
    const causes = [...outcome.all].filter(([, error]) => blameOf(error) !== "another")
    const errors = new Map([...outcome.errors, ...causes])
    // It is no fault of the rows, which fail with it.
    const receiptError = errors.get(rows.length)
    if (receiptError !== undefined && !isOfTransaction(receiptError)) {
      const blame = blameOf(receiptError)
      if (blame === "topic" || (blame === "row" && rows.length === 1)) return yield* receiptError
      if (blame === "row") {
        this.receiptRows = Math.min(this.receiptRows, Math.ceil(rows.length / 2))
        const line = `a receipt of ${rows.length} rows is refused; the outbox is published in batches of at most `
        yield* Effect.logWarning(`${line}${this.receiptRows} rows from now on: ${receiptError.message}`)
        return { published: [], refused: [], failed: new Map<string, KafkaError>(), isAborted: true }
      }
    }
    const ofRows = new Map([...errors].filter(([i, error]) => i < rows.length && !isOfTransaction(error)))
    if (ofRows.size === 0) return yield* [...errors.values()][0]!
    const { most, settled } = split(rows, ofRows, blameOf)
    if (most === undefined) this.mosts.delete(queue)
    else this.mosts.set(queue, most)
    return settled
  })

  stored(queue: number): void {
    this.foreign.delete(queue)
    const own = this.taken.get(queue)
    if (own !== undefined) own.isSettled = true
  }

  /** A broker ends a transaction that takes too long, and says the same then as to one that another client fenced. */
  private readonly noteFencing = Effect.fnUntraced({ self: this as Transactions }, function*(
    queue: number,
    error: KafkaError,
    began: number | undefined
  ) {
    if (!isFencing(error)) return
    const now = yield* monotonic
    this.foreign.set(queue, now)
    yield* this.drop(queue)
    const seconds = began === undefined ? 0 : Math.floor((now - began) / 1_000)
    const otherwise = seconds === 0
      ? ""
      : `, or its transaction, ${seconds} s long, was over the producer's transactionTimeout`
    const { transactionalId } = this.settings
    const line = `${shownQueue(queue)} of the outbox was taken by another relay of "${transactionalId}"${otherwise}`
    yield* Effect.logInfo(line)
  })

  private drop(queue: number): Effect.Effect<void> {
    const known = this.taken.get(queue)
    this.taken.delete(queue)
    return known === undefined ? Effect.void : closed(known.scope)
  }
}

/** A publisher for as long as the scope. Fails where receipts would have no place. */
export const exactlyOnce = Effect.fnUntraced(function*(
  settings: ExactlyOnce
): Effect.fn.Return<Publisher, KafkaError, KafkaEngine.Service | Scope.Scope> {
  yield* prepareReceipts(settings.topic)
  // The ends of its clients take up to the same time, side by side.
  const scope = yield* Effect.acquireRelease(Scope.make("parallel"), Scope.close)
  return new Transactions(yield* KafkaEngine.Service, scope, settings)
})
