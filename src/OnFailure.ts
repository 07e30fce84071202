/**
 * What happens to a record whose handler failed: a policy, a function from failure to decision.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type { Any, Decision, Failure, Kind, Needs, OnFailure, TagsOf } from "./FailurePolicy.ts"
import {
  both,
  checkPolicy,
  decideLast,
  fromDecision,
  isOnFailure,
  noNeeds,
  policies,
  requireDeciding,
  requirePolicies,
  tagsFrom
} from "./FailurePolicy.ts"
import { tagsIn } from "./internal/shared/causes.ts"
import { effectOf } from "./internal/shared/effectOf.ts"
import { flag, requireFields, shown, text } from "./internal/shared/fields.ts"
import { duration } from "./internal/shared/handedIn/settingKinds.ts"
import { invalidName } from "./Source.ts"

export * from "./FailurePolicy.ts"

const always = (words: string, decision: Decision, needs: Partial<Needs> = noNeeds): OnFailure<unknown> =>
  fromDecision(words, needs, () => Effect.succeed(decision))

/**
 * Stops: `Consumer.run` and streams end with `HandlerFailed`; under `Consumer.layer` the partition is held at the
 * record and the health turns red. Nothing is lost.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const stop: OnFailure<unknown> = always("stop", { _tag: "Stop" })

/**
 * Skips the record: it is logged, counted, and appears as a `Skipped` outcome. Its offset is committed.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const skip: OnFailure<unknown> = always("skip", { _tag: "Skip" })

/**
 * Routes the record to `<group>.<topic>.dlt`, with its key, value and headers as they were, and headers that say where
 * it came from and why it failed. The offset is done when the broker acknowledged the copy.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const deadLetter: OnFailure<unknown> = always("dead letter", { _tag: "DeadLetter" }, { deadLetter: true })

/**
 * Routes the record to a topic of your choice, as {@link deadLetter} does to the usual one. The topic is checked or
 * created before the consumer starts. A consumer refuses its own source and retry topics here: their records would come
 * back to it for ever.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * export const policy = Retry.nonBlocking(Schedule.recurs(3)).pipe(OnFailure.defect(OnFailure.deadLetterTo("bugs")))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const deadLetterTo = (topic: string): OnFailure<unknown> => {
  if (typeof topic !== "string") throw new Error(`OnFailure.deadLetterTo: ${invalidName(topic)}`)
  return always(`dead letter to "${topic}"`, { _tag: "DeadLetter", topic }, { topics: [topic] })
}

/**
 * Runs the handler again after this long, in place, each time: without an end unless a policy around it ends it. Throws
 * for what is no finite duration.
 *
 * **When to use**: in a function of your own ({@link make}). `Retry.blocking` counts and follows a schedule.
 *
 * @example
 * ```ts
 * import { OnFailure } from "millrace"
 *
 * const soon = OnFailure.wait("10 seconds")
 *
 * export const policy = OnFailure.make(({ attempts }) => attempts < 5 ? soon : OnFailure.stop, { uses: [soon] })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const wait = (delay: Duration.Input): OnFailure<unknown> => {
  if (!duration.is(delay)) throw new Error(`OnFailure.wait: ${shown(delay)} is no finite duration`)
  const millis = Duration.toMillis(Duration.fromInputUnsafe(delay))
  return always(`wait ${millis} ms`, { _tag: "Wait", delay: millis }, { waits: true })
}

/**
 * Decides nothing: the next policy does ({@link andThen}, or the policy that {@link route} is about). Without one it
 * means stop.
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const pass: OnFailure<unknown> = always("pass", { _tag: "Pass", otherwise: "Stop" })

/**
 * What a function of your own says about itself.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface MakeOptions {
  /** Every policy that it may return but `stop`, `skip` and `pass`: what these need is there before the start. */
  readonly uses?: ReadonlyArray<Any> | undefined
  /** Whether it asks a `KeyOffsetStore`, which then observes every record. Default `false`. */
  readonly observes?: boolean | undefined
  /** How it is called in logs and listings. Default: `"a function"`. */
  readonly words?: string | undefined
}

/**
 * A policy from a function that returns the policy for a failure, or an effect of it. What it may return beyond `stop`,
 * `skip` and `pass` it has to say in `uses`, so that retry and dead letter topics are there before the first failure.
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
 *     ? Effect.as(Effect.logWarning("undecodable", Cause.pretty(failure.cause)), OnFailure.skip)
 *     : OnFailure.deadLetter, { uses: [OnFailure.deadLetter] })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = <E = unknown, R = never, R2 = never>(
  decide: (failure: Failure<E>) => OnFailure<E, R, any> | Effect.Effect<OnFailure<E, R, any>, never, R2>,
  options: MakeOptions = {}
): OnFailure<E, R | R2> => {
  requireDeciding("OnFailure.make: decide", decide)
  requireFields("OnFailure.make", "options", options, { uses: policies, observes: flag, words: text })
  return fromDecision(
    options.words ?? "a function",
    {
      ...(options.uses ?? []).reduce((needs, policy) => both(needs, policy.needs), noNeeds),
      ...(options.observes === true ? { observes: true } : {})
    },
    (failure): Effect.Effect<Decision, never, R | R2> =>
      Effect.suspend((): Effect.Effect<Decision, never, R | R2> => {
        const made = decide(failure)
        if (Effect.isEffect(made)) return Effect.flatMap(made, (policy) => checkPolicy(policy).decide(failure))
        if (isOnFailure(made)) return made.decide(failure)
        // Neither, whatever the types say.
        return effectOf(made as unknown as Effect.Effect<never>, "a failure policy")
      })
  )
}

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
  <E2, R2, T2 extends string>(
    that: OnFailure<E2, R2, T2>
  ): <E1, R1, T1 extends string>(self: OnFailure<E1, R1, T1>) => OnFailure<E1 & E2, R1 | R2, T1 | T2>
  <E1, R1, T1 extends string, E2, R2, T2 extends string>(
    self: OnFailure<E1, R1, T1>,
    that: OnFailure<E2, R2, T2>
  ): OnFailure<E1 & E2, R1 | R2, T1 | T2>
} = dual(
  2,
  <E1, R1, T1 extends string, E2, R2, T2 extends string>(self: OnFailure<E1, R1, T1>, that: OnFailure<E2, R2, T2>) => {
    requirePolicies("OnFailure.andThen", self, that)
    return fromDecision<E1 & E2, R1 | R2, T1 | T2>(
      `${self.words}, then ${that.words}`,
      both(self.needs, that.needs),
      (failure) =>
        Effect.flatMap(
          self.decide(failure),
          (decision): Effect.Effect<Decision, never, R2> =>
            decision._tag === "Pass" ? that.decide(failure) : Effect.succeed(decision)
        )
    )
  }
)

/**
 * Where a failure goes by its error or record, before the policy is asked: the function returns a policy as that of
 * {@link make} does, and `pass` for what the policy is to decide. `uses` are the policies that it may return.
 *
 * @example
 * ```ts
 * import { Cause, Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * const bugs = OnFailure.deadLetterTo("bugs")
 *
 * export const policy = Retry.nonBlocking(Schedule.recurs(3)).pipe(
 *   OnFailure.route((failure) => Cause.hasDies(failure.cause) ? bugs : OnFailure.pass, { uses: [bugs] })
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const route: {
  <E2 = unknown, R2 = never, R3 = never>(
    to: (failure: Failure<E2>) => OnFailure<E2, R2, any> | Effect.Effect<OnFailure<E2, R2, any>, never, R3>,
    options?: MakeOptions
  ): <E1, R1, T1 extends string>(self: OnFailure<E1, R1, T1>) => OnFailure<E1 & E2, R1 | R2 | R3, T1>
  <E1, R1, T1 extends string, R2 = never, R3 = never, E2 = E1>(
    self: OnFailure<E1, R1, T1>,
    to: (failure: Failure<E2>) => OnFailure<E2, R2, any> | Effect.Effect<OnFailure<E2, R2, any>, never, R3>,
    options?: MakeOptions
  ): OnFailure<E1 & E2, R1 | R2 | R3, T1>
} = dual(
  (args) => isOnFailure(args[0]),
  (self: Any, to: (failure: Failure<any>) => Any, options?: MakeOptions) => {
    requireDeciding("OnFailure.route: to", to)
    return andThen(make(to, options), self)
  }
)

const override = <E2, R2, T2 extends string>(
  words: string,
  fits: (failure: Failure<any>) => boolean,
  that: OnFailure<E2, R2, T2>
) =>
<E1, R1, T1 extends string>(self: OnFailure<E1, R1, T1>): OnFailure<E1 & E2, R1 | R2, T1 | T2> =>
  fromDecision<E1 & E2, R1 | R2, T1 | T2>(
    `${self.words}; ${words}: ${that.words}`,
    both(self.needs, that.needs),
    (failure): Effect.Effect<Decision, never, R1 | R2> =>
      fits(failure) ? decideLast(that, failure) : self.decide(failure)
  )

const ofKind = (kind: Kind) => (self: Any, that: Any) => {
  requirePolicies(`OnFailure.${kind}`, self, that)
  return override(kind, (failure) => failure.kind === kind, that)(self)
}

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
  <E2, R2, T2 extends string>(
    that: OnFailure<E2, R2, T2>
  ): <E1, R1, T1 extends string>(self: OnFailure<E1, R1, T1>) => OnFailure<E1 & E2, R1 | R2, T1 | T2>
  <E1, R1, T1 extends string, E2, R2, T2 extends string>(
    self: OnFailure<E1, R1, T1>,
    that: OnFailure<E2, R2, T2>
  ): OnFailure<E1 & E2, R1 | R2, T1 | T2>
} = dual(2, ofKind("poison"))

/**
 * Uses another policy for defects, the bugs of a handler.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * export const policy = Retry.nonBlocking(Schedule.recurs(3)).pipe(OnFailure.defect(OnFailure.stop))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const defect: {
  <E2, R2, T2 extends string>(
    that: OnFailure<E2, R2, T2>
  ): <E1, R1, T1 extends string>(self: OnFailure<E1, R1, T1>) => OnFailure<E1 & E2, R1 | R2, T1 | T2>
  <E1, R1, T1 extends string, E2, R2, T2 extends string>(
    self: OnFailure<E1, R1, T1>,
    that: OnFailure<E2, R2, T2>
  ): OnFailure<E1 & E2, R1 | R2, T1 | T2>
} = dual(2, ofKind("defect"))

/** What is left to ask of a handler's errors when `E2` is only met with one of these tags. */
type Beside<E2, Tag extends string> = [E2] extends [{ readonly _tag: Tag }] ? unknown : E2

/**
 * Uses another policy for errors with this `_tag`, or one of these. The handler's errors must have it: a misspelt tag
 * does not compile.
 *
 * @example
 * ```ts
 * import { Data, Effect, Schedule } from "effect"
 * import { Codec, OnFailure, Retry, Topic } from "millrace"
 *
 * class CardDeclined extends Data.TaggedError("CardDeclined")<{}> {}
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 *
 * const patient = Retry.nonBlocking(Schedule.recurs(3)).pipe(OnFailure.tag("CardDeclined", OnFailure.deadLetter))
 *
 * export const charge = Topic.handle(Orders, () => Effect.fail(new CardDeclined()), { onFailure: patient })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category combinators
 */
export const tag: {
  <const Tag extends string, E2, R2, T2 extends string>(
    tags: Tag | ReadonlyArray<Tag>,
    that: OnFailure<E2, R2, T2>
  ): <E1, R1, T1 extends string>(
    self: OnFailure<E1, R1, T1>
  ) => OnFailure<E1 & Beside<E2, Tag>, R1 | R2, T1 | T2 | Tag>
  <E1, R1, T1 extends string, const Tag extends TagsOf<E1>, E2, R2, T2 extends string>(
    self: OnFailure<E1, R1, T1>,
    tags: Tag | ReadonlyArray<Tag>,
    that: OnFailure<E2, R2, T2>
  ): OnFailure<E1 & Beside<E2, Tag>, R1 | R2, T1 | T2 | Tag>
} = dual(3, (self: Any, tags: string | ReadonlyArray<string>, that: Any) => {
  requirePolicies("OnFailure.tag", self, that)
  const names = tagsFrom(tags)
  return override(names.join(", "), ({ cause, kind }) => kind === "error" && tagsIn(cause, names), that)(self)
})
