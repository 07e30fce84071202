/** Writes rows whose parents came, and those that waited for them in turn. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { carefully } from "../apply/carefully.ts"
import { unlimited } from "../apply/claims.ts"
import type { Op } from "../apply/fold.ts"
import { literalOf } from "../apply/literals.ts"
import { inTransaction, textsOf } from "../apply/running.ts"
import type { Place } from "../tables/ownTables.ts"
import { isTransient, shownError } from "../tables/sqlErrors.ts"
import { missingOf } from "./checking.ts"
import { Lines } from "./lines.ts"
import { Needs, type Waiters } from "./needs.ts"
import { plan } from "./plan.ts"
import { parentName, type Waiter } from "./relations.ts"
import { readOp } from "./stored.ts"
import type { Known } from "./waiters.ts"
import * as Sql from "./waitingSql.ts"
import { withOps } from "./wideOps.ts"

const releasedRows = Metric.counter("millrace_waiting_released_total", {
  description: "Rows that waited for their parents and were written, or taken up by a later row of their key",
  incremental: true
})
const refusedRows = Metric.counter("millrace_waiting_refused_total", {
  description: "Rows that waited for their parents and are refused by the database for another reason",
  incremental: true
})

/** A key of a table with rows that wait. */
export interface Key {
  readonly group: string
  readonly table: string
  readonly key: string
}

export interface Releasing {
  readonly sql: SqlClient
  readonly place: Place
  readonly waiting: { readonly known: Known }
}

/** How many keys are released at once, and how many times rows may release others; the sweep goes on from there. */
export const mostKeys = 5_000
const mostLevels = 100

export const keysIn = (rows: ReadonlyArray<ReadonlyArray<string | null>>): ReadonlyArray<Key> =>
  rows.map(([group, table, key]) => ({ group: group!, table: table!, key: key! }))

const said = (cause: string) => Effect.logError(`${cause}; see Waiting.list, or \`millrace sql waiting ls\``)

/** The keys whose rows wait for rows that were just written. */
const waitingFor = Effect.fnUntraced(function*({ place, sql }: Releasing, ops: ReadonlyArray<Op>) {
  const byTarget = new Map<Op["target"], Array<Op>>()
  for (const op of ops) {
    if (op.kind !== "Write") continue
    const same = byTarget.get(op.target)
    if (same === undefined) byTarget.set(op.target, [op])
    else same.push(op)
  }
  const keys: Array<Sql.ParentKey> = []
  const params: Array<string> = []
  for (const [target, written] of byTarget) {
    for (const { columns, isExclusion, isExpression, isPartial } of target.table.uniques) {
      if (isExclusion || isExpression || isPartial || columns.length === 0) continue
      const places = [...columns].sort().map((name) => target.columns.findIndex((column) => column.name === name))
      if (places.some((column) => column < 0 || target.columns[column]!.kind === "array")) continue
      const whole = written.filter(({ row }) => places.every((column) => (row[column] ?? null) !== null))
      if (whole.length === 0) continue
      const types = places.map((column) => target.columns[column]!.type)
      keys.push({ parent: parentName(target.table, columns), types })
      params.push(
        parentName(target.table, columns),
        ...places.map((column) => literalOf(whole, ({ row }) => row[column]))
      )
    }
  }
  if (keys.length === 0) return []
  return keysIn(yield* textsOf(sql, Sql.waitingFor(place, keys), [...params, String(mostKeys)]))
})

const giveUp = Effect.fnUntraced(function*({ place, sql }: Releasing, ids: ReadonlyArray<string>, problem: string) {
  yield* sql.unsafe(Sql.refuse(place), [literalOf(ids, (id) => id), literalOf(ids, () => problem)])
  yield* Metric.update(refusedRows, ids.length)
})

/** Writes operations; those that the database refuses stay, with what it said. Returns the others. */
const write = Effect.fnUntraced(function*(
  releasing: Releasing,
  ops: ReadonlyArray<Op>,
  idsOf: ReadonlyMap<Op, ReadonlyArray<string>>
) {
  const { sql } = releasing
  const refused = new Set<Op>()
  let from = 0
  while (from < ops.length) {
    const { error, place } = yield* carefully(sql, ops, from, unlimited, true)
    if (error === undefined) break
    const op = ops[place]!
    refused.add(op)
    yield* giveUp(releasing, idsOf.get(op) ?? [], shownError(error))
    yield* said(`the database refuses a row of ${op.target.name} that waited for its parent: ${shownError(error)}`)
    from = place + 1
  }
  return ops.filter((op) => !refused.has(op))
})

/** Releases keys as far as their parents are there. Returns the rows that were written. */
const releaseKeys = Effect.fnUntraced(function*(
  releasing: Releasing,
  keys: ReadonlyArray<Key>
): Effect.fn.Return<ReadonlyArray<Op>, SqlError, SqlClient> {
  const { place, sql, waiting } = releasing
  const found = yield* textsOf(sql, Sql.lockLines(place), [
    literalOf(keys, ({ group }) => group),
    literalOf(keys, ({ table }) => table),
    literalOf(keys, ({ key }) => key)
  ])
  const rows = yield* withOps(sql, place, found, Sql.opIn.lockLines)
  const waiters = new Map<Op["target"], Waiter>()
  const groups = new Map<string, Lines>()
  for (const [id, group, , , spec, text, offset] of rows) {
    const waiter = yield* Effect.catchIf(
      waiting.known.of(spec!),
      (error) => !error.isRetryable,
      (error) => Effect.as(giveUp(releasing, [id!], error.message), undefined)
    ).pipe(Effect.mapError((error) => error.cause as SqlError))
    if (waiter === undefined) continue
    waiters.set(waiter.target, waiter)
    let lines = groups.get(group!)
    if (lines === undefined) groups.set(group!, lines = new Lines(waiters as Waiters))
    lines.waits({ id: id!, op: readOp(waiter.target, text!, Number(offset)) })
  }
  const needs = new Needs()
  const lines = [...groups.values()].flatMap(({ all }) => [...all.values()])
  for (const { steps, waiter } of lines) {
    for (const { kind, row } of steps) if (row !== undefined && kind === "Write") needs.add(waiter!, row)
  }
  const missing = yield* missingOf(sql, needs, true)
  const planned = plan([], lines, { missing, parents: "self", isRelease: true })
  const { gone, ready, still } = planned
  const idsOf = new Map(gone.map(({ ids, op }) => [op, ids]))
  const written = yield* write(releasing, ready, idsOf)
  const ids = written.flatMap((op) => idsOf.get(op) ?? [])
  if (ids.length > 0) {
    yield* sql.unsafe(Sql.remove(place), [literalOf(ids, (id) => id)])
    yield* Metric.update(releasedRows, ids.length)
  }
  if (still.length > 0) {
    yield* sql.unsafe(Sql.moveTo(place), [
      literalOf(still, ({ id }) => id),
      literalOf(still, ({ lack }) => lack.relation.parent),
      literalOf(still, ({ lack }) => lack.parentKey)
    ])
  }
  return written
})

/** Releases keys, and what waited for their rows, within the transaction. Returns how many rows were written. */
export const releaseAll = Effect.fnUntraced(function*(
  releasing: Releasing,
  first: ReadonlyArray<Key>
): Effect.fn.Return<number, SqlError, SqlClient> {
  let keys = first
  let count = 0
  for (let level = 0; level < mostLevels && keys.length > 0; level++) {
    const written = yield* releaseKeys(releasing, keys)
    count += written.length
    keys = written.length === 0 ? [] : yield* waitingFor(releasing, written)
  }
  return count
})

/**
 * Releases what waited for these rows. What the database says about it is no error of the rows themselves: unless it
 * passes by itself, it is logged, and the rows go on waiting.
 */
export const released = (
  releasing: Releasing,
  written: ReadonlyArray<Op>
): Effect.Effect<void, SqlError, SqlClient> => {
  const whole = Effect.gen(function*() {
    const keys = yield* waitingFor(releasing, written)
    if (keys.length > 0) yield* releaseAll(releasing, keys)
  })
  return Effect.catchIf(
    inTransaction(releasing.sql, whole),
    (error) => !isTransient(error),
    (error) => {
      releasing.waiting.known.forget()
      return said(`rows that wait for their parents cannot be released: ${shownError(error)}`)
    }
  )
}
