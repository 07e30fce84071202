/**
 * What `OnFailure` works with: failures, decisions, policies.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import type { Pipeable } from "effect/Pipeable"
import { pipeArguments } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import type * as Types from "effect/Types"
import type { RawRecord, TopicPartition } from "./engine/Model.ts"
import { shown, texts } from "./internal/shared/fields.ts"
import { kindOf } from "./internal/shared/utf8.ts"
import type { Poison } from "./Poison.ts"

/**
 * How it failed: the handler with its typed error, the handler with a defect (a bug), or the codecs (`poison`). A
 * handler that interrupts itself counts as a defect with the name `Interrupted`; interrupted from outside, by the end
 * or a rebalance, it did not fail.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Kind = "error" | "defect" | "poison"

/**
 * A failure of one record, or of a batch.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Failure<out E> {
  /** Whether the handler failed with its error, died, or the record cannot be decoded. */
  readonly kind: Kind
  /** The consumer's group, also when the record failed in a retry topic. */
  readonly group: string
  /** The source topic, also when the record failed in one of its retry topics. */
  readonly topic: string
  /** Where the record was first read. For a record of a retry topic that does not say, its place there. */
  readonly origin: TopicPartition & { readonly offset: number }
  /** The record that failed; of a batch the first one. */
  readonly record: RawRecord
  /** All records that failed: one, or those of a batch. */
  readonly records: ReadonlyArray<RawRecord>
  /** Where each of `records` was first read, as `origin` of the first. */
  readonly origins: ReadonlyArray<TopicPartition & { readonly offset: number }>
  /** Executions so far: at least 1 for a handler, 0 for poison. */
  readonly attempts: number
  /** How many times the record was routed to a retry topic. */
  readonly retries: number
  /** When the record first failed, in milliseconds since the epoch. */
  readonly firstFailedAt: number
  /** When it failed now, in milliseconds since the epoch. */
  readonly failedAt: number
  /** The error, the defect, or the poison. */
  readonly cause: Cause.Cause<E | Poison>
  /** How many retries the retry topics of the handler have room for; `Infinity` without an end. */
  readonly maxRetries: number
  /** Where policies keep what they know of this record as long as it waits in place. A policy uses keys of its own. */
  readonly memory: Map<unknown, unknown>
}

/**
 * What a policy comes to. Consumers read it; functions of your own return policies instead, such as `OnFailure.skip`.
 *
 * - `Stop` ends the consumer (or holds the partition, under `Consumer.layer`).
 * - `Skip` counts the record as done.
 * - `Wait` runs the handler again after `delay` milliseconds; the partition (or the key) waits.
 * - `Retry` routes the record to the next retry topic.
 * - `DeadLetter` routes it to the dead letter topic of its topic, or to another `topic`.
 * - `Part` decides about some records of a batch; the handler runs again with the others.
 * - `Pass` leaves the decision to the next policy (`OnFailure.andThen`); without one `otherwise` is decided.
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
  | { readonly _tag: "Part"; readonly records: ReadonlyArray<RawRecord>; readonly decision: Decision }
  | { readonly _tag: "Pass"; readonly otherwise: "Stop" | "DeadLetter" }

/**
 * The tags that errors of type `E` can have. Errors without a `_tag` may have any name.
 *
 * @stability unstable
 * @since 0.1.0
 * @category type-level
 */
export type TagsOf<E> = unknown extends E ? string
  : [E] extends [never] ? never
  : E extends { readonly _tag: infer Tag extends string } ? Tag
  : string

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
 * What a policy needs to exist. A consumer checks or creates it before it starts. One whose policies need no topics at
 * all reads no retry topics either, also those that an earlier policy left.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Needs {
  /** The schedules of non-blocking retries: each of their delays is a retry topic. */
  readonly schedules: ReadonlyArray<Schedule.Schedule<unknown, unknown>>
  /** Whether it uses the dead letter topic. */
  readonly deadLetter: boolean
  /** Further topics that it routes to. */
  readonly topics: ReadonlyArray<string>
  /** Whether it may wait in place: attempts are then kept with the committed offset. */
  readonly waits: boolean
  /** Whether it asks a `KeyOffsetStore`, which then observes every record. */
  readonly observes: boolean
}

/**
 * A failure policy for handlers that fail with `E`. A policy for `unknown` fits every handler whose errors have the
 * tags that it names, `Tags`: a misspelt one does not compile.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface OnFailure<in E, out R = never, out Tags extends string = never>
  extends Pipeable, Inspectable.Inspectable
{
  readonly [TypeId]: {
    readonly _E: Types.Contravariant<E>
    readonly _R: Types.Covariant<R>
    readonly _Tags: Types.Covariant<Tags>
  }
  /** The decision about one failure. */
  readonly decide: (failure: Failure<E>) => Effect.Effect<Decision, never, R>
  /** What it may decide needs these. */
  readonly needs: Needs
  /** The policy in words, for logs and listings. */
  readonly words: string
}

/**
 * The policies for handlers that fail with `E`: those that know its errors, and name no other tags.
 *
 * @stability unstable
 * @since 0.1.0
 * @category type-level
 */
export type For<E, R> = OnFailure<E, R, TagsOf<E>>

/**
 * Any policy.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Any = OnFailure<any, any, any>

/** Needs nothing. @internal */
export const noNeeds: Needs = { schedules: [], deadLetter: false, topics: [], waits: false, observes: false }

/** What both need, each thing once. @internal */
export const both = (a: Needs, b: Needs): Needs => ({
  schedules: [...new Set([...a.schedules, ...b.schedules])],
  deadLetter: a.deadLetter || b.deadLetter,
  topics: [...new Set([...a.topics, ...b.topics])],
  waits: a.waits || b.waits,
  observes: a.observes || b.observes
})

const Proto = {
  ...Inspectable.BaseProto,
  // The variance marker exists for the type checker alone.
  [TypeId]: {} as any,
  pipe() {
    return pipeArguments(this, arguments)
  },
  toJSON(this: Any) {
    return { _id: "OnFailure", policy: this.words }
  },
  toString(this: Any) {
    return `OnFailure(${this.words})`
  }
}

/** A policy from its decision. @internal */
export const fromDecision = <E, R = never, Tags extends string = never>(
  words: string,
  needs: Partial<Needs>,
  decide: (failure: Failure<E>) => Effect.Effect<Decision, never, R>
): OnFailure<E, R, Tags> => Object.assign(Object.create(Proto), { words, decide, needs: { ...noNeeds, ...needs } })

/**
 * Whether a value is a failure policy.
 *
 * @example
 * ```ts
 * import { OnFailure } from "millrace"
 *
 * export const yes = OnFailure.isOnFailure(OnFailure.skip)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isOnFailure = (value: unknown): value is OnFailure<unknown, unknown, string> =>
  Predicate.hasProperty(value, TypeId)

/** Throws for what is no policy; `where` is what was called. @internal */
export const requirePolicies = (where: string, ...given: ReadonlyArray<unknown>): void => {
  const wrong = given.findIndex((each) => !isOnFailure(each))
  if (wrong >= 0) throw new Error(`${where}: ${shown(given[wrong])} is no policy; use e.g. OnFailure.skip`)
}

/** Throws for what is no function that decides. @internal */
export const requireDeciding = (where: string, given: unknown): void => {
  if (typeof given !== "function") throw new Error(`${where}: ${shown(given)} is not a function`)
}

/** Policies that a function may return. @internal */
export const policies = {
  words: "an array of policies",
  is: (value: unknown): boolean => Array.isArray(value) && value.every(isOnFailure)
}

/** Tags as an array. Throws for what is none: without a tag a policy would have no effect. @internal */
export const tagsFrom = (given: string | ReadonlyArray<string>): ReadonlyArray<string> => {
  const names = typeof given === "string" ? [given] : given
  if (texts.is(names) && names.length > 0) return names
  throw new Error(`OnFailure.tag: tags: ${shown(given)} is not a tag, or an array of at least one`)
}

/** What the effect of a policy's function returned, which by its type is a policy. @internal */
export const checkPolicy = <P extends Any>(returned: P): P => {
  if (isOnFailure(returned)) return returned
  throw new TypeError(`the effect of a failure policy returned ${kindOf(returned)}, not a policy`)
}

/** What is decided in the end, when no policy follows one that passes. @internal */
export const last = (decision: Decision): Exclude<Decision, { readonly _tag: "Pass" }> =>
  decision._tag === "Pass" ? { _tag: decision.otherwise } : decision

/** What a policy decides in the end. @internal */
export const decideLast = <E, R>(
  policy: OnFailure<E, R, any>,
  failure: Failure<E>
): Effect.Effect<Decision, never, R> => Effect.map(policy.decide(failure), last)

/**
 * Decides about some records of a failed batch alone: they are skipped or dead-lettered as the policy says, and the
 * handler runs again at once with the others, as a batch of its own. A policy that waits or stops does so for all. When
 * these are all records of the failure, as when records are handled one by one, it is the policy itself.
 *
 * **When to use**: in a function of your own (`OnFailure.make`) that can tell the records which made a batch fail.
 *
 * @example
 * ```ts
 * import { OnFailure } from "millrace"
 *
 * export const withoutEmpty = OnFailure.make(({ records }) => {
 *   const empty = records.filter(({ value }) => value?.length === 0)
 *   return empty.length === 0 ? OnFailure.stop : OnFailure.only(empty, OnFailure.skip)
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const only = <E, R, Tags extends string>(
  records: ReadonlyArray<RawRecord>,
  policy: OnFailure<E, R, Tags>
): OnFailure<E, R, Tags> =>
  fromDecision(
    `some: ${policy.words}`,
    policy.needs,
    (failure) =>
      Effect.map(decideLast(policy, failure), (decision): Decision =>
        records.length === 0
          ? { _tag: "Pass", otherwise: "Stop" }
          : records.length >= failure.records.length
          ? decision
          : { _tag: "Part", records, decision })
  )
