/** From the operations of a chunk to what has to be written: the last write per key. Pure. */

import type { Target } from "./target.ts"

/** What PostgreSQL reads: the text form of a value, or null. */
export type Cell = string | null

/** A cell per column of the table; `undefined` for columns that the record says nothing about. */
export type Row = ReadonlyArray<Cell | undefined>

/** How old a row is. Numbers of both kinds are compared with each other. */
export type Version = number | bigint

/** What one record does to one table. */
export interface Op {
  readonly kind: "Write" | "Remove" | "Mark" | "Truncate" | "Move"
  readonly target: Target
  /** The cells of the key, joined; PostgreSQL has no text with a NUL in it. */
  readonly key: string
  /** For `Remove` and `Move` the cells of the key, for `Mark` those and the mark. */
  readonly row: Row
  /** For `Move` the cells of the key that the row gets. */
  readonly to?: Row | undefined
  readonly version: Version | undefined
  /** The row that this one takes the place of, under another key: it goes first. */
  readonly instead: Op | undefined
  /** The offset of the record. */
  readonly offset: number
}

/** What is to be done to one table. All keys of a list differ. */
export interface Work {
  readonly target: Target
  readonly isTruncated: boolean
  /** Rows that go before others are written: those that come back, and those that may hold unique values. */
  readonly removesFirst: ReadonlyArray<Op>
  /** Rows with the same columns, by these columns. */
  readonly writes: ReadonlyMap<string, ReadonlyArray<Op>>
  readonly marks: ReadonlyArray<Op>
  readonly removes: ReadonlyArray<Op>
}

/** What is known of a key while operations are folded. */
interface Pending {
  remove: Op | undefined
  write: Op | undefined
  mark: Op | undefined
  version: Version | undefined
}

interface Folding {
  isTruncated: boolean
  readonly keys: Map<string, Pending>
}

/** More columns than this do not fit into the bits of a number. */
const mostBits = 30

/** The columns that a row has, as a text that is the same for the same columns. */
export const shapeOf = (row: Row): string => {
  if (row.length > mostBits) return row.map((cell) => cell === undefined ? "-" : "+").join("")
  // One number per row, not one text: the texts of small numbers are made once.
  let mask = 0
  for (let i = 0; i < row.length; i++) if (row[i] !== undefined) mask |= 1 << i
  return String(mask)
}

/** Columns that the later row says nothing about keep what the earlier one says. */
const merged = (earlier: Row, later: Row): Row => later.map((cell, i) => cell === undefined ? earlier[i] : cell)

const isOlder = (op: Op, { version }: Pending): boolean =>
  op.version !== undefined && version !== undefined && op.version < version

const add = (pending: Pending, op: Op): void => {
  if (isOlder(op, pending)) return
  if (op.version !== undefined) pending.version = op.version
  switch (op.kind) {
    case "Write": {
      const before = pending.write
      pending.write = before !== undefined && op.row.includes(undefined)
        ? { ...op, row: merged(before.row, op.row) }
        : op
      pending.mark = undefined
      break
    }
    case "Remove": {
      pending.remove = op
      pending.write = undefined
      pending.mark = undefined
      break
    }
    case "Mark": {
      // With versions the write may be older than the row in the table: then the row is marked as it is there.
      if (pending.write === undefined || op.target.guard !== undefined) pending.mark = op
      else pending.write = { ...op, kind: "Write", row: merged(pending.write.row, op.row) }
    }
  }
}

const workOf = (target: Target, { isTruncated, keys }: Folding): Work => {
  const removesFirst: Array<Op> = []
  const removes: Array<Op> = []
  const marks: Array<Op> = []
  const writes = new Map<string, Array<Op>>()
  for (const { mark, remove, write } of keys.values()) {
    if (remove !== undefined) {
      const isFirst = write !== undefined || target.secondary.length > 0
      if (isFirst) removesFirst.push(remove)
      else removes.push(remove)
    }
    if (mark !== undefined) marks.push(mark)
    if (write === undefined) continue
    const shape = shapeOf(write.row)
    const same = writes.get(shape)
    if (same === undefined) writes.set(shape, [write])
    else same.push(write)
  }
  return { target, isTruncated, removesFirst, writes, marks, removes }
}

/** Folds the operations from place `from` up to `to`, without those that move rows. */
export const fold = (ops: ReadonlyArray<Op>, from = 0, to = ops.length): ReadonlyArray<Work> => {
  const tables = new Map<Target, Folding>()
  const foldingOf = (target: Target): Folding => {
    let folding = tables.get(target)
    if (folding === undefined) tables.set(target, folding = { isTruncated: false, keys: new Map() })
    return folding
  }
  const take = (op: Op): void => {
    const folding = foldingOf(op.target)
    if (op.kind === "Truncate") {
      folding.isTruncated = true
      folding.keys.clear()
      return
    }
    let pending = folding.keys.get(op.key)
    if (pending === undefined) {
      folding.keys.set(op.key, pending = { remove: undefined, write: undefined, mark: undefined, version: undefined })
    }
    add(pending, op)
  }
  for (let i = from; i < to; i++) {
    const op = ops[i]!
    if (op.kind === "Move") continue
    if (op.instead !== undefined) take(op.instead)
    take(op)
  }
  return [...tables].map(([target, folding]) => workOf(target, folding))
}
