/**
 * Decides what of a chunk can be written, and what waits. Of each key the last state that the database can take is
 * written, and what comes behind it waits; folding a chunk does no less. Pure.
 */
import type { Op, Row } from "../apply/fold.ts"
import { isRemoval, type Line, type Step } from "./lines.ts"
import type { Lack, Missing } from "./needs.ts"
import { joined } from "./needs.ts"
import { parentName, type Waiter } from "./relations.ts"

/** A row to park. */
export interface Parked {
  readonly op: Op
  readonly part: 0 | 1
  readonly waiter: Waiter
  /** The first parent that it lacks. */
  readonly lack: Lack
}

/** Rows that wait no more, once this operation is done. */
export interface Gone {
  readonly op: Op
  readonly ids: ReadonlyArray<string>
}

/** A row that goes on waiting, and the parent that it lacks by now. */
export interface Still {
  readonly id: string
  readonly lack: Lack
}

export interface Plan {
  /** What can be written, in the order of the chunk. */
  readonly ready: ReadonlyArray<Op>
  readonly parked: ReadonlyArray<Parked>
  readonly gone: ReadonlyArray<Gone>
  readonly still: ReadonlyArray<Still>
}

interface Emitted {
  readonly place: number
  readonly part: 0 | 1
  readonly op: Op
}

const rank = ({ op, part }: Emitted): number => part === 1 || isRemoval(op) ? 0 : 1

/** The columns of each key of a table that something here lacks. */
const keysOf = (target: Op["target"], lacking: ReadonlySet<string>): ReadonlyArray<readonly [string, Array<number>]> =>
  target.table.uniques.flatMap(({ columns, isExclusion, isExpression, isPartial }) => {
    if (isExclusion || isExpression || isPartial) return []
    const parent = parentName(target.table, columns)
    if (!lacking.has(parent)) return []
    const places = [...columns].sort().map((name) => target.columns.findIndex((column) => column.name === name))
    return [[parent, places] as const]
  })

const provided = (columns: ReadonlyArray<number>, row: Row): string | undefined => {
  const values: Array<string> = []
  for (const column of columns) {
    const cell = row[column]
    if (cell === undefined || cell === null) return undefined
    values.push(cell)
  }
  return joined(values)
}

/** The steps that cannot be written: a parent is missing, and no other step that can be written is that parent. */
const blockedSteps = (
  lines: Iterable<Line>,
  lacksOf: ReadonlyMap<Step, ReadonlyArray<Lack>>,
  parents: Options["parents"]
): ReadonlySet<Step> => {
  const lacking = new Set([...lacksOf.values()].flat().map(({ relation }) => relation.parent))
  const providers = new Map<string, Line>()
  const keys = new Map<Op["target"], ReturnType<typeof keysOf>>()
  for (const line of lines) {
    const last = line.steps.at(-1)
    if (last?.row === undefined || last.kind !== "Write") continue
    let own = keys.get(line.target)
    if (own === undefined) keys.set(line.target, own = keysOf(line.target, lacking))
    for (const [parent, columns] of own) {
      const values = provided(columns, last.row)
      if (values !== undefined) providers.set(`${parent}\0${values}`, line)
    }
  }
  const blocked = new Set<Step>()
  const isProvided = (step: Step, { relation, values }: Lack): boolean => {
    const line = providers.get(`${relation.parent}\0${joined(values)}`)
    const last = line?.steps.at(-1)
    if (line === undefined || last === undefined || blocked.has(last)) return false
    return parents === "all" || (parents === "earlier" ? last.place <= step.place : line.steps.includes(step))
  }
  let before = -1
  while (blocked.size > before) {
    before = blocked.size
    for (const [step, lacks] of lacksOf) {
      if (!blocked.has(step) && !lacks.every((lack) => isProvided(step, lack))) blocked.add(step)
    }
  }
  return blocked
}

export interface Options {
  readonly missing: Missing
  /**
   * Which of the rows that are written together can be parents: all, earlier ones where operations are written one
   * after the other, or none but the row itself.
   */
  readonly parents: "all" | "earlier" | "self"
  /** Whether rows that wait are written for themselves, or only with a later record of their key. */
  readonly isRelease: boolean
}

/** Plans the steps of these lines; `ops` are the operations of the chunk that they were made from. */
export const plan = (ops: ReadonlyArray<Op>, lines: ReadonlyArray<Line>, options: Options): Plan => {
  const { isRelease, missing, parents } = options
  const lacksOf = new Map<Step, ReadonlyArray<Lack>>()
  for (const { steps, waiter } of lines) {
    if (waiter === undefined) continue
    for (const step of steps) {
      if (step.row === undefined || step.kind !== "Write") continue
      const lacks = missing.of(waiter, step.row)
      if (lacks.length > 0) lacksOf.set(step, lacks)
    }
  }
  const blocked = blockedSteps(lines, lacksOf, parents)
  const emitted: Array<Emitted> = []
  /** Places whose operation is not written as it is, for a line of it was changed. */
  const changed = new Set<number>()
  const plain: Array<Emitted> = []
  const parked: Array<Parked> = []
  const gone: Array<Gone> = []
  const still: Array<Still> = []

  for (const { steps, waiter } of lines) {
    if (!steps.some((step) => step.id !== undefined || blocked.has(step))) {
      for (const { op, part, place } of steps) if (op.kind !== "Truncate") plain.push({ place, part, op })
      continue
    }
    let last = -1
    let removal = -1
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!
      if (step.place >= 0) changed.add(step.place)
      if (blocked.has(step) || (!isRelease && step.id !== undefined)) continue
      last = i
      if (step.row === undefined && !step.isOlder) removal = i
    }
    /** What is written: the row as it is after all of these steps. */
    const written = last > removal && steps[last]!.row !== undefined ? steps[last] : undefined
    const goneTo = (end: number, from: number, op: Op) => {
      const ids = steps.slice(from, end + 1).flatMap(({ id }) => id === undefined ? [] : [id])
      if (ids.length > 0) gone.push({ op, ids })
    }
    if (removal >= 0) {
      const { op, part, place } = steps[removal]!
      if (op.kind !== "Truncate") emitted.push({ place, part, op })
      goneTo(removal, 0, op)
    }
    if (written !== undefined) {
      const { kind, op, part, place, row, version } = written
      const whole: Op = { ...op, kind, row: row!, version }
      emitted.push({ place, part, op: whole })
      goneTo(last, removal + 1, whole)
    }
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!
      if (step.isOlder && isRemoval(step.op)) emitted.push(step)
      if (i <= last || step.isOlder || waiter === undefined) continue
      const [lack] = lacksOf.get(step) ?? []
      if (lack === undefined) continue
      if (step.id !== undefined) still.push({ id: step.id, lack })
      else parked.push({ op: step.op, part: step.part, waiter, lack })
    }
  }

  if (isRelease) return { ready: emitted.map(({ op }) => op), parked, gone, still }
  for (const one of plain) if (changed.has(one.place)) emitted.push(one)
  const parts = new Map<number, Array<Emitted>>()
  for (const one of emitted) {
    const same = parts.get(one.place)
    if (same === undefined) parts.set(one.place, [one])
    else same.push(one)
  }
  const ready = ops.flatMap((op, place) => {
    if (op.kind === "Truncate" || !changed.has(place)) return [op]
    // What is replaced or moved goes first.
    return (parts.get(place) ?? []).sort((a, b) => rank(a) - rank(b)).map(({ op: one }) => one)
  })
  return { ready, parked, gone, still }
}
