/**
 * Statements and transactions of a relay, which no network can hold for ever: where an answer does not come, the
 * connection is given up. A server's own time-outs do not help there, and TCP gives up after some 15 minutes.
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { SyncError } from "../SyncError.ts"
import { Unavailable } from "../SyncErrorReason.ts"
import { begin, statementMillis } from "./outboxSql.ts"

/** What every error of a relay was about. */
export const operation = "publish the outbox"

export const unanswered = "the database does not answer"

/** A server has ended the statement by then, and its answer had 10 seconds to arrive. In milliseconds. */
const answerMillis = statementMillis + 10_000

/** How long the end of a transaction that failed may take, in milliseconds. */
const endMillis = 5_000

/** Interrupts what takes longer, and fails. A driver closes the connection whose statement it cannot interrupt. */
export const within = <A, E, R>(effect: Effect.Effect<A, E, R>, millis: number): Effect.Effect<A, E | SyncError, R> =>
  Effect.timeoutOrElse(effect, {
    duration: millis,
    orElse: () => {
      const problem = `no answer for ${millis / 1_000} s, which is given up`
      return Effect.fail(new SyncError({ operation, reason: new Unavailable({ code: undefined, problem }) }))
    }
  })

/** Interrupts what a server would have ended itself, and fails. */
export const answered = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SyncError, R> =>
  within(effect, answerMillis)

/** The rows of a statement. */
export const ask = (
  sql: SqlClient,
  text: string,
  parameters: ReadonlyArray<unknown> = []
): Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, SqlError | SyncError> =>
  answered(sql.unsafe(text, parameters).values)

/**
 * A transaction of a relay. Those of `SqlClient` wait for BEGIN, COMMIT and ROLLBACK in a way that nothing interrupts;
 * here they are given up as any statement. Then, and where the connection was cut, `lost` is called: the transaction
 * may have been committed, or the server may still have it open.
 */
export const inTransaction = <A, E, R>(
  sql: SqlClient,
  effect: Effect.Effect<A, E, R>,
  lost: () => void
): Effect.Effect<A, E | SqlError | SyncError, R> =>
  Effect.scoped(Effect.gen(function*() {
    const connection = yield* sql.reserve
    const control = (text: string) => connection.executeUnprepared(text, [], undefined)
    const work = Effect.provideService(effect, sql.transactionService, [connection, 0])
    return yield* Effect.andThen(answered(control(begin)), work).pipe(
      Effect.tap(() => answered(control("COMMIT"))),
      // Also where BEGIN was given up: its answer may come yet, before the connection goes back into the pool.
      Effect.onError(() => Effect.catchCause(within(control("ROLLBACK"), endMillis), () => Effect.sync(lost)))
    )
  }))
