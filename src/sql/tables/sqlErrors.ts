/** Errors of the database by their SQLSTATE. Pure. */
import * as Predicate from "effect/Predicate"
import type { SqlError } from "effect/sql/SqlError"
import { type Place, SyncError } from "../SyncError.ts"
import { Denied, NotMigrated, type Reason, TriggerMovesRow, Unavailable, Unexpected } from "../SyncErrorReason.ts"

/** What the database said about an error; drivers keep it as fields of the cause, under these names. */
export interface ServerError {
  readonly code: string | undefined
  readonly message: string
  readonly detail: string | undefined
  readonly constraint: string | undefined
  readonly column: string | undefined
  /** Where in the statement it is. */
  readonly position: string | undefined
  /** The functions, such as those of triggers, that were running. */
  readonly where: string | undefined
  /** The function of the server that refused. */
  readonly routine: string | undefined
}

const textIn = (cause: unknown, name: string): string | undefined => {
  const value = Predicate.hasProperty(cause, name) ? cause[name] : undefined
  return typeof value === "string" && value !== "" ? value : undefined
}

export const serverErrorOf = ({ reason }: SqlError): ServerError => {
  const { cause } = reason
  return {
    code: textIn(cause, "code"),
    message: textIn(cause, "message") ?? reason.message ?? reason._tag,
    detail: textIn(cause, "detail"),
    constraint: textIn(cause, "constraint"),
    column: textIn(cause, "column"),
    position: textIn(cause, "position"),
    where: textIn(cause, "where"),
    routine: textIn(cause, "routine")
  }
}

/**
 * What passes without a change of rows: 08 connection, 40 rollback (deadlock, serialization), 53 resources (disk full,
 * too many connections, out of memory), 57 operator (shutdown, time-out), 58 system (I/O), a lock that was not had in
 * time, a read-only server, and an object in use.
 */
const transient = /^(?:08|40|53|57|58)|^(?:25006|55P03|55006|25P03|25P04)$/

/**
 * What is not about a row: statements, names and types (42, 0A, 34, 3B, 3D, 3F), states of objects, sessions and
 * transactions (01, 02, 03, 08, 0B, 24, 25, 26, 2B, 2D, 40, 55), rights (0L, 0P, 28), resources, operators and systems
 * (53, 57, 58, 72, F0, HV, XX). Triggers raise the rest: P0, and codes of their own in any other class.
 */
const notOfRow = /^(?:0[0-3689ABFLPZ]|2[4568BD]|3[4BDF]|4[02]|5[3578]|72|F0|HV|XX)/

/** Codes of system calls that Node puts into errors of sockets. */
const systemCode = /^E[A-Z]+$/

/** Code 42501 is also that of a row that a policy refuses; only this function of the server has found that out. */
const policy = "ExecWithCheckOptions"

/** What a text may break that is read as a `tsvector`, `ltree`, `jsonpath`, `regtype`, …: syntax, or a name in it. */
const ofValue = /^42(?:601|704|883)$/

/** A statement has a place where it is wrong, and a function of a trigger says where it is. A value has neither. */
const isAboutValue = ({ code = "", position, where }: ServerError): boolean =>
  ofValue.test(code) && position === undefined && where === undefined

const isAboutRow = (said: ServerError): boolean => {
  const { code, routine } = said
  return code !== undefined && !systemCode.test(code)
    && (!notOfRow.test(code) || (code === "42501" && routine === policy) || isAboutValue(said))
}

/** Whether doing the same again may succeed. */
export const isTransient = (error: SqlError): boolean => {
  const said = serverErrorOf(error)
  const { code } = said
  if (code === undefined || systemCode.test(code)) {
    return error.isRetryable || error.reason._tag === "ConnectionError"
  }
  return transient.test(code) || (error.isRetryable && !isAboutRow(said))
}

/** Whether the database refuses what is in a row. */
export const isOfRow = (error: SqlError): boolean => isAboutRow(serverErrorOf(error)) && !isTransient(error)

/** Whether it may be about a value although its code says other things; a statement has a place where it is wrong. */
export const mayBeOfValue = (error: SqlError): boolean => {
  const { code, position } = serverErrorOf(error)
  return code !== undefined && !systemCode.test(code) && position === undefined && !isTransient(error)
    && !isOfRow(error)
}

const problemOf = ({ detail, message }: ServerError): string => detail === undefined ? message : `${message}: ${detail}`

/** How errors show what the database said. */
export const shownError = (error: SqlError): string => problemOf(serverErrorOf(error))

/** The functions of the server that call triggers before a row is written. */
const movesRow = /^ExecBR\w+Triggers/

/** Why an error of the database is about no single row. */
export const reasonOf = (error: SqlError): Reason => {
  const said = serverErrorOf(error)
  const { code, routine } = said
  const problem = problemOf(said)
  if (isTransient(error)) return new Unavailable({ code, problem })
  if (code === "0A000" && routine !== undefined && movesRow.test(routine)) return new TriggerMovesRow({ problem })
  return code === "42501" || error.reason._tag === "AuthenticationError"
    ? new Denied({ problem })
    : new Unexpected({ code, problem })
}

/** An error of the database that is about no single row. */
export const syncErrorOf = (operation: string, error: SqlError, place?: Place): SyncError =>
  new SyncError({ operation, reason: reasonOf(error), place, cause: error })

/** A table that is not there, or its schema: PostgreSQL before 18 says the latter of some statements. */
const missing = /^(?:42P01|3F000)$/

/** An error of a statement over a table of Millrace's own, `shown` by this name: it may not be there. */
export const ownTableErrorOf = (operation: string, shown: string, error: SqlError): SyncError =>
  missing.test(serverErrorOf(error).code ?? "")
    ? new SyncError({ operation, reason: new NotMigrated({ table: shown }), cause: error })
    : syncErrorOf(operation, error)
