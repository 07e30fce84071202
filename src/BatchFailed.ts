/**
 * How the handler of a batch says which record failed.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Predicate from "effect/Predicate"
import { brief, readOr } from "./internal/shared/causes.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/BatchFailed"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * One record of a batch failed, and those before it are done. A handler of `Topic.handleBatch` or
 * `Topic.handleOwningOffsets` fails with it in the place of the error itself. Then the policy judges that record alone,
 * by its `cause`, the position moves to it, and the records behind it are handed over again. Spring for Apache Kafka
 * has the same in `BatchListenerFailedException`.
 *
 * A handler that owns its offsets has to have stored `offset` with what it did, because the next batch begins there. An
 * offset that is not one of the batch's records is a bug of the handler: the batch then fails as a whole, with a defect
 * that says so.
 *
 * **When to use**: where one statement carries many records, and the database says which of them it refuses.
 *
 * @example
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { BatchFailed, Codec, OnFailure, Topic } from "millrace"
 *
 * const Notes = Topic.make("notes", { key: Codec.none, value: Codec.string })
 *
 * export const shortNotes = Topic.handleBatch(
 *   Notes,
 *   (records) => {
 *     const long = records.find(({ value }) => value.length > 80)
 *     return long === undefined
 *       ? Effect.void
 *       : Effect.fail(new BatchFailed({ offset: long.offset, cause: Cause.fail("too long" as const) }))
 *   },
 *   { onFailure: OnFailure.deadLetter }
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category errors
 */
export class BatchFailed<out E> extends Data.TaggedError("BatchFailed")<{
  readonly offset: number
  readonly cause: Cause.Cause<any>
}> {
  /** Marks it for {@link isBatchFailed}. */
  readonly [TypeId]: TypeId = TypeId
  /** The offset of the record that failed. */
  declare readonly offset: number
  /** Why it failed. */
  declare readonly cause: Cause.Cause<E>

  // Without it the compiler could not infer `E` from the cause.
  constructor(failure: { readonly offset: number; readonly cause: Cause.Cause<E> }) {
    super(failure)
  }

  override get message(): string {
    return `the record at offset ${this.offset} failed: ${brief(this.cause)}`
  }
}

/** A record that failed, and why. @internal */
export interface Failed<out E = unknown> {
  readonly offset: number
  readonly cause: Cause.Cause<E>
}

/**
 * The records before `offset` are done, and those of `ahead` behind it fail whatever comes of those between them. They
 * are judged at once, but for those that have an open record of their key before them; the rest is handed over again.
 *
 * @internal
 */
export class FailedAhead<out E = unknown> extends BatchFailed<E> {
  readonly ahead: ReadonlyArray<Failed<E>>

  constructor(failed: Failed<E>, ahead: ReadonlyArray<Failed<E>>) {
    super(failed)
    this.ahead = ahead
  }
}

/**
 * Whether an error is a {@link BatchFailed}, also one of another copy of this package. Any value can be asked about.
 *
 * @example
 * ```ts
 * import { isBatchFailed } from "millrace"
 *
 * export const placeOf = (error: unknown): number | undefined => isBatchFailed(error) ? error.offset : undefined
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isBatchFailed = (error: unknown): error is BatchFailed<unknown> =>
  readOr(() => Predicate.hasProperty(error, TypeId), false)

/**
 * What a policy is asked about: the errors of records, where a handler says which of a batch failed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type RecordError<E> = E extends BatchFailed<infer E2> ? E2 : E
