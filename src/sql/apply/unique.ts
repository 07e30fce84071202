/** How rows that take unique values from each other can be written in one transaction. Pure. */
import { travelsAsText } from "../cells/arrays.ts"
import { type Op, shapeOf, type Work } from "./fold.ts"
import type { Target } from "./target.ts"

const placeOf = ({ columns }: Target, name: string): number => columns.findIndex((column) => column.name === name)

/** The columns of the secondary indexes in which a unique value can be looked up, an array for each index. */
export const lookUps = (target: Target): ReadonlyArray<ReadonlyArray<number>> =>
  target.secondary
    .filter(({ columns, isExclusion, isExpression }) => !isExclusion && !isExpression && columns.length > 0)
    .map(({ columns }) => columns.map((name) => placeOf(target, name)))
    .filter((columns) => columns.every((column) => column >= 0 && !travelsAsText(target.columns[column]!)))

/**
 * Nullable columns of secondary indexes, one of each that has one: rows without a value there are in nobody's way. None
 * to which another table refers. With a guard a row might keep the null, because its write is the older one.
 */
export const parkable = (target: Target): ReadonlyArray<number> => {
  if (target.guard !== undefined) return []
  const referenced = new Set(target.table.referencedBy.flatMap((reference) => reference.referenced))
  const found = target.secondary.flatMap(({ columns, isExpression, nullsNotDistinct }) => {
    if (isExpression || nullsNotDistinct) return []
    const places = columns.filter((name) => !referenced.has(name)).map((name) => placeOf(target, name))
    return places.filter((place) => place >= 0 && target.columns[place]!.isNullable && !target.key.includes(place))
      .slice(0, 1)
  })
  return [...new Set(found)]
}

/** Those that say what their parked columns will be. */
export const parkedOps = (columns: ReadonlyArray<number>, ops: ReadonlyArray<Op>): ReadonlyArray<Op> =>
  ops.filter(({ row }) => columns.every((column) => row[column] !== undefined))

/** The rows of a work, in one list. */
export const written = ({ writes }: Work): ReadonlyArray<Op> => [...writes.values()].flat()

/**
 * Sorts `size` rows into waves: the holder of a value is in an earlier wave than the taker. `undefined` where rows hold
 * what each other takes, in a circle.
 */
export const wavesOf = (
  size: number,
  pairs: ReadonlyArray<readonly [taker: number, holder: number]>
): ReadonlyArray<ReadonlyArray<number>> | undefined => {
  const waits = new Array<number>(size).fill(0)
  const takers = new Map<number, Array<number>>()
  for (const [taker, holder] of pairs) {
    if (taker === holder) continue
    waits[taker]!++
    const others = takers.get(holder)
    if (others === undefined) takers.set(holder, [taker])
    else others.push(taker)
  }
  const waves: Array<ReadonlyArray<number>> = []
  let wave = waits.flatMap((count, row) => count === 0 ? [row] : [])
  let placed = 0
  while (wave.length > 0) {
    waves.push(wave)
    placed += wave.length
    const next: Array<number> = []
    for (const holder of wave) {
      for (const taker of takers.get(holder) ?? []) if (--waits[taker]! === 0) next.push(taker)
    }
    wave = next
  }
  return placed === size ? waves : undefined
}

/** Rows by the columns that they have. */
export const byShape = (ops: ReadonlyArray<Op>): ReadonlyMap<string, ReadonlyArray<Op>> => {
  const shapes = new Map<string, Array<Op>>()
  for (const op of ops) {
    const shape = shapeOf(op.row)
    const same = shapes.get(shape)
    if (same === undefined) shapes.set(shape, [op])
    else same.push(op)
  }
  return shapes
}
