/** Bounds how long a database is waited for: a network can lose a connection without a word. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { SyncError } from "../SyncError.ts"
import { Unavailable } from "../SyncErrorReason.ts"

/** Gives up what takes longer. `operation` says what was done, and at which side. */
export const within = <A, E, R>(
  operation: string,
  timeout: Duration.Duration,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SyncError, R> =>
  Effect.timeoutOrElse(effect, {
    duration: timeout,
    orElse: () => {
      const problem =
        `no answer for ${Duration.toSeconds(timeout)} s, which is given up; set a longer \`timeout\` if a `
        + "statement takes that long"
      return Effect.fail(new SyncError({ operation, reason: new Unavailable({ problem }) }))
    }
  })

/** How long the end of a transaction that failed may take, in milliseconds. */
const endMillis = 5_000

/**
 * In a transaction of which every part can be interrupted. `SqlClient` waits for BEGIN and COMMIT in a way that nothing
 * interrupts, and then cannot be closed either.
 */
export const inTransaction = <A, E, R>(
  sql: SqlClient,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R> =>
  Effect.scoped(Effect.gen(function*() {
    const connection = yield* sql.reserve
    const control = (text: string) => connection.executeUnprepared(text, [], undefined)
    const work = Effect.provideService(effect, sql.transactionService, [connection, 0])
    return yield* Effect.andThen(control("BEGIN"), work).pipe(
      Effect.tap(() => control("COMMIT")),
      Effect.onError(() =>
        Effect.ignoreCause(Effect.timeoutOption(Effect.interruptible(control("ROLLBACK")), endMillis))
      )
    )
  }))
