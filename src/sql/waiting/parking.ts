/** Around the writing of a chunk: rows without their parents are parked, and those whose parents came are released. */
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { SqlError } from "effect/sql/SqlError"
import { check } from "../apply/applySql.ts"
import type { Applied } from "../apply/carefully.ts"
import type { Op } from "../apply/fold.ts"
import { keyTextOf } from "../apply/keys.ts"
import { literalOf } from "../apply/literals.ts"
import { textsOf } from "../apply/running.ts"
import type { Done } from "../apply/storing.ts"
import type { Place } from "../tables/ownTables.ts"
import { serverErrorOf } from "../tables/sqlErrors.ts"
import { missingOf } from "./checking.ts"
import { Lines } from "./lines.ts"
import { type Lack, type Missing, needsOf, parentKeyOf, referenceOf, type Waiters } from "./needs.ts"
import { type Parked, type Plan, plan } from "./plan.ts"
import type { Relation, Waiter } from "./relations.ts"
import { released } from "./releasing.ts"
import { readOp, storedKey, storedOp } from "./stored.ts"
import type { Known } from "./waiters.ts"
import * as Sql from "./waitingSql.ts"
import { withOps } from "./wideOps.ts"

/** What the writing of a chunk needs to know about rows that wait. */
export interface Waiting {
  readonly waiters: Waiters
  readonly known: Known
}

/** A chunk of a partition. */
export interface Chunk {
  readonly sql: SqlClient
  readonly place: Place
  readonly claim: { readonly group: string; readonly topic: string; readonly partition: number }
  readonly ops: ReadonlyArray<Op>
  readonly waiting: Waiting
}

/** A row that waits, of a chunk's key. */
interface Found {
  readonly table: string
  readonly key: string
  readonly id: string
  readonly op: string
}

/** The keys that operations touch. */
const keysIn = (ops: ReadonlyArray<Op>): ReadonlyArray<Pick<Op, "target" | "key">> =>
  ops.flatMap((op) => {
    if (op.kind === "Truncate") return []
    if (op.to !== undefined) return [op, { target: op.target, key: keyTextOf(op.target, op.to) }]
    return op.instead === undefined ? [op] : [op.instead, op]
  })

/** The rows of the chunk's keys that wait, which nobody else may release until the end of the transaction. */
const lockedRows = ({ claim, ops, place, sql }: Chunk): Effect.Effect<ReadonlyArray<Found>, SqlError> => {
  const keys = keysIn(ops)
  if (keys.length === 0) return Effect.succeed([])
  const params = [
    literalOf(keys, () => claim.group),
    literalOf(keys, ({ target }) => target.name),
    literalOf(keys, ({ key }) => storedKey(key))
  ]
  const found = textsOf(sql, Sql.lockLines(place), params)
  return Effect.map(
    Effect.flatMap(found, (rows) => withOps(sql, place, rows, Sql.opIn.lockLines)),
    (rows) => rows.map(([id, , table, key, , op]) => ({ table: table!, key: key!, id: id!, op: op! }))
  )
}

const nothing: Omit<Plan, "ready"> = { parked: [], gone: [], still: [] }

/** What of the chunk can be written. One statement says which parents are missing, unless something waits already. */
const planned = Effect.fnUntraced(function*(
  chunk: Chunk,
  hasWaiting: boolean,
  isCareful: boolean
): Effect.fn.Return<Plan, SqlError> {
  const { ops, sql, waiting: { waiters } } = chunk
  const found = hasWaiting ? yield* lockedRows(chunk) : []
  const needs = needsOf(waiters, ops)
  if (found.length === 0) {
    const missing = yield* missingOf(sql, needs, isCareful)
    if (missing.isEmpty) return { ready: ops, ...nothing }
    const lines = new Lines(waiters)
    for (let i = 0; i < ops.length; i++) lines.record(ops[i]!, i)
    return plan(ops, [...lines.all.values()], options(missing, isCareful))
  }
  const lines = new Lines(waiters)
  const targets = new Map(keysIn(ops).map(({ target }) => [target.name, target]))
  for (const { id, op, table } of found) lines.waits({ id, op: readOp(targets.get(table)!, op, -1) })
  for (let i = 0; i < ops.length; i++) lines.record(ops[i]!, i)
  // A record that leaves columns out takes them from those that wait.
  for (const { steps, waiter } of lines.all.values()) {
    if (waiter === undefined) continue
    for (const { kind, row } of steps) if (row !== undefined && kind === "Write") needs.add(waiter, row)
  }
  const missing = yield* missingOf(sql, needs, isCareful)
  return plan(ops, [...lines.all.values()], options(missing, isCareful))
})

const options = (missing: Missing, isCareful: boolean) =>
  ({ missing, parents: isCareful ? "earlier" : "all", isRelease: false }) as const

const list = literalOf

/** Parks rows, in their order. */
const park = ({ claim, place, sql }: Chunk, parked: ReadonlyArray<Parked>) => {
  const specs = [...new Set(parked.map(({ waiter }) => waiter.spec))]
  return sql.unsafe(Sql.park(place), [
    claim.group,
    claim.topic,
    String(claim.partition),
    list(parked, ({ op }) => String(op.offset)),
    list(parked, ({ part }) => String(part)),
    list(parked, ({ op }) => op.target.name),
    list(parked, ({ op }) => storedKey(op.key)),
    list(parked, ({ waiter }) => String(specs.indexOf(waiter.spec) + 1)),
    list(parked, ({ op }) => storedOp(op)),
    list(parked, ({ lack }) => lack.relation.parent),
    list(parked, ({ lack }) => lack.parentKey),
    list(specs, (spec) => spec),
    list(parked, ({ waiter }) => String(waiter.timeoutSeconds))
  ])
}

/** The parent that a row lacks by this foreign key. */
const lackBy = ({ relations }: Waiter, op: Op, constraint: string | undefined): Lack | undefined => {
  const isOurs = ({ constraints }: Relation) => constraint !== undefined && constraints.includes(constraint)
  const relation = relations.find(isOurs)
  const values = relation === undefined ? undefined : referenceOf(relation, op.row)
  return values === undefined ? undefined : { relation: relation!, values, parentKey: parentKeyOf(values) }
}

/** A parent may go after it was looked for: then the row that the database refuses is parked, too. */
const lateLack = ({ waiting }: Chunk, op: Op, { error }: Applied): Lack | undefined => {
  if (error === undefined || op.kind !== "Write" || op.instead !== undefined) return undefined
  const { code, constraint } = serverErrorOf(error)
  const waiter = code === "23503" ? waiting.waiters.get(op.target) : undefined
  return waiter === undefined ? undefined : lackBy(waiter, op, constraint)
}

/**
 * Writes what can be written of a chunk, parks the rest, and releases what waited for it. `write` applies operations
 * from a place on. Runs in the transaction of the chunk, behind the statement that moved its offset.
 */
export const around = Effect.fnUntraced(function*(
  chunk: Chunk,
  hasWaiting: boolean,
  isCareful: boolean,
  write: (ops: ReadonlyArray<Op>, from: number) => Effect.Effect<Applied, SqlError>
): Effect.fn.Return<Done, SqlError, SqlClient> {
  const { claim, ops, place, sql, waiting } = chunk
  const { gone, ready, ...rest } = yield* planned(chunk, hasWaiting, isCareful)
  const parked = [...rest.parked]
  const late = new Set<Op>()
  let applied = yield* write(ready, 0)
  while (applied.error !== undefined) {
    const op = ready[applied.place]!
    const lack = lateLack(chunk, op, applied)
    if (lack === undefined) break
    late.add(op)
    parked.push({ op, part: 0, waiter: waiting.waiters.get(op.target)!, lack })
    applied = yield* write(ready, applied.place + 1)
  }
  /** Nothing of the records from here on is done. */
  const end = applied.error === undefined ? Infinity : ready[applied.place]!.offset
  const done = ready.filter((op) => op.offset < end && !late.has(op))
  const ids = gone.filter(({ op }) => op.offset < end && !late.has(op)).flatMap((one) => one.ids)
  if (ids.length > 0) yield* sql.unsafe(Sql.remove(place), [list(ids, (id) => id)])
  if (hasWaiting) {
    for (const { kind, offset, target } of ops) {
      if (kind === "Truncate" && offset < end) yield* sql.unsafe(Sql.removeTable(place), [claim.group, target.name])
    }
  }
  const kept = parked.filter(({ op }) => op.offset < end)
  if (kept.length > 0) yield* park(chunk, kept)
  if (hasWaiting || kept.length > 0) {
    // What the chunk deferred is its own error, not one of rows that are released.
    if (done.some(({ target }) => target.isDeferrable)) yield* sql.unsafe(check)
    yield* released(chunk, done)
  }
  const at = applied.error === undefined ? ops.length : ops.findIndex(({ offset }) => offset === end)
  return { place: at, error: applied.error, parked: kept.length }
})
