/**
 * What is known of one key of a table, in order: the rows that wait, then what the records of a chunk do. Each step
 * says what the row would be after it. Pure.
 */
import type { Op, Row } from "../apply/fold.ts"
import { keyTextOf } from "../apply/keys.ts"
import type { Waiters } from "./needs.ts"
import type { Waiter } from "./relations.ts"

/** A row that waits. */
export interface WaitingRow {
  readonly id: string
  readonly op: Op
}

export interface Step {
  /** Without the row that it takes the place of, which is a step of another line. */
  readonly op: Op
  /** Its place in the chunk; -1 for rows that wait. */
  readonly place: number
  /** 1 for a row that another one takes the place of. */
  readonly part: 0 | 1
  /** Of rows that wait. */
  readonly id: string | undefined
  /** The row after it, as far as these steps say; `undefined` if it is gone. */
  readonly row: Row | undefined
  readonly kind: Op["kind"]
  readonly version: Op["version"]
  /** An event that is older than what precedes it changes nothing. */
  readonly isOlder: boolean
}

export interface Line {
  readonly target: Op["target"]
  readonly key: string
  /** How its rows wait; `undefined` for tables whose rows do not. */
  readonly waiter: Waiter | undefined
  readonly steps: Array<Step>
}

/** Whether a row is gone after it, under this key. */
export const isRemoval = ({ kind }: Op): boolean => kind === "Remove" || kind === "Truncate" || kind === "Move"

/** The row that waits, under the key that it gets. */
const moved = (op: Op, to: Row, { kind, row, version }: Step): Op => {
  const whole = row!.map((cell, column) => op.target.key.includes(column) ? to[column] : cell)
  return { ...op, kind, key: keyTextOf(op.target, to), row: whole, to: undefined, version: op.version ?? version }
}

const merged = (earlier: Row, later: Row): Row => later.map((cell, i) => cell === undefined ? earlier[i] : cell)

/** The step that an operation is behind those that are there. */
const stepOf = (steps: ReadonlyArray<Step>, op: Op, at: Pick<Step, "place" | "part" | "id">): Step => {
  const last = steps.at(-1)
  const isOlder = last?.version !== undefined && op.version !== undefined && op.version < last.version
  if (last !== undefined && isOlder) {
    return { ...at, op, row: last.row, kind: last.kind, version: last.version, isOlder }
  }
  const version = op.version ?? last?.version
  if (isRemoval(op)) {
    return { ...at, op, row: undefined, kind: "Remove", version, isOlder: false }
  }
  const before = last?.row
  if (before === undefined) return { ...at, op, row: op.row, kind: op.kind, version, isOlder: false }
  const kind = op.kind === "Write" || last!.kind === "Write" ? "Write" : "Mark"
  return { ...at, op, row: merged(before, op.row), kind, version, isOlder: false }
}

export const lineName = (target: Op["target"], key: string): string => `${target.name}\0${key}`

/** The lines of keys, by `lineName`. */
export class Lines {
  readonly all = new Map<string, Line>()
  private readonly waiters: Waiters

  constructor(waiters: Waiters) {
    this.waiters = waiters
  }

  private of(op: Op): Line {
    const name = lineName(op.target, op.key)
    let line = this.all.get(name)
    if (line === undefined) {
      line = { target: op.target, key: op.key, waiter: this.waiters.get(op.target), steps: [] }
      this.all.set(name, line)
    }
    return line
  }

  private push(op: Op, at: Pick<Step, "place" | "part" | "id">): void {
    const { steps } = this.of(op)
    steps.push(stepOf(steps, op, at))
  }

  waits({ id, op }: WaitingRow): void {
    this.push(op, { place: -1, part: 0, id })
  }

  record(op: Op, place: number): void {
    if (op.kind === "Truncate") {
      // All rows that are known are gone, also those that wait.
      for (const line of this.all.values()) {
        if (line.target === op.target) line.steps.push(stepOf([], op, { place, part: 0, id: undefined }))
      }
      return
    }
    if (op.kind === "Move" && op.to !== undefined) {
      const last = this.of(op).steps.at(-1)
      const isLast = last?.row !== undefined && !(last.version !== undefined && op.version! < last.version)
      this.push(op, { place, part: 0, id: undefined })
      // What is not written yet has to move along: the source does not send all of it again.
      if (isLast) this.push(moved(op, op.to, last), { place, part: 0, id: undefined })
      return
    }
    if (op.instead !== undefined) this.push(op.instead, { place, part: 1, id: undefined })
    this.push(op.instead === undefined ? op : { ...op, instead: undefined }, { place, part: 0, id: undefined })
  }
}
