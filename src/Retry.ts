/**
 * Retries as failure policies: in place, where the partition (or the key) waits, or through retry topics, where it does
 * not.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { nextDelay } from "./internal/retry/blocking.ts"
import { errorOf, tagOf } from "./internal/retry/failureText.ts"
import { maxAttempts } from "./internal/retry/retryState.ts"
import { logCause, readOr } from "./internal/shared/causes.ts"
import * as OnFailure from "./OnFailure.ts"

/**
 * Which failures are retried; the others pass to what stands behind the policy. Poison never is: it fails the same way
 * each time.
 *
 * - `retryable` (default: every typed error): a predicate on the handler's error.
 * - `include`, `exclude` (default: none): error tags (`_tag`); of errors without one their `name`, or their class. Not
 *   both.
 * - `defects` (default `true`): whether a defect, a bug of the handler, is retried as well.
 * - `timeout` (default: none): what fails so long after the first failure of the record is not retried again.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options<in E> {
  readonly retryable?: ((error: E) => boolean) | undefined
  readonly include?: ReadonlyArray<string> | undefined
  readonly exclude?: ReadonlyArray<string> | undefined
  readonly defects?: boolean | undefined
  readonly timeout?: Duration.Input | undefined
}

/** Many errors are told apart by their class alone: whoever extends `Error` has its name. */
const isOneOf = (cause: Cause.Cause<unknown>, names: ReadonlyArray<string>): boolean => {
  const error = errorOf(cause)
  return names.includes(tagOf(cause))
    || typeof error === "object" && error !== null && readOr(() => names.includes(error.constructor?.name), false)
}

const isRetryable = <E>(options: Options<E>, timeoutMs: number, failure: OnFailure.Failure<E>): boolean => {
  if (failure.kind === "poison") return false
  if (failure.failedAt - failure.firstFailedAt >= timeoutMs) return false
  if (options.include !== undefined && !isOneOf(failure.cause, options.include)) return false
  if (options.exclude !== undefined && isOneOf(failure.cause, options.exclude)) return false
  if (failure.kind === "defect") return options.defects ?? true
  // A failure of kind `error` holds an error of the handler.
  return options.retryable === undefined || options.retryable(errorOf(failure.cause) as E)
}

const positive = (name: string, input: Duration.Input): number => {
  const millis = Duration.toMillis(Duration.fromInputUnsafe(input))
  if (millis > 0) return millis
  throw new Error(`${name} ${typeof input === "object" ? millis : input} must be longer than nothing`)
}

const check = <E>(options: Options<E>): number => {
  if (options.include !== undefined && options.exclude !== undefined) {
    throw new Error("a retry policy takes include or exclude, not both")
  }
  return options.timeout === undefined ? Infinity : positive("timeout", options.timeout)
}

const pass: OnFailure.Decision = { _tag: "Pass" }

/** There the topic does the waiting. A record that was redriven begins in one, without a retry that counts. */
const isInRetryTopic = ({ record, retries, topic }: OnFailure.Failure<any>): boolean =>
  retries > 0 || record.topic !== topic

/**
 * Runs the handler again, in place: the partition waits, or with concurrency `{ keys }` the key, and everything else
 * goes on, until about `chunkRecords` of a partition wait. Any schedule will do; it sees the handler's error. When it
 * is over the consumer stops, unless something else stands behind it (`OnFailure.andThen`). Waiting holds up neither a
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
export const blocking = <E = unknown, R = never, E2 extends E = E>(
  schedule: Schedule.Schedule<unknown, E, never, R>,
  options: Options<E2> = {}
): OnFailure.OnFailure<E2, R> => {
  const timeoutMs = check(options)
  return OnFailure.make<E2, R>(
    (failure) => {
      if (isInRetryTopic(failure) || !isRetryable(options, timeoutMs, failure)) return Effect.succeed(pass)
      return Effect.map(
        nextDelay(schedule, failure, errorOf(failure.cause)),
        (delay): OnFailure.Decision => delay === undefined ? pass : { _tag: "Wait", delay }
      )
    },
    { waits: true }
  )
}

/**
 * Routes the record to retry topics, `<group>.<topic>.retry.1` and so on, from which the group's retry consumer runs
 * the same handler when the record is due; the partition goes on at once. The schedule is enumerated when the consumer
 * starts: each of its delays is a topic, equal ones in a row share one. When it is over the record goes to the dead
 * letter topic, unless something else stands behind it (`OnFailure.andThen`). Poison goes there at once.
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
export const nonBlocking = <E = unknown>(
  schedule: Schedule.Schedule<unknown, unknown>,
  options: Options<E> = {}
): OnFailure.OnFailure<E> => {
  const timeoutMs = check(options)
  return OnFailure.make<E>(
    (failure) =>
      Effect.sync((): OnFailure.Decision =>
        failure.retries < failure.maxRetries && isRetryable(options, timeoutMs, failure) ? { _tag: "Retry" } : pass
      ),
    { schedules: [schedule], deadLetter: true },
    { _tag: "DeadLetter" }
  )
}

/**
 * Retries by plain numbers, as the settings of django-kafka say them: `maxRetries` (-1: for ever), `delay`, doubled
 * from retry to retry with `backoff` up to `maxDelay` (default: none), in place or not (`blocking`, default `true`);
 * then the dead letter topic, unless something else stands behind it (`OnFailure.andThen`). `jitter` (default `false`)
 * varies the delays of blocking ones by up to a fifth. `logEvery` logs each n-th attempt (default: none). What cannot
 * be meant throws.
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
export const settings = <E = unknown>(
  options: Options<E> & {
    readonly maxRetries: number
    readonly delay: Duration.Input
    readonly backoff?: boolean | undefined
    readonly maxDelay?: Duration.Input | undefined
    readonly jitter?: boolean | undefined
    readonly blocking?: boolean | undefined
    readonly logEvery?: number | undefined
  }
): OnFailure.OnFailure<E> => {
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
  const { decide, needs } = isBlocking ? blocking<E>(schedule, options) : nonBlocking<E>(schedule, options)
  const policy = OnFailure.make<E>(decide, { ...needs, deadLetter: true }, { _tag: "DeadLetter" })
  if (logEvery === undefined) return policy
  return OnFailure.make<E>(
    (failure) => {
      const { attempts, cause, record } = failure
      if (attempts === 0 || attempts % logEvery !== 0) return policy.decide(failure)
      const place = `${record.topic}/${record.partition} offset ${record.offset}`
      const line = `attempt ${attempts} of ${place} failed`
      return Effect.andThen(logCause(Effect.logWarning, line, cause), policy.decide(failure))
    },
    policy.needs,
    policy.last
  )
}
