/**
 * What comparing and repairing tables takes and returns. Part of `Verify`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

/**
 * How far a comparison is.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** The table of the target, `schema.table`. */
  readonly table: string
  /** How many rows were looked at on each side. */
  readonly sourceRows: number
  readonly targetRows: number
  /** How many ranges of keys were compared, and how many of them differ. */
  readonly ranges: number
  readonly differingRanges: number
}

/**
 * The options of `Verify.compare`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Columns of the target that are not compared: what `row` computes, `kafka_skip` (default none). */
  readonly ignore?: ReadonlyArray<string> | undefined
  /** How many rows of the source one range has (default 5,000). At most twice as many of each side are in memory. */
  readonly rangeSize?: number | undefined
  /** How long rows that differ have until they are looked at again: their events are on the way (default 2 seconds). */
  readonly pause?: Duration.Input | undefined
  /** How often they are looked at again at most, while they change (default 5). */
  readonly rechecks?: number | undefined
  /** How many differences are listed at most (default 1,000); the others are counted. */
  readonly most?: number | undefined
  /**
   * How long a statement is waited for (default 5 minutes). What takes longer, because the network has lost its
   * connection or for other reasons, ends the work with `Unavailable`, which names the side, the table and how far it
   * came.
   */
  readonly timeout?: Duration.Input | undefined
  /** Is run after each range. */
  readonly onProgress?: ((progress: Progress) => Effect.Effect<void>) | undefined
}

/**
 * A row that differs. Values are not in it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Difference {
  /** Only the source has it, only the target has it, or both have it with other values. */
  readonly kind: "missing" | "extra" | "different"
  /** The columns of the key, with their values as texts. */
  readonly key: { readonly [column: string]: string }
  /** The columns of the target whose values differ; none unless both sides have the row. */
  readonly columns: ReadonlyArray<string>
  /** Whether the row still changed between the last two looks, so that it may be on its way. */
  readonly isMoving: boolean
}

/**
 * What the comparison of two tables has found.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Comparison {
  /** The tables, `schema.table`. */
  readonly source: string
  readonly target: string
  /** The columns of the target that were compared, and those that were not, though both have them. */
  readonly columns: ReadonlyArray<string>
  readonly ignored: ReadonlyArray<string>
  readonly sourceRows: number
  readonly targetRows: number
  readonly ranges: number
  readonly differingRanges: number
  /** How many rows differ in which way. */
  readonly missing: number
  readonly extra: number
  readonly different: number
  /** The first of them, `most` at most. */
  readonly differences: ReadonlyArray<Difference>
}

/**
 * The options of `Verify.resync`.
 *
 * - `by`: `"copy"` writes the rows of the source into the target; `"signal"` asks Debezium to send them again
 * - `signalTable`: for `"signal"`, the connector's `signal.data.collection`, `schema.table` of the source
 * - `extra`: for `"copy"`, what happens to rows that only the target has (default `"keep"`)
 * - `chunkSize`: how many rows are copied in one transaction, if they have at most 8 MiB together, or asked for by one
 *   signal (default 500)
 * - `lockTimeout`: for `"copy"`, how long a chunk waits for the lock of the table (default 10 seconds)
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ResyncOptions =
  & Omit<Options, "most">
  & { readonly chunkSize?: number | undefined }
  & (
    | {
      readonly by: "copy"
      readonly extra?: "keep" | "delete" | undefined
      readonly lockTimeout?: Duration.Input | undefined
    }
    | { readonly by: "signal"; readonly signalTable: string }
  )

/**
 * What `Verify.resync` has done to a table.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Resynced {
  readonly source: string
  readonly target: string
  /** Rows that were copied, deleted, or asked for. */
  readonly copied: number
  readonly deleted: number
  readonly signalled: number
  /** Rows that only the target has, and that were left there. */
  readonly kept: number
  /** How many rows the target refused, and the first 100 of them. */
  readonly refusedCount: number
  readonly refused: ReadonlyArray<{
    readonly key: { readonly [column: string]: string }
    readonly problem: string
  }>
}
