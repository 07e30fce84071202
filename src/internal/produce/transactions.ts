/** Transactional clients, one per transactional id and engine, each used by one transaction at a time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { ProducerClient, TransactionalClient } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { readOr } from "../shared/causes.ts"

/** The transaction that the current fiber sends into. */
export interface Current {
  readonly transactionalId: string
  /** The client for as long as the transaction is open. */
  readonly client: ProducerClient & Pick<TransactionalClient, "sendOffsets">
  readonly isOpen: () => boolean
}

/** `undefined` outside of a transaction. Forked fibers inherit it; it ends with the transaction's effect. */
export const CurrentTransaction = Context.Reference<Current | undefined>("millrace/internal/CurrentTransaction", {
  defaultValue: () => undefined
})

interface Entry {
  readonly client: TransactionalClient
  readonly turn: Semaphore.Semaphore
  /** The client is of no use any more. Transactions that wait for their turn make another one, which fences it. */
  broken: boolean
}

type Clients = RcMap.RcMap<string, Entry, KafkaError>

const byEngine = new WeakMap<KafkaEngine.Service["Service"], Clients>()

/** How long a client is kept after its last transaction: making one costs round trips. */
const idle = "1 minute"

const clientsOf = Effect.fnUntraced(function*(engine: KafkaEngine.Service["Service"]) {
  const known = byEngine.get(engine)
  if (known !== undefined) return known
  const clients = yield* Scope.provide(
    RcMap.make({
      lookup: (transactionalId: string) =>
        Effect.map(engine.transactional(transactionalId), (client): Entry => ({
          client,
          turn: Semaphore.makeUnsafe(1),
          broken: false
        })),
      idleTimeToLive: idle
    }),
    engine.scope
  )
  // Another fiber may have been faster while this one made the map; an unused map costs nothing.
  const winner = byEngine.get(engine) ?? clients
  byEngine.set(engine, winner)
  return winner
})

/** Whether an error is one of this package. The error of an effect is anybody's, and its class may not be readable. */
export const isKafkaError = (error: unknown): error is KafkaError =>
  readOr(() => error instanceof Errors.KafkaError, false)

/** After such an error the client can send nothing more: it was fenced, or the engine calls the error fatal. */
const isFatal = (error: KafkaError): boolean =>
  error.reason._tag === "Fenced" || (error.reason._tag === "TransactionFailed" && !error.reason.retryable)

/**
 * The client as one transaction sees it. A fiber that outlives the transaction cannot send into the next one of that
 * id, which has the same client.
 */
const open = (transactionalId: string, client: TransactionalClient): readonly [current: Current, end: () => void] => {
  let isOpen = true
  const ended = (operation: string): KafkaError => {
    const problem = "it has ended; let it wait for every fiber that it starts and that sends"
    return Errors.make(operation, new Errors.TransactionFailed({ transactionalId, problem, retryable: false }))
  }
  return [
    {
      transactionalId,
      isOpen: () => isOpen,
      client: {
        produce: (message, done) => {
          if (isOpen) return client.produce(message, done)
          queueMicrotask(() => done(ended("produce"), undefined))
          return true
        },
        whenSpace: Effect.suspend(() => client.whenSpace),
        flush: (timeout) => client.flush(timeout),
        sendOffsets: (positions, group) =>
          Effect.suspend(() => isOpen ? client.sendOffsets(positions, group) : ended("sendOffsets"))
      }
    },
    () => {
      isOpen = false
    }
  ]
}

/** Runs one transaction with a client that no other fiber uses meanwhile. */
const runWith = <A, E, R>(
  transactionalId: string,
  client: TransactionalClient,
  effect: Effect.Effect<A, E, R>,
  giveUp: Effect.Effect<void>,
  committed: () => void
): Effect.Effect<A, E | KafkaError, R> => {
  // Nobody knows in which state a client is that could not abort.
  const abort = Effect.catch(
    client.abort,
    (error) => Effect.andThen(Effect.logWarning("the transaction was not aborted cleanly", error), giveUp)
  )
  return Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      yield* client.begin
      const [current, end] = open(transactionalId, client)
      const exit = yield* Effect.exit(restore(Effect.provideService(effect, CurrentTransaction, current)))
      end()
      if (Exit.isSuccess(exit)) {
        // It may have been committed all the same. Without KIP-890 a late request to end it could end the next
        // transaction of this client: another client has another epoch, and is safe from that.
        yield* Effect.tapError(client.commit, () => Effect.andThen(abort, giveUp))
        committed()
        return exit.value
      }
      yield* abort
      return yield* exit
    })
  ).pipe(Effect.tapError((error) => isKafkaError(error) && isFatal(error) ? giveUp : Effect.void))
}

/**
 * Runs an effect inside of a transaction: committed when it succeeds, aborted when it fails or is interrupted. No
 * interruption comes between the commit and `committed`.
 */
export const within = <A, E, R>(
  transactionalId: string,
  effect: Effect.Effect<A, E, R>,
  committed: () => void = () => {}
): Effect.Effect<A, E | KafkaError, R | KafkaEngine.Service> =>
  Effect.gen(function*() {
    const outer = yield* CurrentTransaction
    if (outer?.isOpen() === true) {
      const problem = `cannot begin inside of transaction "${outer.transactionalId}"; Kafka does not nest transactions`
      return yield* Errors.make(
        "transaction",
        new Errors.TransactionFailed({ transactionalId, problem, retryable: false })
      )
    }
    const clients = yield* clientsOf(yield* KafkaEngine.Service)
    const attempt = Effect.scoped(Effect.gen(function*() {
      const entry = yield* RcMap.get(clients, transactionalId)
      const giveUp = Effect.suspend(() => {
        if (entry.broken) return Effect.void
        entry.broken = true
        return RcMap.invalidate(clients, transactionalId)
      })
      const run = runWith(transactionalId, entry.client, effect, giveUp, committed)
      return yield* entry.turn.withPermits(1)(
        Effect.suspend(() => entry.broken ? Effect.succeedNone : Effect.asSome(run))
      )
    }))
    while (true) {
      const done = yield* attempt
      if (Option.isSome(done)) return done.value
    }
  })
