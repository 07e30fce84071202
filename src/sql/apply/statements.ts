/** The order in which the work of a chunk is done. Pure. */
import type { Statement } from "./applySql.ts"
import * as Sql from "./applySql.ts"
import { fold, type Op, type Row, type Work } from "./fold.ts"
import { keyGroupOf } from "./keys.ts"
import { Moves, movesIn } from "./moves.ts"
import { parentsFirst, type Target } from "./target.ts"
import { written } from "./unique.ts"

const unless = (ops: ReadonlyArray<Op>, make: () => Statement): ReadonlyArray<Statement> =>
  ops.length === 0 ? [] : [make()]

/** A statement for each set of columns. */
export const writesOf = ({ target, writes }: Work): ReadonlyArray<Statement> =>
  [...writes].map(([shape, ops]) => Sql.write(target, shape, ops))

const remembering = ({ marks, removes, removesFirst, target }: Work): ReadonlyArray<Statement> => {
  const { guard } = target
  if (guard === undefined) return []
  const gone = [...removesFirst, ...removes, ...marks]
  return unless(gone, () => Sql.remember(target, guard.deleted, gone))
}

const recheck = (work: Work): ReadonlyArray<Statement> => {
  const { target } = work
  const { guard } = target
  if (guard === undefined) return []
  const ops = written(work)
  return unless(ops, () => Sql.removeDeleted(target, guard.deleted, ops))
}

/** The works with tables that others refer to first. */
export const inOrder = (works: ReadonlyArray<Work>): ReadonlyArray<Work> => {
  if (works.length < 2) return works
  const places = new Map(parentsFirst(works.map(({ target }) => target)).map((target, place) => [target, place]))
  return works.toSorted((a, b) => places.get(a.target)! - places.get(b.target)!)
}

/** What comes before rows are written: tables are emptied, rows go, children before their parents. */
export const before = (works: ReadonlyArray<Work>): ReadonlyArray<Statement> => {
  const childrenFirst = works.toReversed()
  return [
    ...childrenFirst.flatMap(({ isTruncated, target }) => isTruncated ? [Sql.truncate(target)] : []),
    ...childrenFirst.flatMap(({ removesFirst, target }) => unless(removesFirst, () => Sql.remove(target, removesFirst)))
  ]
}

/** What comes after rows were written. */
export const after = (works: ReadonlyArray<Work>): ReadonlyArray<Statement> => {
  const childrenFirst = works.toReversed()
  return [
    ...works.flatMap(({ marks, target }) => unless(marks, () => Sql.mark(target, marks))),
    ...childrenFirst.flatMap(({ removes, target }) => unless(removes, () => Sql.remove(target, removes))),
    ...works.flatMap(remembering),
    // Also what this chunk has deleted, where a write of it came again behind that.
    ...childrenFirst.flatMap(recheck)
  ]
}

/** All statements of works. */
export const statementsOf = (works: ReadonlyArray<Work>): ReadonlyArray<Statement> => {
  const ordered = inOrder(works)
  return [...before(ordered), ...ordered.flatMap(writesOf), ...after(ordered)]
}

/** Whether what other syncs are writing at the same time may be under the same key. */
const isAlone = ({ instead, kind, target: { guard } }: Op): boolean =>
  kind === "Move" || (guard?.isOfRows === true && (kind !== "Write" || instead !== undefined))

/** What comes before all other statements of the operations from place `from` up to `to`. */
export const locks = (ops: ReadonlyArray<Op>, from = 0, to = ops.length): ReadonlyArray<Statement> => {
  const alone = new Map<Target, boolean>()
  for (let i = from; i < to; i++) {
    const { target } = ops[i]!
    if (target.guard !== undefined && alone.get(target) !== true) alone.set(target, isAlone(ops[i]!))
  }
  // In one order, so that no two wait for each other.
  const sorted = [...alone].toSorted(([a], [b]) => a.name < b.name ? -1 : 1)
  return sorted.map(([target, isAlone]) => Sql.lock(target, isAlone))
}

/** Two keys of one group, where that may be the same row. */
const isAmongItself = ({ instead, row, target }: Op): boolean => {
  if (instead === undefined || !target.isLoose) return false
  const group = keyGroupOf(target, row)
  return group === undefined || group === (keyGroupOf(target, instead.row) ?? group)
}

/** The groups of keys that a stretch has, each with the one key that it has of it. */
class Groups {
  private readonly byTarget = new Map<Target, Map<string | undefined, string>>()

  /** Whether the row can be none of those before, unless it has the same key. */
  takes({ key, row, target }: Op): boolean {
    let known = this.byTarget.get(target)
    if (known === undefined) this.byTarget.set(target, known = new Map())
    const group = keyGroupOf(target, row)
    // Nothing is known of such a key: it is alone.
    if (known.size > 0 && (group === undefined || known.has(undefined))) {
      return known.get(group) === key && known.size === 1
    }
    const other = known.get(group)
    if (other === undefined) known.set(group, key)
    return other === undefined || other === key
  }
}

/** What is written into tables with versions. */
class Versioned {
  private readonly rows = new Map<Target, Map<string, Row>>()

  /**
   * Whether the row says all that an earlier one of its key says: the earlier one may be older than what is in the
   * table, which is known there alone.
   */
  takes({ key, row, target }: Op): boolean {
    let rows = this.rows.get(target)
    if (rows === undefined) this.rows.set(target, rows = new Map())
    const earlier = rows.get(key)
    rows.set(key, row)
    return earlier === undefined || !row.includes(undefined)
      || row.every((cell, column) => cell !== undefined || earlier[column] === undefined)
  }
}

/**
 * Where the operations from `from` on end that can be folded: before one that has to be done by itself, before a key
 * that may be another text of one that is among them, and before a row that others must not add to.
 */
export const stretchOf = (ops: ReadonlyArray<Op>, from: number, to: number): number => {
  let groups: Groups | undefined
  let moves: Moves | undefined
  let versioned: Versioned | undefined
  for (let i = from; i < to; i++) {
    const op = ops[i]!
    // Most stretches have none: only then what is before it has to be known.
    if (op.kind === "Move") moves ??= Moves.behind(ops, from, i)
    if (isAmongItself(op) || moves?.takes(op) === false) return i
    if (op.kind === "Write" && op.target.guard !== undefined) {
      versioned ??= new Versioned()
      if (!versioned.takes(op)) return i
    }
    if (!op.target.isLoose || op.kind === "Truncate") continue
    groups ??= new Groups()
    if (op.instead !== undefined && !groups.takes(op.instead)) return i
    if (!groups.takes(op)) return i
  }
  return to
}

const apart = (op: Op): ReadonlyArray<Statement> =>
  op.kind === "Move"
    ? movesIn([op])
    : [op.instead!, { ...op, instead: undefined }].flatMap((one) => statementsOf(fold([one])))

/** All statements of the operations from place `from` up to `to`, as many at once as can be folded. */
export const statementsIn = (ops: ReadonlyArray<Op>, from = 0, to = ops.length): ReadonlyArray<Statement> => {
  const statements: Array<Statement> = [...locks(ops, from, to)]
  let place = from
  while (place < to) {
    const end = stretchOf(ops, place, to)
    const some = end === place
      ? apart(ops[place]!)
      : [...movesIn(ops, place, end), ...statementsOf(fold(ops, place, end))]
    for (const statement of some) statements.push(statement)
    place = end === place ? place + 1 : end
  }
  return statements
}
