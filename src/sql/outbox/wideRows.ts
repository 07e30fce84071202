/** Rows that are larger than what a driver takes in one message. */
import * as Effect from "effect/Effect"
import type { Place } from "../tables/ownTables.ts"
import * as Sql from "./outboxSql.ts"
import { type OutboxRow, rowOf } from "./rows.ts"

/** Runs a statement. */
type Ask<E, R> = (
  text: string,
  parameters: ReadonlyArray<unknown>
) => Effect.Effect<ReadonlyArray<ReadonlyArray<unknown>>, E, R>

/** A large column, piece by piece. */
const whole = Effect.fnUntraced(function*<E, R>(
  ask: Ask<E, R>,
  place: Place,
  id: unknown,
  column: "key" | "value" | "headers",
  length: unknown
): Effect.fn.Return<Uint8Array | null, E, R> {
  if (length === null) return null
  const pieces: Array<Uint8Array> = []
  for (let from = 1; from <= Number(length); from += Sql.pieceBytes) {
    const [[piece] = []] = yield* ask(Sql.piece(place, column), [id, from])
    pieces.push(piece as Uint8Array)
  }
  return Buffer.concat(pieces)
})

/** A row of which the statement left out what is large. */
const wide = Effect.fnUntraced(function*<E, R>(
  ask: Ask<E, R>,
  place: Place,
  [id, topic, partition, , , , timestamp]: ReadonlyArray<unknown>
): Effect.fn.Return<OutboxRow, E, R> {
  const [lengths = []] = yield* ask(Sql.lengths(place), [id])
  const key = yield* whole(ask, place, id, "key", lengths[0])
  const value = yield* whole(ask, place, id, "value", lengths[1])
  const headers = yield* whole(ask, place, id, "headers", lengths[2])
  return rowOf([id, topic, partition, key, value, headers, timestamp])
})

const isWide = (cells: ReadonlyArray<unknown>): boolean => cells[7] === true

/** Rows as `outboxSql.select` and `outboxSql.parked` return them, with what these left out. */
export const rowsWith = <E, R>(
  ask: Ask<E, R>,
  place: Place,
  rows: ReadonlyArray<ReadonlyArray<unknown>>
): Effect.Effect<ReadonlyArray<OutboxRow>, E, R> =>
  rows.some(isWide)
    ? Effect.forEach(rows, (cells) => isWide(cells) ? wide(ask, place, cells) : Effect.succeed(rowOf(cells)))
    : Effect.succeed(rows.map(rowOf))
