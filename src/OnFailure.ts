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
import type * as Schedule from "effect/Schedule"
import type * as Types from "effect/Types"
import type { RawRecord, TopicPartition } from "./engine/KafkaEngine.ts"
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
 * How it failed: the handler with its typed error, the handler with a defect (a bug), or the codecs (`poison`). A
 * handler that interrupts itself counts as a defect, by the name of `Interrupted`; interrupted from outside, by the end
 * or a rebalance, it did not fail.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Kind = "error" | "defect" | "poison"

/**
 * A failure of one record (or of a batch; then `records` are all of them, and `record` is the first).
 *
 * - `topic`: the source topic, also when the record failed in one of its retry topics; `origin`: where it was first
 *   read. For a record in a retry topic that does not tell, `origin` is its place there.
 * - `attempts` counts the executions so far, so it is at least 1 for a handler and 0 for poison.
 * - `retries` counts the retry topics' part of them: how often the record was routed to one.
 * - `firstFailedAt` and `failedAt` are milliseconds since the epoch.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Failure<out E> {
  readonly kind: Kind
  readonly group: string
  readonly topic: string
  readonly origin: TopicPartition & { readonly offset: number }
  readonly record: RawRecord
  readonly records: ReadonlyArray<RawRecord>
  readonly attempts: number
  readonly retries: number
  readonly firstFailedAt: number
  readonly failedAt: number
  readonly cause: Cause.Cause<E | Poison>
  /** How many retries the retry topics of the handler have room for. @internal */
  readonly maxRetries: number
  /** Where a policy keeps what it knows of this record, for as long as it waits in place. @internal */
  readonly memory: Map<unknown, unknown>
}

/**
 * What to do:
 *
 * - `Stop` ends the consumer (or holds the partition, under `Consumer.layer`).
 * - `Skip` goes on behind the record.
 * - `Wait` runs the handler again after `delay` milliseconds; the partition (or the key) waits.
 * - `Retry` routes the record to the next retry topic.
 * - `DeadLetter` routes it to the dead letter topic of its topic, or to another `topic`.
 * - `Pass` leaves the decision to what stands behind the policy (`andThen`, in the end `Stop`).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Decision =
  | { readonly _tag: "Stop" }
  | { readonly _tag: "Skip" }
  | { readonly _tag: "Wait"; readonly delay: number }
  | { readonly _tag: "Retry" }
  | { readonly _tag: "DeadLetter"; readonly topic?: string | undefined }
  | { readonly _tag: "Pass" }

/**
 * What a policy needs to exist: retry topics by its schedules, the dead letter topic, other topics. A consumer checks
 * or creates them before it starts. One whose policies need no topics at all reads no retry topics either, also those
 * that an earlier policy left.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Needs {
  readonly schedules: ReadonlyArray<Schedule.Schedule<unknown, unknown>>
  readonly deadLetter: boolean
  readonly topics: ReadonlyArray<string>
  /** Whether it may wait in place: attempts are then kept with the committed offset. */
  readonly waits: boolean
  /** Whether it asks a `KeyOffsetStore`, which is then told of every record. */
  readonly observes: boolean
}

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
  readonly needs: Needs
  /** What is decided when it passes and nothing stands behind it. @internal */
  readonly last: Decision
}

/** Needs nothing. @internal */
export const noNeeds: Needs = { schedules: [], deadLetter: false, topics: [], waits: false, observes: false }

const both = (a: Needs, b: Needs): Needs => ({
  schedules: [...new Set([...a.schedules, ...b.schedules])],
  deadLetter: a.deadLetter || b.deadLetter,
  topics: [...new Set([...a.topics, ...b.topics])],
  waits: a.waits || b.waits,
  observes: a.observes || b.observes
})

/**
 * A policy from a function. What it may decide beyond `Stop` and `Skip` must be said in `needs`: `deadLetter: true` for
 * `DeadLetter`, and the names of other `topics`, so that they are there before the first failure.
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
  decide: (failure: Failure<E>) => Effect.Effect<Decision, never, R>,
  needs: Partial<Needs> = noNeeds,
  last: Decision = { _tag: "Stop" }
): OnFailure<E, R> => ({
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  decide,
  needs: { ...noNeeds, ...needs },
  last,
  pipe() {
    return pipeArguments(this, arguments)
  }
})

/**
 * Stops: `Consumer.run` and `Consumer.outcomeBatches` end with `HandlerFailed`; under `Consumer.layer` the partition is
 * held at the record and the health turns red. Nothing is lost.
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

/**
 * Routes the record to `<group>.<topic>.dlt`, with its key, value and headers as they were, and headers that say where
 * it came from and why it failed. The offset is done when the broker acknowledged the copy.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const deadLetter: OnFailure<unknown> = make(() => Effect.succeed({ _tag: "DeadLetter" }), { deadLetter: true })

/** What a policy decides in the end, when nothing stands behind it. @internal */
export const decideLast = <E, R>(
  policy: OnFailure<E, R>,
  failure: Failure<E>
): Effect.Effect<Decision, never, R> =>
  Effect.map(policy.decide(failure), (decision) => decision._tag === "Pass" ? policy.last : decision)

/**
 * What happens when a policy passes: its retries are used up, or it does not retry such a failure. Without it, blocking
 * retries end with `stop` and non-blocking ones with `deadLetter`.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * // Twice in place, then an hour later, then never again.
 * export const policy = Retry.blocking(Schedule.recurs(2)).pipe(
 *   OnFailure.andThen(Retry.nonBlocking(Schedule.spaced("1 hour").pipe(Schedule.upTo({ times: 1 })))),
 *   OnFailure.andThen(OnFailure.skip)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const andThen: {
  <E2, R2>(that: OnFailure<E2, R2>): <E1, R1>(self: OnFailure<E1, R1>) => OnFailure<E1 & E2, R1 | R2>
  <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2>
} = dual(
  2,
  <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2> =>
    make<E1 & E2, R1 | R2>(
      (failure) =>
        Effect.flatMap(
          self.decide(failure),
          (decision): Effect.Effect<Decision, never, R2> =>
            decision._tag === "Pass" ? that.decide(failure) : Effect.succeed(decision)
        ),
      both(self.needs, that.needs),
      that.last
    )
)

/**
 * Where a failure goes by its error or record: `"retry"` asks the policy, the others decide at once. A topic of its own
 * is to be listed in `topics`, so that it is checked or created before the start.
 *
 * @example
 * ```ts
 * import { Cause, Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * export const policy = Retry.nonBlocking(Schedule.recurs(3)).pipe(
 *   OnFailure.route((failure) => Cause.hasDies(failure.cause) ? { topic: "bugs" } : "retry", { topics: ["bugs"] })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const route: {
  <E2>(
    to: (failure: Failure<E2>) => Route,
    options?: { readonly topics?: ReadonlyArray<string> | undefined }
  ): <E1, R1>(self: OnFailure<E1, R1>) => OnFailure<E1 & E2, R1>
  <E1, R1, E2>(
    self: OnFailure<E1, R1>,
    to: (failure: Failure<E2>) => Route,
    options?: { readonly topics?: ReadonlyArray<string> | undefined }
  ): OnFailure<E1 & E2, R1>
} = dual(
  (args) => TypeId in args[0],
  <E1, R1, E2>(
    self: OnFailure<E1, R1>,
    to: (failure: Failure<E2>) => Route,
    options?: { readonly topics?: ReadonlyArray<string> | undefined }
  ): OnFailure<E1 & E2, R1> =>
    make<E1 & E2, R1>(
      (failure) =>
        Effect.suspend(() => {
          const where = to(failure)
          return where === "retry" ? self.decide(failure) : Effect.succeed(decisionOf(where))
        }),
      both(self.needs, { ...noNeeds, deadLetter: true, topics: options?.topics ?? [] }),
      self.last
    )
)

/**
 * Where `route` sends a failure.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Route = "retry" | "dlt" | "skip" | "fail" | { readonly topic: string }

const decisionOf = (route: Exclude<Route, "retry">): Decision => {
  if (typeof route === "object") return { _tag: "DeadLetter", topic: route.topic }
  return { _tag: route === "dlt" ? "DeadLetter" : route === "skip" ? "Skip" : "Stop" }
}

const override =
  (kind: Kind) => <E1, R1, E2, R2>(self: OnFailure<E1, R1>, that: OnFailure<E2, R2>): OnFailure<E1 & E2, R1 | R2> =>
    make<E1 & E2, R1 | R2>(
      (failure): Effect.Effect<Decision, never, R1 | R2> =>
        failure.kind === kind ? decideLast(that, failure) : self.decide(failure),
      both(self.needs, that.needs),
      self.last
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
