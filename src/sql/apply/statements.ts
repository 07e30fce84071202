/** The order in which the work of a chunk is done. Pure. */
import type { Statement } from "./applySql.ts"
import * as Sql from "./applySql.ts"
import { fold, type Op, type Work } from "./fold.ts"
import { parentsFirst } from "./target.ts"

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
    ...works.flatMap(remembering)
  ]
}

/** All statements of works. */
export const statementsOf = (works: ReadonlyArray<Work>): ReadonlyArray<Statement> => {
  const ordered = inOrder(works)
  return [...before(ordered), ...ordered.flatMap(writesOf), ...after(ordered)]
}

/**
 * A row gets another key, with all that the source does not send again. One that is there under the new key by now
 * stays, and this one goes.
 */
const moveOf = (op: Op): ReadonlyArray<Statement> => {
  const { guard } = op.target
  const gone = guard === undefined ? [] : [Sql.remember(op.target, guard.deleted, [op])]
  return [Sql.move(op), Sql.remove(op.target, [op]), ...gone]
}

/** All statements of the operations from place `from` up to `to`. What comes before a `Move` is written before it. */
export const statementsIn = (ops: ReadonlyArray<Op>, from = 0, to = ops.length): ReadonlyArray<Statement> => {
  const move = ops.findIndex(({ kind }, place) => kind === "Move" && place >= from && place < to)
  if (move === -1) return statementsOf(fold(ops, from, to))
  return [...statementsOf(fold(ops, from, move)), ...moveOf(ops[move]!), ...statementsIn(ops, move + 1, to)]
}
