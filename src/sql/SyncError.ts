/**
 * The typed errors of everything that keeps topics and tables alike.
 *
 * A `reason` is one of a closed list: match it with `Effect.catchReason("SyncError", "MissingTable", …)`, or look at
 * `isRetryable`. `place` is the record it is about.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type { Reason } from "./SyncErrorReason.ts"

export * from "./SyncErrorReason.ts"

/**
 * Where a record stands.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const TypeId = "~millrace/SyncError"

/**
 * The one error of syncs. `operation` says what was being done, `place` with which record.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Table } from "millrace/sql"
 *
 * export const users = Table.read("public.users").pipe(
 *   Effect.catchReason("SyncError", "MissingTable", (reason) => Effect.logError(`create ${reason.table} first`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class SyncError extends Data.TaggedError("SyncError")<{
  readonly reason: Reason
  readonly operation: string
  readonly place?: Place | undefined
  readonly cause?: unknown
}> {
  /** Marks the value for {@link isSyncError}. */
  readonly [TypeId] = TypeId

  override get message(): string {
    const { place } = this
    const where = place === undefined ? "" : ` ${place.topic}/${place.partition} at offset ${place.offset}`
    return `${this.operation}${where}: ${this.reason.message}`
  }

  /** Whether doing the same again may succeed without a change of program, settings, data or tables. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

/**
 * Whether a value is a {@link SyncError}, also one of another copy of the package.
 *
 * @example
 * ```ts
 * import { SyncError } from "millrace/sql"
 *
 * const error = SyncError.make("read a table", new SyncError.MissingTable({ table: "public.users" }))
 * console.log(SyncError.isSyncError(error)) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isSyncError = (u: unknown): u is SyncError => typeof u === "object" && u !== null && TypeId in u

/**
 * Makes a {@link SyncError} from its reason.
 *
 * **When to use**: in tests that let a sync fail, and in parts of a sync of your own.
 *
 * @example
 * ```ts
 * import { SyncError } from "millrace/sql"
 *
 * const error = SyncError.make("sync users", new SyncError.TruncateRefused({ table: "public.users" }))
 * console.log(error.message)
 * // sync users: the record truncates table public.users; set `truncates` to "apply" or "ignore"
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  operation: string,
  reason: Reason,
  more?: { readonly place?: Place | undefined; readonly cause?: unknown }
): SyncError => new SyncError({ operation, reason, ...more })
