/** Which parents rows need, and which of them are missing. Pure. */
import type { Op, Row } from "../apply/fold.ts"
import type { Relation, Waiter } from "./relations.ts"

/** The tables whose rows wait, by the tables that rows are written into. */
export type Waiters = ReadonlyMap<Op["target"], Waiter>

/** The values by which a row refers to its parent; `undefined` if it refers to none, or does not say. */
export const referenceOf = ({ columns }: Relation, row: Row): ReadonlyArray<string> | undefined => {
  const values: Array<string> = []
  for (const column of columns) {
    const cell = row[column]
    // A foreign key with a null in it is not checked, whatever its other columns are.
    if (cell === undefined || cell === null) return undefined
    values.push(cell)
  }
  return values
}

/** Values of a key as one text. */
export const joined = (values: ReadonlyArray<string>): string => values.length === 1 ? values[0]! : values.join("\0")

/** The values that are referred to, once each, by relation. */
export class Needs {
  readonly byRelation = new Map<Relation, Map<string, ReadonlyArray<string>>>()

  add(waiter: Waiter, row: Row): void {
    for (const relation of waiter.relations) {
      const values = referenceOf(relation, row)
      if (values === undefined) continue
      let known = this.byRelation.get(relation)
      if (known === undefined) this.byRelation.set(relation, known = new Map())
      const text = joined(values)
      if (!known.has(text)) known.set(text, values)
    }
  }
}

/** What all operations refer to. */
export const needsOf = (waiters: Waiters, ops: ReadonlyArray<Op>): Needs => {
  const needs = new Needs()
  for (const op of ops) {
    const waiter = op.kind === "Write" ? waiters.get(op.target) : undefined
    if (waiter !== undefined) needs.add(waiter, op.row)
  }
  return needs
}

/** The parents that are missing, by relation and values: how the database writes their keys. */
export class Missing {
  private readonly byRelation = new Map<Relation, Map<string, string>>()

  add(relation: Relation, values: ReadonlyArray<string>, parentKey: string): void {
    let known = this.byRelation.get(relation)
    if (known === undefined) this.byRelation.set(relation, known = new Map())
    known.set(joined(values), parentKey)
  }

  get isEmpty(): boolean {
    return this.byRelation.size === 0
  }

  /** The parents that a row lacks. */
  of({ relations }: Waiter, row: Row): ReadonlyArray<Lack> {
    const lacks: Array<Lack> = []
    for (const relation of relations) {
      const known = this.byRelation.get(relation)
      const values = known === undefined ? undefined : referenceOf(relation, row)
      const parentKey = values === undefined ? undefined : known!.get(joined(values))
      if (parentKey !== undefined) lacks.push({ relation, values: values!, parentKey })
    }
    return lacks
  }
}

/** A parent that a row lacks. */
export interface Lack {
  readonly relation: Relation
  readonly values: ReadonlyArray<string>
  /** The key as the database writes it: an array in JSON. */
  readonly parentKey: string
}

/** The key as the database writes it, as far as that can be said without asking it. */
export const parentKeyOf = (values: ReadonlyArray<string>): string =>
  `[${values.map((value) => JSON.stringify(value)).join(", ")}]`
