/** One transaction per chunk: its rows, and the offset behind them, or neither. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import type { Place } from "../tables/ownTables.ts"
import { isOfRow } from "../tables/sqlErrors.ts"
import { type Applied, carefully, optimistically, parkAt } from "./carefully.ts"
import { type Claim, unlimited } from "./claims.ts"
import type { Op } from "./fold.ts"
import * as Offsets from "./offsetsSql.ts"
import { inTransaction, textsOf } from "./running.ts"

/** How many operations are tried at once after a row was refused. */
const smallStride = 32

/** The partition has another owner by now. */
export class Lost extends Data.TaggedError("Lost") {}

const isLost = (error: unknown): error is Lost => error instanceof Lost

/** A chunk of a partition. */
export interface Chunk {
  readonly sql: SqlClient
  /** Where the table of offsets is. */
  readonly place: Place
  readonly claim: Claim
  readonly ops: ReadonlyArray<Op>
  /** The offset behind the chunk. */
  readonly next: number
}

/** Stores another offset, within the transaction. */
type Move = (next: number) => Effect.Effect<void, SqlError | Lost>

const rowOf = ({ group, partition, topic }: Claim): [string, string, string] => [group, topic, String(partition)]

const moveTo = ({ claim, place, sql }: Chunk, next: number, owner: string, after: string) =>
  Effect.flatMap(
    textsOf(sql, Offsets.store(place), [...rowOf(claim), String(next), owner, after]),
    (rows): Effect.Effect<void, Lost> => rows.length === 0 ? Effect.fail(new Lost()) : Effect.void
  )

/** In one transaction, which only the owner of the partition can begin. It writes a new owner, a mark of its own. */
const inOne = Effect.fnUntraced(function*(
  chunk: Chunk,
  write: (move: Move) => Effect.Effect<Applied, SqlError | Lost>
): Effect.fn.Return<Applied, SqlError | Lost> {
  const { claim, ops, place, sql } = chunk
  // A transaction without an answer may have written one of these, and nobody else knows them.
  const after = `${claim.token}#${++claim.sequence}`
  const begun = Effect.andThen(
    moveTo(chunk, chunk.next, claim.owner, after),
    write((next) => Effect.asVoid(moveTo(chunk, next, after, after)))
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

/**
 * Writes operations from place `from` on, as far as the database takes them, and the offset behind them. `isParked`:
 * the first one waits for a unique value, and leaves its own to others.
 */
export const store = Effect.fnUntraced(function*(
  chunk: Chunk,
  from: number,
  isParked: boolean
): Effect.fn.Return<Applied, SqlError | Lost> {
  const { claim, ops, sql } = chunk
  if (claim.stride === unlimited && !isParked) {
    const all: Applied = { place: ops.length, error: undefined }
    const result = yield* Effect.result(inOne(chunk, () => Effect.as(optimistically(sql, ops, from), all)))
    if (result._tag === "Success") return result.success
    // A row that is refused is looked for below.
    if (isLost(result.failure) || !isOfRow(result.failure)) return yield* Effect.fail(result.failure)
  }
  const applied = yield* inOne(
    chunk,
    Effect.fnUntraced(function*(move) {
      if (isParked) yield* parkAt(sql, ops, from)
      const done = yield* carefully(sql, ops, from, claim.stride)
      if (done.error !== undefined) yield* move(ops[done.place]!.offset)
      return done
    })
  )
  claim.stride = applied.error === undefined ? unlimited : smallStride
  return applied
})
