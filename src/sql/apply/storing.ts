/** One transaction per chunk: its rows, and the offset behind them, or neither. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Place } from "../tables/ownTables.ts"
import { isOfRow, mayBeOfValue } from "../tables/sqlErrors.ts"
import { type Applied, carefully, optimistically, parkAt } from "./carefully.ts"
import { type Claim, type Cut, unlimited } from "./claims.ts"
import type { Op } from "./fold.ts"
import * as Offsets from "./offsetsSql.ts"
import { inTransaction, textsOf } from "./running.ts"
import { unread } from "./unread.ts"

/** How many operations are tried at once after a row was refused. */
const smallStride = 32

/** The partition has another owner by now. */
export class Lost extends Data.TaggedError("Lost") {}

const isLost = (error: unknown): error is Lost => error instanceof Lost

/** How far a chunk was written, and how many of its rows are kept elsewhere, to be written later. */
export interface Done extends Applied {
  readonly parked: number
}

/**
 * Calls `write` with those of the operations that can be written at this time, and looks after the others.
 * `hasWaiting`: some rows are kept elsewhere already, of these keys or of others. `isCareful`: operations are written
 * in their order.
 */
export type Around = (
  ops: ReadonlyArray<Op>,
  hasWaiting: boolean,
  isCareful: boolean,
  write: (ops: ReadonlyArray<Op>, from: number) => Effect.Effect<Applied, SqlError>
) => Effect.Effect<Done, SqlError, SqlClient>

/** A chunk of a partition. */
export interface Chunk {
  readonly sql: SqlClient
  /** Where the table of offsets is. */
  readonly place: Place
  readonly claim: Claim
  readonly ops: ReadonlyArray<Op>
  readonly around: Around
  /** The offset behind the chunk. */
  readonly next: number
}

/** Stores another offset, within the transaction. */
type Move = (next: number) => Effect.Effect<unknown, SqlError | Lost>

const rowOf = ({ group, partition, topic }: Claim): [string, string, string] => [group, topic, String(partition)]

const moveTo = ({ claim, place, sql }: Chunk, next: number, owner: string, after: string) =>
  Effect.flatMap(
    textsOf(sql, Offsets.store(place), [...rowOf(claim), String(next), owner, after]),
    ([row]): Effect.Effect<boolean, Lost> =>
      row === undefined ? Effect.fail(new Lost()) : Effect.succeed(row[0] === "true")
  )

/** In one transaction, which only the owner of the partition can begin. It writes a new owner, a mark of its own. */
const inOne = Effect.fnUntraced(function*(
  chunk: Chunk,
  write: (hasWaiting: boolean, move: Move) => Effect.Effect<Done, SqlError | Lost, SqlClient>
): Effect.fn.Return<Done, SqlError | Lost, SqlClient> {
  const { claim, ops, place, sql } = chunk
  // A transaction without an answer may have written one of these, and nobody else knows them.
  const after = `${claim.token}#${++claim.sequence}`
  const begun = Effect.flatMap(
    moveTo(chunk, chunk.next, claim.owner, after),
    (hasWaiting) => write(hasWaiting, (next) => moveTo(chunk, next, after, after))
  )
  const noted = Effect.tap(
    begun,
    (applied) => Effect.sync(() => void claim.unanswered.set(after, { ops, applied }))
  )
  const result = yield* Effect.result(inTransaction(sql, noted))
  if (result._tag === "Success") {
    claim.owner = after
    claim.unanswered.clear()
    return result.success
  }
  if (!isLost(result.failure)) return yield* Effect.fail(result.failure)
  // The row waited for whatever transaction held it: what is there is what was committed.
  const rows = yield* textsOf(sql, Offsets.ownerOf(place), rowOf(claim))
  const owner = rows[0]?.[0] ?? ""
  const known = claim.unanswered.get(owner)
  if (known === undefined) return yield* Effect.fail(result.failure)
  claim.owner = owner
  claim.unanswered.clear()
  return known.ops === ops ? known.applied : yield* inOne(chunk, write)
})

/** What is before a record of which a value cannot be read, and that record. */
const cutOf = Effect.fnUntraced(function*({ claim, ops, sql }: Chunk, error: SqlError) {
  const found = mayBeOfValue(error) ? yield* unread(sql, ops) : undefined
  if (found === undefined) return undefined
  return claim.cut = { ops, before: ops.slice(0, found.place), error: found.error }
})

/** Writes what is before the record that cannot be read: the same operations where this is done again. */
const upTo = Effect.fnUntraced(function*(
  chunk: Chunk,
  { before, error, ops }: Cut,
  isParked: boolean
): Effect.fn.Return<Done, SqlError | Lost, SqlClient> {
  const place = before.length
  if (place === 0) return { place, error, parked: 0 }
  const done = yield* store({ ...chunk, ops: before, next: ops[place]!.offset }, isParked)
  chunk.claim.cut = undefined
  return done.error === undefined ? { ...done, place, error } : done
})

/**
 * Writes operations as far as the database takes them, and the offset behind them; rows without their parents wait.
 * `isParked`: the first one waits for a unique value, and leaves its own to others.
 */
export const store = (
  chunk: Chunk,
  isParked: boolean
): Effect.Effect<Done, SqlError | Lost, SqlClient> => {
  const { claim: { cut }, ops } = chunk
  if (cut?.ops === ops) return upTo(chunk, cut, isParked)
  return Effect.catchIf(
    stored(chunk, isParked),
    (error): error is SqlError => !isLost(error),
    (error) =>
      Effect.flatMap(
        cutOf(chunk, error),
        (found) => found === undefined ? Effect.fail(error) : upTo(chunk, found, isParked)
      )
  )
}

const stored = Effect.fnUntraced(function*(
  chunk: Chunk,
  isParked: boolean
): Effect.fn.Return<Done, SqlError | Lost, SqlClient> {
  const { claim, ops, sql } = chunk
  if (claim.stride === unlimited && !isParked) {
    const whole = (ready: ReadonlyArray<Op>) =>
      Effect.as(optimistically(sql, ready, 0), { place: ready.length, error: undefined })
    const result = yield* Effect.result(inOne(chunk, (hasWaiting) => chunk.around(ops, hasWaiting, false, whole)))
    if (result._tag === "Success") return result.success
    // A row that is refused is looked for below.
    if (isLost(result.failure) || !isOfRow(result.failure)) return yield* Effect.fail(result.failure)
  }
  const careful = inOne(
    chunk,
    Effect.fnUntraced(function*(hasWaiting, move) {
      if (isParked) yield* parkAt(sql, ops, 0)
      const write = (ready: ReadonlyArray<Op>, from: number) => carefully(sql, ready, from, claim.stride, claim.isLate)
      const done = yield* chunk.around(ops, hasWaiting, true, write)
      if (done.error !== undefined) yield* move(ops[done.place]!.offset)
      return done
    })
  )
  const applied = yield* Effect.catchIf(
    careful,
    (error) => !isLost(error) && isOfRow(error) && !claim.isLate,
    () => {
      // Each row was taken, and COMMIT refused one: from here on what waits for the end is checked with each attempt.
      claim.isLate = true
      return careful
    }
  )
  claim.stride = applied.error === undefined ? unlimited : smallStride
  return applied
})
