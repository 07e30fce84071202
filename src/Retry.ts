/**
 * Retries as failure policies: in place, where the partition (or the key) waits, or through retry topics, where it does
 * not.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { fromDecision } from "./FailurePolicy.ts"
import { nextDelay } from "./internal/retry/blocking.ts"
import { maxAttempts } from "./internal/retry/retryState.ts"
import { checkDelay } from "./internal/retry/tiers.ts"
import { errorOf, logCause, tagsIn } from "./internal/shared/causes.ts"
import { booleanOf } from "./internal/shared/effectOf.ts"
import { anything, flag, func, type Kinds, type KindsOf, problemOf, shown, texts } from "./internal/shared/fields.ts"
import type * as OnFailure from "./OnFailure.ts"

/**
 * Which failures are retried; the others pass to the next policy. Poison never is retried: it fails the same way each
 * time.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options<in E, out Tags extends string = OnFailure.TagsOf<E>> {
  /**
   * A predicate on the handler's error. Default: every typed error. Where it returns neither true nor false, such as a
   * Promise, the policy fails, and the consumer stops.
   */
  readonly retryable?: ((error: E) => boolean) | undefined
  /**
   * Only errors with these tags (`_tag`; of errors without one their `name`, or their class). The handler's errors must
   * have them: a misspelt tag does not compile. Not together with `exclude`. Default: all.
   */
  readonly include?: ReadonlyArray<Tags> | undefined
  /** No errors with these tags. Default: none. */
  readonly exclude?: ReadonlyArray<Tags> | undefined
  /** Whether a defect, a bug of the handler, is retried as well. Default `true`. */
  readonly defects?: boolean | undefined
  /** What fails this long after the first failure of the record is not retried again. Default: no limit. */
  readonly timeout?: Duration.Input | undefined
}

const isRetryable = <E>(options: Options<E, string>, timeoutMs: number, failure: OnFailure.Failure<E>): boolean => {
  if (failure.kind === "poison") return false
  if (failure.failedAt - failure.firstFailedAt >= timeoutMs) return false
  if (options.include !== undefined && !tagsIn(failure.cause, options.include)) return false
  if (options.exclude !== undefined && tagsIn(failure.cause, options.exclude)) return false
  if (failure.kind === "defect") return options.defects ?? true
  // A failure of kind `error` holds an error of the handler.
  return options.retryable === undefined || booleanOf(options.retryable(errorOf(failure.cause) as E), "`retryable`")
}

const positive = (name: string, input: Duration.Input): number => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(input))
  if (millis > 0) return millis
  throw new Error(`${name} ${typeof input === "object" ? millis : input} must be above 0`)
}

const optionKinds: KindsOf<Options<unknown>> = {
  retryable: func,
  include: texts,
  exclude: texts,
  defects: flag,
  timeout: anything
}

const numberKinds: KindsOf<Numbers> = {
  maxRetries: anything,
  delay: anything,
  backoff: flag,
  maxDelay: anything,
  jitter: flag,
  blocking: flag,
  logEvery: anything
}

/** Throws for what callers without types hand in and would have no effect. */
const known = (options: unknown, kinds: Kinds): void => {
  const found = problemOf("options", options, kinds)
  if (found !== undefined) throw new Error(`a retry policy cannot be made: ${found.field}: ${found.problem}`)
}

const check = <E>(schedule: unknown, options: Options<E, string>): number => {
  if (!Schedule.isSchedule(schedule)) {
    throw new Error(
      `${shown(schedule)} is not a Schedule; use e.g. Schedule.spaced("1 minute"), or Retry.settings for numbers`
    )
  }
  known(options, { ...optionKinds })
  if (options.include !== undefined && options.exclude !== undefined) {
    throw new Error("a retry policy takes include or exclude, not both")
  }
  return options.timeout === undefined ? Infinity : positive("timeout", options.timeout)
}

const pass: OnFailure.Decision = { _tag: "Pass", otherwise: "Stop" }
const retry: OnFailure.Decision = { _tag: "Retry" }
const toDeadLetter: OnFailure.Decision = { _tag: "Pass", otherwise: "DeadLetter" }

/** There the topic does the waiting. A record that was redriven begins in one, without a retry that counts. */
const isInRetryTopic = ({ record, retries, topic }: OnFailure.Failure<any>): boolean =>
  retries > 0 || record.topic !== topic

/**
 * Runs the handler again, in place: the partition waits, or with concurrency `{ keys }` the key, and everything else
 * goes on, until about `chunkRecords` of a partition wait. Any schedule will do; it sees the handler's error. When it
 * is over the consumer stops, unless another policy follows (`OnFailure.andThen`). Waiting holds up neither a
 * rebalance nor the end, and the number of attempts is kept with the committed offset, so that a maximum stays one
 * across restarts.
 *
 * In a retry topic it passes: there the topic does the waiting. Several in a chain count the same attempts; delays that
 * follow each other belong into one schedule (`Schedule.concat`).
 *
 * **When to use**: when order matters, and the failure is likely to be over soon.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { OnFailure, Retry } from "millrace"
 *
 * export const policy = Retry.blocking(Schedule.exponential("100 millis").pipe(Schedule.upTo({ times: 5 }))).pipe(
 *   OnFailure.andThen(OnFailure.deadLetter)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const blocking: {
  <E = unknown, R = never, E2 extends E = E, const Tags extends string = never>(
    schedule: Schedule.Schedule<unknown, E, never, R>,
    options?: Options<E2, Tags>
  ): OnFailure.OnFailure<E2, R, Tags>
  <E, R = never>(
    schedule: Schedule.Schedule<unknown, E, never, R>,
    options?: Options<E>
  ): OnFailure.OnFailure<E, R>
} = <E, R>(
  schedule: Schedule.Schedule<unknown, E, never, R>,
  options: Options<E, string> = {}
): OnFailure.OnFailure<E, R> => {
  const timeoutMs = check(schedule, options)
  return fromDecision<E, R>("retry in place", { waits: true }, (failure) => {
    if (isInRetryTopic(failure) || !isRetryable(options, timeoutMs, failure)) return Effect.succeed(pass)
    return Effect.map(
      nextDelay(schedule, failure, errorOf(failure.cause)),
      (delay): OnFailure.Decision => delay === undefined ? pass : { _tag: "Wait", delay }
    )
  })
}

/**
 * Routes the record to retry topics, `<group>.<topic>.retry.1` and so on, from which the group's retry consumer runs
 * the same handler when the record is due; the partition goes on at once. The schedule is enumerated when the consumer
 * starts: each of its delays is a topic, equal ones in a row share one. When it is over the record goes to the dead
 * letter topic, unless another policy follows (`OnFailure.andThen`). Poison goes there at once.
 *
 * Order is not kept: later records of the partition overtake. Refused are schedules that depend on the error or on the
 * time of day, and those that need more than 8 topics. Jitter is left out. More than 32 766 retries are as good as no
 * end: records do not count further.
 *
 * **When to use**: when the delays are long, or one failure must not hold up the others.
 *
 * @example
 * ```ts
 * import { Schedule } from "effect"
 * import { Retry } from "millrace"
 *
 * // After 10, 20 and 40 seconds, then the dead letter topic.
 * export const policy = Retry.nonBlocking(Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 3 })))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const nonBlocking: {
  <E = unknown, const Tags extends string = never>(
    schedule: Schedule.Schedule<unknown, unknown>,
    options?: Options<E, Tags>
  ): OnFailure.OnFailure<E, never, Tags>
  <E>(schedule: Schedule.Schedule<unknown, unknown>, options?: Options<E>): OnFailure.OnFailure<E>
} = <E>(
  schedule: Schedule.Schedule<unknown, unknown>,
  options: Options<E, string> = {}
): OnFailure.OnFailure<E> => {
  const timeoutMs = check(schedule, options)
  return fromDecision<E>(
    "retry topics",
    { schedules: [schedule], deadLetter: true },
    (failure) =>
      Effect.suspend((): Effect.Effect<OnFailure.Decision> => {
        if (!isRetryable(options, timeoutMs, failure)) return Effect.succeed(toDeadLetter)
        const decision = failure.retries < failure.maxRetries ? retry : toDeadLetter
        return Effect.as(checkDelay(schedule, failure.retries, errorOf(failure.cause)), decision)
      })
  )
}

/**
 * What {@link settings} takes besides {@link Options}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Numbers {
  /** How many retries; -1: without an end. */
  readonly maxRetries: number
  /** How long before the first retry, and before each without `backoff`. */
  readonly delay: Duration.Input
  /** Whether the delay doubles from retry to retry. Default `false`. */
  readonly backoff?: boolean | undefined
  /** The longest delay, with `backoff`. Default: no limit. */
  readonly maxDelay?: Duration.Input | undefined
  /** Whether delays of retries in place vary by up to a fifth. Default `false`. */
  readonly jitter?: boolean | undefined
  /** Whether the record is retried in place; else through retry topics. Default `true`. */
  readonly blocking?: boolean | undefined
  /** Logs each n-th attempt. Default: none. */
  readonly logEvery?: number | undefined
}

/**
 * Retries by plain numbers, as the settings of django-kafka name them; then the dead letter topic, unless another
 * policy follows (`OnFailure.andThen`). Throws for numbers that have no meaning.
 *
 * @example
 * ```ts
 * import { Retry } from "millrace"
 *
 * export const policy = Retry.settings({ maxRetries: 5, delay: "1 minute", backoff: true, blocking: false })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category policies
 */
export const settings: {
  <E = unknown, const Tags extends string = never>(
    options: Options<E, Tags> & Numbers
  ): OnFailure.OnFailure<E, never, Tags>
  <E>(options: Options<E> & Numbers): OnFailure.OnFailure<E>
} = <E>(options: Options<E, string> & Numbers): OnFailure.OnFailure<E> => {
  known(options, { ...optionKinds, ...numberKinds })
  const { backoff = false, delay, jitter = false, logEvery, maxDelay, maxRetries } = options
  if (!Number.isSafeInteger(maxRetries) || maxRetries < -1) {
    throw new Error(`maxRetries ${maxRetries} is not a whole number of at least 0, or -1 for ever`)
  }
  if (positive("delay", delay) === Infinity) throw new Error("delay must have an end")
  if (logEvery !== undefined && !(Number.isSafeInteger(logEvery) && logEvery > 0)) {
    throw new Error(`logEvery ${logEvery} is not a whole number of at least 1`)
  }
  const isBlocking = options.blocking ?? true
  if (!isBlocking && maxRetries >= maxAttempts) {
    throw new Error(`maxRetries ${maxRetries} is more than retry topics count, ${maxAttempts - 1}; use -1 for ever`)
  }
  let schedule: Schedule.Schedule<unknown, unknown> = backoff ? Schedule.exponential(delay) : Schedule.spaced(delay)
  if (maxDelay !== undefined) {
    positive("maxDelay", maxDelay)
    schedule = Schedule.min([schedule, Schedule.spaced(maxDelay)])
  }
  if (jitter && isBlocking) schedule = Schedule.jittered(schedule)
  if (maxRetries >= 0) schedule = Schedule.upTo(schedule, { times: maxRetries })
  const { defects, exclude, include, retryable, timeout } = options
  const tagged: Options<E, any> = { defects, exclude, include, retryable, timeout }
  const retries = isBlocking ? blocking<E>(schedule, tagged) : nonBlocking<E>(schedule, tagged)
  const policy = fromDecision<E>(
    `${retries.words}, then dead letter`,
    { ...retries.needs, deadLetter: true },
    (failure) => Effect.map(retries.decide(failure), (decision) => decision._tag === "Pass" ? toDeadLetter : decision)
  )
  if (logEvery === undefined) return policy
  return fromDecision<E>(policy.words, policy.needs, (failure) => {
    const { attempts, cause, record } = failure
    if (attempts === 0 || attempts % logEvery !== 0) return policy.decide(failure)
    const place = `${record.topic}/${record.partition} offset ${record.offset}`
    const line = `attempt ${attempts} of ${place} failed`
    return Effect.andThen(logCause(Effect.logWarning, line, cause), policy.decide(failure))
  })
}
