/**
 * What happens to a record whose handler failed: one function from failure to decision.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Pipeable } from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import type * as Types from "effect/Types"
import type { RawRecord } from "./engine/KafkaEngine.ts"
import type { Poison } from "./Poison.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/OnFailure"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * How it failed: the handler with its typed error, the handler with a defect (a bug), or the codecs (`poison`). An
 * interruption is none of them.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Kind = "error" | "defect" | "poison"

/**
 * A failure of one record (or of a batch; then `records` are all of them, and `record` is the first). `attempts` counts
 * the executions so far, so it is at least 1 for a handler and 0 for poison.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Failure<out E> {
  readonly kind: Kind
  readonly group: string
  readonly record: RawRecord
  readonly records: ReadonlyArray<RawRecord>
  readonly attempts: number
  readonly cause: Cause.Cause<E | Poison>
}

/**
 * What to do: `Stop` ends the consumer (or holds the partition, under `Consumer.layer`); `Skip` goes on behind the
 * record.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Decision = { readonly _tag: "Stop" } | { readonly _tag: "Skip" }

/**
 * A failure policy for handlers that fail with `E`. A policy for `unknown` fits every handler.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OnFailure<in E, out R = never> extends Pipeable {
  readonly [TypeId]: {
    readonly _E: Types.Contravariant<E>
    readonly _R: Types.Covariant<R>
  }
  readonly decide: (failure: Failure<E>) => Effect.Effect<Decision, never, R>
}

/**
 * A policy from a function.
 *
 * **When to use**: when the decision depends on the error or on the record.
 *
 * @example
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { OnFailure } from "millrace"
 *
 * export const tolerant = OnFailure.make((failure) =>
 *   failure.kind === "poison"
 *     ? Effect.as(Effect.logWarning("undecodable", Cause.pretty(failure.cause)), { _tag: "Skip" as const })
 *     : Effect.succeed({ _tag: "Stop" as const })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = unknown, R = never>(
  decide: (failure: Failure<E>) => Effect.Effect<Decision, never, R>
): OnFailure<E, R> => ({
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  decide,
  pipe() {
    return pipeArguments(this, arguments)
  }
})

/**
 * Stops: `Consumer.run` and `Consumer.stream` end with `HandlerFailed`; under `Consumer.layer` the partition is held at
 * the record and the health turns red. Nothing is lost.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const stop: OnFailure<unknown> = make(() => Effect.succeed({ _tag: "Stop" }))

/**
 * Skips the record: it is logged, counted, and appears as a `Skipped` outcome. Its offset is committed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const skip: OnFailure<unknown> = make(() => Effect.succeed({ _tag: "Skip" }))

const override =
  (kind: Kind) => <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2> =>
    make<E1 & E2, R1 | R2>((failure): Effect.Effect<Decision, never, R1 | R2> =>
      failure.kind === kind ? that.decide(failure) : self.decide(failure)
    )

/**
 * Uses another policy for undecodable records.
 *
 * @example
 * ```ts
 * import { OnFailure } from "millrace"
 *
 * export const policy = OnFailure.stop.pipe(OnFailure.poison(OnFailure.skip))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const poison: {
  <E2, R2>(that: OnFailure<E2, R2>): <E1, R1>(self: OnFailure<E1, R1>) => OnFailure<E1 & E2, R1 | R2>
  <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2>
} = dual(2, override("poison"))

/**
 * Uses another policy for defects, the bugs of a handler.
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const defect: {
  <E2, R2>(that: OnFailure<E2, R2>): <E1, R1>(self: OnFailure<E1, R1>) => OnFailure<E1 & E2, R1 | R2>
  <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2>
} = dual(2, override("defect"))
