/** How rows that take unique values from each other can be written in one transaction. Pure. */
import { type Op, shapeOf, type Work } from "./fold.ts"
import type { Target } from "./target.ts"

const placeOf = ({ columns }: Target, name: string): number => columns.findIndex((column) => column.name === name)

/** The columns of the secondary indexes in which a unique value can be looked up, an array for each index. */
export const lookUps = (target: Target): ReadonlyArray<ReadonlyArray<number>> =>
  target.secondary
    .filter(({ columns, isExclusion, isExpression }) => !isExclusion && !isExpression && columns.length > 0)
    .map(({ columns }) => columns.map((name) => placeOf(target, name)))
    .filter((columns) => columns.every((column) => column >= 0 && target.columns[column]!.kind !== "array"))

/**
 * A nullable column of each secondary index: rows without a value there are in nobody's way. `undefined` where an index
 * has none, or another table refers to it. With a guard a row might keep the null, because its write is the older one.
 */
export const parkable = (target: Target): ReadonlyArray<number> | undefined => {
  if (target.guard !== undefined || target.secondary.length === 0) return undefined
  const referenced = new Set(target.table.referencedBy.flatMap((reference) => reference.referenced))
  const found = target.secondary.map(({ columns, isExpression, nullsNotDistinct }) => {
    if (isExpression || nullsNotDistinct) return undefined
    const name = columns.find((one) => {
      const place = placeOf(target, one)
      return place >= 0 && target.columns[place]!.isNullable && !referenced.has(one) && !target.key.includes(place)
    })
    return name === undefined ? undefined : placeOf(target, name)
  })
  return found.every((place) => place !== undefined) ? [...new Set(found)] : undefined
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
