/** Chunks of operations, stored as a sync does it. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type Claim, Claims } from "../../../src/sql/apply/claims.ts"
import type { Op } from "../../../src/sql/apply/fold.ts"
import { type Around, store } from "../../../src/sql/apply/storing.ts"
import { serverErrorOf } from "../../../src/sql/tables/sqlErrors.ts"
import { numbered } from "./kit.ts"

/** Claims a partition for a run of its own. */
export const claim = (topic: string, partition = 0, claims = new Claims()) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const starts = yield* claims.take(sql, {}, "group", [{ topic, partition }])
    const taken = yield* claims.of("group", { topic, partition })
    return { claim: taken!, start: starts[0]?.offset }
  })

/** Stores operations at offsets from `first` on. Tells how many were, and the SQLSTATE of the first that was not. */
export const storeAll = (claim: Claim, ops: ReadonlyArray<Op>, first = 0, isParked = false) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const next = first + ops.length
    const all = numbered(ops, first)
    const around: Around = (ops, _hasWaiting, _isCareful, write) =>
      Effect.map(write(ops, 0), (applied) => ({ ...applied, parked: 0 }))
    const chunk = { sql, place: {}, claim, ops: all, around, next }
    const { error, place } = yield* store(chunk, isParked)
    return error === undefined ? place : `${place}: ${serverErrorOf(error).code}`
  })

/** What is stored as the next offset. */
export const nextOf = ({ partition, topic }: { readonly topic: string; readonly partition: number }) =>
  Effect.flatMap(SqlClient, (sql) =>
    Effect.map(
      sql.unsafe("SELECT next::text FROM millrace.offsets WHERE topic = $1 AND partition = $2", [topic, partition])
        .values,
      (rows) => Number(rows[0]?.[0])
    ))
