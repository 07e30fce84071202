/** Rows that wait, with operations that are larger than what a driver takes in one message. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { textsOf } from "../apply/running.ts"
import type { Place } from "../tables/ownTables.ts"
import * as Sql from "./waitingSql.ts"

type Cells = ReadonlyArray<string | null>

/**
 * Rows of a statement that leaves large operations out, with these; `op` is their place, and the first cell is the id.
 * What was taken out of the table meanwhile is left out.
 */
export const withOps = Effect.fnUntraced(function*(
  sql: SqlClient,
  place: Place,
  rows: ReadonlyArray<Cells>,
  op: number
): Effect.fn.Return<ReadonlyArray<Cells>, SqlError> {
  if (rows.every((row) => row[op] !== null)) return rows
  const whole: Array<Cells> = []
  for (const row of rows) {
    if (row[op] !== null) {
      whole.push(row)
      continue
    }
    const pieces = yield* textsOf(sql, Sql.opPieces(place), [row[0]!])
    if (pieces.length > 0) whole.push(row.with(op, pieces.map(([piece]) => piece).join("")))
  }
  return whole
})
