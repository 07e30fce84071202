/** What is tried after a transaction that a row broke: all of its rows were taken back with it. Pure. */
import type { KafkaError } from "../../KafkaError.ts"
import type { OutboxRow } from "./rows.ts"
import type { Settled } from "./settling.ts"

/** Errors of rows, by their places; a client that fails one row may fail others with it. */
export type Errors = ReadonlyMap<number, KafkaError>

/** What an error says: the row, or its topic, cannot be written; or that of another row cannot. */
export type Blame = "row" | "topic" | "another"

export interface Split {
  readonly settled: Settled
  /** How many rows the next batch has at most; `undefined` for as many as any. */
  readonly most: number | undefined
}

/**
 * The topics that cannot be written to are left out next. Otherwise the next batch ends before the first row that was
 * refused, or has half as many rows where that is the first of all: so a row is refused alone in the end, and rows are
 * never sent before those that they follow.
 */
export const split = (
  rows: ReadonlyArray<OutboxRow>,
  errors: Errors,
  blameOf: (error: KafkaError) => Blame
): Split => {
  const failed = new Map<string, KafkaError>()
  const refused: Array<number> = []
  for (const [i, error] of errors) {
    const { topic } = rows[i]!.message
    const blame = rows.length > 1 ? blameOf(error) : blameOf(error) === "row" ? "row" : "topic"
    if (blame === "row") refused.push(i)
    else if (blame === "topic" && !failed.has(topic)) failed.set(topic, error)
  }
  const nothing = { published: [], refused: [], failed, isAborted: true }
  if (refused.length === 0 && failed.size > 0) return { settled: nothing, most: undefined }
  if (rows.length > 1) {
    const first = Math.min(...refused)
    return { settled: nothing, most: first > 0 && first < rows.length ? first : Math.ceil(rows.length / 2) }
  }
  return { settled: { ...nothing, refused: [{ row: rows[0]!, problem: errors.get(0)!.message }] }, most: undefined }
}
