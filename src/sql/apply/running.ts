/** Runs statements and transactions, with errors of the database as failures of one kind. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { isTransient } from "../tables/sqlErrors.ts"
import type { Statement } from "./applySql.ts"

/** The error of the database in a cause. One that passes goes before one of a row: the row is tried again anyway. */
const sqlErrorIn = (cause: Cause.Cause<unknown>): SqlError | undefined => {
  if (Cause.hasInterrupts(cause)) return undefined
  const errors = cause.reasons.flatMap((reason) => {
    const error = Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
    return isSqlError(error) ? [error] : []
  })
  return errors.find(isTransient) ?? errors[0]
}

/** A ROLLBACK that fails, for the connection is gone, is a defect to `SqlClient`; here it is a failure. */
const asFailures = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchCause(effect, (cause): Effect.Effect<never, E> => {
    const error = sqlErrorIn(cause)
    // An error of the database is among the errors of a transaction.
    return error === undefined || cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error === error)
      ? Effect.failCause(cause)
      : Effect.fail(error as E)
  })

/** How long the end of an interrupted transaction is waited for, in milliseconds. */
const endMillis = 5_000

/**
 * Waits for a transaction, but for no end of one that was interrupted: `SqlClient` lets nothing interrupt BEGIN, COMMIT
 * and ROLLBACK, and a network can lose them without a word. What is left then has nothing more to write.
 */
export const notForEver = <A, E, R>(transaction: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(
      Effect.forkDetach(transaction, { startImmediately: true }),
      (fiber) =>
        Effect.onInterrupt(restore(Fiber.join(fiber)), () => {
          fiber.interruptUnsafe()
          return Effect.timeoutOption(Effect.interruptible(Fiber.await(fiber)), endMillis)
        })
    )
  )

/** In a transaction, or in a savepoint of the one that is open. */
export const inTransaction = <A, E, R>(
  sql: SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> => {
  const transaction = asFailures(sql.withTransaction(effect))
  return Effect.flatMap(
    Effect.serviceOption(sql.transactionService),
    (open) => Option.isSome(open) ? transaction : notForEver(transaction)
  )
}

/** Runs statements in their order. */
export const runAll = (sql: SqlClient, statements: ReadonlyArray<Statement>): Effect.Effect<void, SqlError> => {
  const [only] = statements
  if (only !== undefined && statements.length === 1) return Effect.asVoid(sql.unsafe(only.text, only.params))
  return Effect.forEach(statements, ({ params, text }) => sql.unsafe(text, params), { discard: true })
}

/** The rows of a query, as arrays of texts. */
export const textsOf = (
  sql: SqlClient,
  text: string,
  params: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<ReadonlyArray<string | null>>, SqlError> =>
  Effect.map(
    sql.unsafe(text, params).values,
    (rows) => rows.map((row) => row.map((cell) => cell === null ? null : String(cell)))
  )
