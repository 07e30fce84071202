/** Rows that get other keys: how many are moved at once, and before what else. Pure. */
import type { Statement } from "./applySql.ts"
import * as Sql from "./applySql.ts"
import type { Op } from "./fold.ts"
import { keyTextOf } from "./keys.ts"
import type { Target } from "./target.ts"

/** The key that a row gets. */
const newKeyOf = ({ target, to = [] }: Op): string => keyTextOf(target, to)

const isSame = (one: Op, other: Op): boolean =>
  one.kind === "Move" && other.kind === "Move" && one.key === other.key && newKeyOf(one) === newKeyOf(other)
  && one.version === other.version

/** What a stretch of operations has of one table so far. */
interface Touched {
  isTruncated: boolean
  /** The last operation of each key. */
  readonly keys: Map<string, Op>
}

/** Whether the keys of a table refer to rows of another one: a key that one of them gets may be there only then. */
const isKeyedBy = ({ columns, key, table }: Target, { table: { name, schema } }: Target): boolean =>
  table.foreignKeys.some(({ columns: referring, references }) =>
    references.schema === schema && references.table === name
    && key.some((column) => referring.includes(columns[column]!.name))
  )

const refersToItself = ({ table }: Target): boolean =>
  table.referencedBy.some(({ schema, table: name }) => schema === table.schema && name === table.name)

/**
 * Which rows of a stretch can be moved before all else of it: those that have nothing to do with what is before them.
 * Where keys may be equal in spite of their texts, or rows refer to each other, each is moved in its turn.
 */
export class Moves {
  private readonly touched = new Map<Target, Touched>()

  /** Those that may come behind operations which are none. */
  static behind(ops: ReadonlyArray<Op>, from: number, to: number): Moves {
    const moves = new Moves()
    for (let i = from; i < to; i++) moves.takes(ops[i]!)
    return moves
  }

  /** Whether the stretch may have this operation, too; it is one of it from then on. */
  takes(op: Op): boolean {
    const { instead, key, kind, target } = op
    let touched = this.touched.get(target)
    if (touched === undefined) this.touched.set(target, touched = { isTruncated: false, keys: new Map() })
    const { keys } = touched
    if (kind === "Truncate") touched.isTruncated = true
    else if (kind === "Move") {
      const to = newKeyOf(op)
      const [last, lastThere] = [keys.get(key), keys.get(to)]
      // A connector may say the same twice, in a deletion and in the null behind it.
      const isAgain = last !== undefined && last === lastThere && isSame(last, op)
      const isFree = last === undefined && lastThere === undefined && !touched.isTruncated
      if (!isAgain && !(isFree && this.mayGoFirst(target))) return false
      keys.set(key, last ?? op).set(to, last ?? op)
      return true
    }
    keys.set(key, op)
    if (instead !== undefined) keys.set(instead.key, instead)
    return true
  }

  private mayGoFirst(target: Target): boolean {
    if (target.isLoose || [...this.touched.keys()].some((other) => isKeyedBy(target, other))) return false
    // A row that goes takes those with it that refer to it, before they may be given to another one.
    return target.table.referencedBy.length === 0 || (this.touched.size === 1 && !refersToItself(target))
  }
}

/** The row under the key that it gets, with the version that comes with it. */
const there = (op: Op): Op => {
  const { row, target, to = [] } = op
  return { ...op, row: row.map((cell, column) => target.key.includes(column) ? to[column] : cell), key: newKeyOf(op) }
}

/**
 * Rows of one table get other keys, with all that the source does not send again. One that is there under the new key
 * by now stays, and this one goes.
 */
const moved = (target: Target, moves: ReadonlyArray<Op>): ReadonlyArray<Statement> => {
  const { guard } = target
  if (guard === undefined) return [Sql.move(target, moves), Sql.leave(target, moves)]
  return [
    Sql.move(target, moves),
    Sql.removeDeleted(target, guard.deleted, moves.map(there)),
    Sql.leave(target, moves),
    Sql.remember(target, guard.deleted, moves)
  ]
}

/** What moves all rows of a stretch that are to be moved, each once. */
export const movesIn = (ops: ReadonlyArray<Op>, from = 0, to = ops.length): ReadonlyArray<Statement> => {
  const tables = new Map<Target, Map<string, Op>>()
  for (let i = from; i < to; i++) {
    const op = ops[i]!
    if (op.kind !== "Move") continue
    let moves = tables.get(op.target)
    if (moves === undefined) tables.set(op.target, moves = new Map())
    if (!moves.has(op.key)) moves.set(op.key, op)
  }
  return [...tables].flatMap(([target, moves]) => moved(target, [...moves.values()]))
}
