/** The options of Debezium's formats, prepared once. Pure. */
import type { IsUnchanged } from "./toast.ts"

/** What reading a record needs. */
export interface Reading {
  readonly tableField: string
  readonly isIgnored: (origin: unknown) => boolean
  /** Whether the row is marked not to be synced. */
  readonly isSkipped: (row: unknown) => boolean
  readonly isUnchanged: IsUnchanged
  /** Whether the table has REPLICA IDENTITY FULL, so that all values are sent. */
  readonly isFull: boolean
  readonly tombstones: "delete" | "ignore"
}
