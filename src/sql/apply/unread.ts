/**
 * Finds the first record with a value that its type does not take. Where a type's own function says so, or a name that
 * is read as a value (`regclass`), the error has the code of a wrong statement, or of a broken database.
 */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { isOfRow, mayBeOfValue } from "../tables/sqlErrors.ts"
import * as Sql from "./applySql.ts"
import type { Op, Row } from "./fold.ts"
import { inTransaction, runAll } from "./running.ts"
import type { Target } from "./target.ts"
import { byShape } from "./unique.ts"

/** A record that cannot be read, and why. */
export interface Unread {
  readonly place: number
  readonly error: SqlError
}

const rowsOf = ({ instead, kind, row, to }: Op): ReadonlyArray<Row> =>
  kind === "Truncate" ? [] : [row, ...(to === undefined ? [] : [to]), ...(instead === undefined ? [] : [instead.row])]

/** What reads the cells of operations, and nothing else. */
const readsOf = (ops: ReadonlyArray<Op>): ReadonlyArray<Sql.Statement> => {
  const byTarget = new Map<Target, Array<Op>>()
  for (const op of ops) {
    const rows = byTarget.get(op.target) ?? []
    byTarget.set(op.target, rows)
    for (const row of rowsOf(op)) rows.push(row === op.row ? op : { ...op, row })
  }
  return [...byTarget].flatMap(([target, rows]) =>
    [...byShape(rows)].map(([shape, alike]) => Sql.read(target, shape, alike))
  )
}

/** The first operation of which a value cannot be read, if there is one. Writes nothing. */
export const unread = Effect.fnUntraced(function*(
  sql: SqlClient,
  ops: ReadonlyArray<Op>
): Effect.fn.Return<Unread | undefined, SqlError> {
  const errorOf = (low: number, high: number) =>
    inTransaction(sql, runAll(sql, readsOf(ops.slice(low, high)))).pipe(
      Effect.as(undefined),
      Effect.catchIf((error) => isOfRow(error) || mayBeOfValue(error), (error) => Effect.succeed(error))
    )
  let [low, high] = [0, ops.length]
  let error = yield* errorOf(low, high)
  if (error === undefined) return undefined
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    const first = yield* errorOf(low, middle)
    if (first === undefined) low = middle
    else {
      error = first
      high = middle
    }
  }
  // What was read as a whole may be read by now: another session has made the relation.
  error = yield* errorOf(low, high)
  return error === undefined ? undefined : { place: low, error }
})
