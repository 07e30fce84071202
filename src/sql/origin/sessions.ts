/** Puts sessions under replication origins: each one under a name of its own, for as long as it lives. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Connection } from "effect/sql/SqlConnection"
import { LockTimeoutError, SqlError } from "effect/sql/SqlError"
import { serverErrorOf } from "../tables/sqlErrors.ts"
import type { Leasable } from "./names.ts"
import * as Sql from "./originSql.ts"

const codeOf = (error: SqlError): string | undefined => serverErrorOf(error).code

/** Another session is under the origin. */
const inUse = "55006"
const missing = "42704"
const exists = "23505"

/** A session that was cut may live on at the server for a moment. */
const again = Schedule.exponential("20 millis").pipe(Schedule.upTo({ times: 6 }))

const allInUse = ({ instance, names }: Leasable): SqlError => {
  const message =
    `all replication origins of instance "${instance}" (${names.join(", ")}) are in use; give the client at `
    + "most that many connections, over all processes, or raise `names`"
  const cause = Object.assign(new Error(message), { code: inUse })
  return new SqlError({ reason: new LockTimeoutError({ cause, message, operation: "replication origin" }) })
}

/** Creates an origin; another session may do it at the same time. */
const create = (connection: Connection, name: string): Effect.Effect<void, SqlError> =>
  connection.executeValues(Sql.create, [name]).pipe(
    Effect.catchIf((error) => codeOf(error) === exists, () => Effect.void),
    Effect.asVoid
  )

/** Takes a name, if no other session has it. */
const take = (connection: Connection, name: string): Effect.Effect<void, SqlError> => {
  const setUp = connection.executeValues(Sql.setUp, [name])
  return setUp.pipe(
    Effect.catchIf((error) => codeOf(error) === missing, () => Effect.andThen(create(connection, name), setUp)),
    Effect.asVoid
  )
}

/** Takes the first name that is free. */
const lease = Effect.fnUntraced(function*(connection: Connection, origins: Leasable): Effect.fn.Return<void, SqlError> {
  for (const name of origins.names) {
    const result = yield* Effect.result(take(connection, name))
    if (result._tag === "Success") return
    if (codeOf(result.failure) !== inUse) return yield* Effect.fail(result.failure)
  }
  return yield* Effect.fail(allInUse(origins))
})

/**
 * Puts a session under an origin, if it is under none. It stays so: the connection belongs to nobody else. Names are
 * leased by the server's own rule that an origin has one session at a time: it holds over processes and databases, and
 * ends with the connection.
 */
export const underOrigin = (origins: Leasable) => (connection: Connection): Effect.Effect<void, SqlError> =>
  Effect.flatMap(connection.executeValues(Sql.isSetUp, []), ([row]) => {
    if (row?.[0] === true) return Effect.void
    const leased = Effect.retry(lease(connection, origins), {
      schedule: again,
      while: (error) => codeOf(error) === inUse
    })
    // First: a session that is under an origin is marked, too.
    return Effect.andThen(connection.executeValues(Sql.markSession, []), leased)
  })
