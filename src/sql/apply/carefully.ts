/** Writes as much of a chunk as the database takes, and finds the first record that it refuses. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { isOfRow, serverErrorOf } from "../tables/sqlErrors.ts"
import * as Sql from "./applySql.ts"
import { fold, type Op, type Work } from "./fold.ts"
import { movesIn } from "./moves.ts"
import { inTransaction, runAll, textsOf } from "./running.ts"
import { after, before, inOrder, locks, statementsIn, stretchOf, writesOf } from "./statements.ts"
import type { Target } from "./target.ts"
import { byShape, lookUps, parkable, parkedOps, wavesOf, written } from "./unique.ts"

/** How far a chunk was written: all operations before `place`. The one at `place` was refused. */
export interface Applied {
  readonly place: number
  readonly error: SqlError | undefined
}

/** Whether another row is in the way. */
export const isConflict = (error: SqlError): boolean => /^(?:23505|23P01)$/.test(serverErrorOf(error).code ?? "")

/** Whether later records may repair what this error is about. */
const isPassing = (error: SqlError): boolean => isConflict(error) || serverErrorOf(error).code === "23503"

/**
 * How many records from a refused one on are tried as a whole: what repairs it, such as the other half of a swap, is
 * in the same transaction of the source, mostly next to it.
 */
const lookAhead = [2, 3, 4, 5, 6, 7, 8, 16, 32, 64]

/** Success, or the error of a row. Errors of the database itself fail. */
const attempt = (sql: SqlClient, isLate: boolean, statements: Effect.Effect<unknown, SqlError>) => {
  const checked = isLate
    ? Effect.andThen(Effect.andThen(sql.unsafe(Sql.defer), statements), sql.unsafe(Sql.check))
    : statements
  return Effect.catchIf(
    Effect.as(inTransaction(sql, checked), undefined),
    isOfRow,
    (error) => Effect.succeed(error)
  )
}

/** The statement that takes unique values away from rows that are about to get others, if any can be taken away. */
const parkOf = (target: Target, ops: ReadonlyArray<Op>): ReadonlyArray<Sql.Statement> => {
  const columns = parkable(target)
  const able = columns.length === 0 ? [] : parkedOps(columns, ops)
  return able.length === 0 ? [] : [Sql.park(target, columns, able)]
}

/** The rows of a work in waves, holders of unique values before those who take them; fails where there is no order. */
const wavesIn = Effect.fnUntraced(
  function*(sql: SqlClient, { target }: Work, ops: ReadonlyArray<Op>, refused: SqlError) {
    const pairs: Array<readonly [number, number]> = []
    for (const columns of lookUps(target)) {
      const asked = ops.flatMap((op, place) => columns.every((column) => op.row[column] !== undefined) ? [place] : [])
      if (asked.length === 0) continue
      const { params, text } = Sql.holders(target, columns, asked.map((place) => ops[place]!))
      for (const [taker, holder] of yield* textsOf(sql, text, params)) {
        // Its holder is in no record of this chunk.
        if (holder === null) return yield* Effect.fail(refused)
        pairs.push([asked[Number(taker) - 1]!, asked[Number(holder) - 1]!])
      }
    }
    const waves = wavesOf(ops.length, pairs)
    return waves ?? (yield* Effect.fail(refused))
  }
)

/** Takes unique values away where they may be null, then writes the holders of others before those who take them. */
const resolved = Effect.fnUntraced(function*(sql: SqlClient, works: ReadonlyArray<Work>, refused: SqlError) {
  yield* runAll(sql, before(works))
  for (const work of works) {
    const ops = written(work)
    yield* runAll(sql, parkOf(work.target, ops))
    for (const wave of yield* wavesIn(sql, work, ops, refused)) {
      yield* runAll(sql, writesOf({ ...work, writes: byShape(wave.map((place) => ops[place]!)) }))
    }
  }
  yield* runAll(sql, after(works))
})

/**
 * Applies operations from place `from` on. `stride`: how many it tries at once. `mayBeLate`: something that no table
 * here is known to have, such as a trigger, may refuse rows at the end of the transaction. Runs in a transaction, and
 * leaves applied what it says is applied.
 */
export const carefully = Effect.fnUntraced(function*(
  sql: SqlClient,
  ops: ReadonlyArray<Op>,
  from: number,
  stride: number,
  mayBeLate: boolean
): Effect.fn.Return<Applied, SqlError> {
  const isLate = mayBeLate || ops.some(({ target }) => target.isDeferrable)

  /** Applies a range as a whole, or returns why not. */
  const whole = Effect.fnUntraced(
    function*(low: number, high: number): Effect.fn.Return<SqlError | undefined, SqlError> {
      const error = yield* attempt(sql, isLate, runAll(sql, statementsIn(ops, low, high)))
      if (error === undefined || !isConflict(error) || high - low < 2) return error
      // What is not done at once is no one work: the halves are tried.
      if (stretchOf(ops, low, high) < high) return error
      const works = inOrder(fold(ops, low, high))
      return yield* attempt(
        sql,
        isLate,
        Effect.andThen(
          runAll(sql, [...locks(ops, low, high), ...movesIn(ops, low, high)]),
          resolved(sql, works, error)
        )
      )
    }
  )

  /** Applies a range, in halves where it is refused as a whole. */
  const climb = Effect.fnUntraced(function*(low: number, high: number): Effect.fn.Return<Applied, SqlError> {
    const error = yield* whole(low, high)
    if (error === undefined) return { place: high, error }
    if (high - low === 1) return { place: low, error }
    const middle = low + Math.ceil((high - low) / 2)
    const lower = yield* climb(low, middle)
    return lower.place < middle ? lower : yield* climb(middle, high)
  })

  /** A swap, say, is refused half done, and can be done as a whole. */
  const withNext = Effect.fnUntraced(function*(low: number): Effect.fn.Return<number | undefined, SqlError> {
    for (const size of lookAhead) {
      const high = Math.min(low + size, ops.length)
      if (high - low > 1 && (yield* whole(low, high)) === undefined) return high
      if (high === ops.length) return undefined
    }
    return undefined
  })

  let place = from
  let size = stride
  while (place < ops.length) {
    const high = Math.min(place + size, ops.length)
    const climbed = yield* climb(place, high)
    place = climbed.place
    size *= 2
    if (climbed.error === undefined) continue
    const repaired = isPassing(climbed.error) ? yield* withNext(place) : undefined
    if (repaired === undefined) return climbed
    place = repaired
  }
  return { place, error: undefined }
})

/** Applies all operations at once; the error of a row fails, too. */
export const optimistically = (
  sql: SqlClient,
  ops: ReadonlyArray<Op>,
  from: number
): Effect.Effect<void, SqlError> => {
  const statements = statementsIn(ops, from)
  return ops.some(({ target }) => target.isDeferrable)
    ? runAll(sql, [{ text: Sql.defer, params: [] }, ...statements])
    : runAll(sql, statements)
}

/** Leaves the value that a row holds to others while it waits for one that is taken. */
export const parkAt = (sql: SqlClient, ops: ReadonlyArray<Op>, place: number): Effect.Effect<void, SqlError> => {
  const op = ops[place]
  return op?.kind === "Write" ? runAll(sql, parkOf(op.target, [op])) : Effect.void
}
