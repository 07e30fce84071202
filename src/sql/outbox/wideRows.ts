/** Rows that are larger than what a driver takes in one message. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Place } from "../tables/ownTables.ts"
import * as Sql from "./outboxSql.ts"
import { type OutboxRow, rowOf } from "./rows.ts"

/** A large column, piece by piece. */
const whole = Effect.fnUntraced(function*(
  sql: SqlClient,
  place: Place,
  id: unknown,
  column: "key" | "value" | "headers",
  length: unknown
): Effect.fn.Return<Uint8Array | null, SqlError> {
  if (length === null) return null
  const pieces: Array<Uint8Array> = []
  for (let from = 1; from <= Number(length); from += Sql.pieceBytes) {
    const [[piece] = []] = yield* sql.unsafe(Sql.piece(place, column), [id, from]).values
    pieces.push(piece as Uint8Array)
  }
  return Buffer.concat(pieces)
})

/** A row of which the statement left out what is large. */
const wide = Effect.fnUntraced(function*(
  sql: SqlClient,
  place: Place,
  [id, topic, partition, , , , timestamp]: ReadonlyArray<unknown>
): Effect.fn.Return<OutboxRow, SqlError> {
  const [lengths = []] = yield* sql.unsafe(Sql.lengths(place), [id]).values
  const key = yield* whole(sql, place, id, "key", lengths[0])
  const value = yield* whole(sql, place, id, "value", lengths[1])
  const headers = yield* whole(sql, place, id, "headers", lengths[2])
  return rowOf([id, topic, partition, key, value, headers, timestamp])
})

const isWide = (cells: ReadonlyArray<unknown>): boolean => cells[7] === true

/** Rows as `outboxSql.select` and `outboxSql.parked` return them, with what these left out. */
export const rowsWith = (
  sql: SqlClient,
  place: Place,
  rows: ReadonlyArray<ReadonlyArray<unknown>>
): Effect.Effect<ReadonlyArray<OutboxRow>, SqlError> =>
  rows.some(isWide)
    ? Effect.forEach(rows, (cells) => isWide(cells) ? wide(sql, place, cells) : Effect.succeed(rowOf(cells)))
    : Effect.succeed(rows.map(rowOf))
