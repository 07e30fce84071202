/** Makes retry topics from a schedule: steps through it once, on a virtual clock, and makes a topic of each delay. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Tier } from "../../RetryTopic.ts"
import { hash } from "../shared/hash.ts"
import { maxAttempts } from "./retryState.ts"

/** The retry topics of a policy. */
export interface Tiers {
  readonly tiers: ReadonlyArray<Tier>
  /** How many deliveries there are at most: the first one and every retry. */
  readonly maxAttempts: number
  /** Equal for equal tiers, so that records of an earlier policy can be recognized. */
  readonly policy: string
}

/** A policy with more topics than this is a mistake, and refused. */
const maxTiers = 8

/** How many steps are compared at two different times of day. */
const compared = 256

interface Probed {
  readonly tiers: ReadonlyArray<Tier>
  readonly retries: number
  /**
   * Why the probing ended: the schedule was over, had too many different delays (`crowded`), a delay that is infinite
   * (`endless`), or did not end within the limit (`open`).
   */
  readonly end: "over" | "crowded" | "endless" | "open"
}

/** Always the middle of the range: jitter then changes nothing. */
const middle: Random.Random = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }

interface Time {
  now: number
}

/** A virtual clock: shows whether a schedule depends on the time of day, and its sleeps take no time. */
const clockOf = (time: Time): Clock.Clock => {
  const millis = () => time.now
  const nanos = () => BigInt(millis()) * 1_000_000n
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: () => Effect.void
  }
}

/** In place of the error. */
interface Decoy {
  readonly input: unknown
  /** Whether the schedule looked at it. */
  readonly seen: () => boolean
}

/** A value that cannot tell whether it is looked at. */
const plain = (input: unknown): Decoy => ({ input, seen: () => false })

/** Errors of every kind that a schedule can tell apart without a look inside. */
const primitives: ReadonlyArray<unknown> = [undefined, "", "error", 0, 1, false, true, 0n, Symbol("error"), () => {}]

/** Notices when the schedule looks inside of it. */
const decoy = (): Decoy => {
  let touched = false
  const touch = (): void => {
    touched = true
  }
  const input = new Proxy({}, {
    get: touch,
    has: () => (touch(), false),
    ownKeys: () => (touch(), []),
    getPrototypeOf: () => (touch(), null),
    getOwnPropertyDescriptor: () => (touch(), undefined)
  })
  return { input, seen: () => touched }
}

const refused = (problem: string): KafkaError => invalidSetting("onFailure", problem)

const driven = () =>
  refused(
    "the schedule of a non-blocking retry looks at the error, but its retry topics are fixed when the consumer starts; "
      + "decide by retryable, include or exclude, and let the schedule say the delays alone"
  )

const timed = () =>
  refused(
    "the schedule of a non-blocking retry depends on the time of day (as Schedule.cron does), but each retry "
      + "topic has one fixed delay; use Schedule.spaced, fixed, exponential, fibonacci or recurs"
  )

const lengthOf = (millis: number): string => millis % 1000 === 0 ? `${millis / 1000} seconds` : `${millis} millis`

/** The error for too many delays. Suggests a cap, which is one of the delays that have a topic. */
const tooMany = ({ retries, tiers }: Probed) => {
  const highest = tiers.at(-1)!.delay
  const grow = tiers.every(({ delay }, i) => i === 0 || delay > tiers[i - 1]!.delay)
  const cap = `cap the delays with Schedule.min([schedule, Schedule.spaced("${lengthOf(highest)}")]) (maxDelay of `
    + "Retry.settings), or "
  return refused(
    `the schedule of a non-blocking retry needs more than ${maxTiers} retry topics, one for each different delay; `
      + `${grow ? cap : ""}end it with Schedule.upTo({ times: ${retries} })`
  )
}

const endless = () => refused("the schedule of a non-blocking retry has a delay without an end; give it a finite one")

const broken = (cause: Cause.Cause<unknown>): KafkaError =>
  refused(
    `the schedule of a non-blocking retry cannot be asked for its delays when the consumer starts: ${
      Cause.prettyErrors(cause)[0]?.message ?? "it was interrupted"
    }`
  )

/** Steps through a schedule with one error, beginning at a time, at most `limit` times. */
const probe = Effect.fnUntraced(
  function*(schedule: Schedule.Schedule<unknown, unknown>, time: Time, limit: number, error: Decoy = decoy()) {
    const tiers: Array<{ index: number; delay: number; attempts: number }> = []
    let retries = 0
    const exit = yield* Effect.exit(Effect.gen(function*() {
      const step = yield* Schedule.toStep(schedule)
      for (; retries < limit && !error.seen(); retries++) {
        const [, duration] = yield* step(time.now, error.input)
        // A negative delay is no delay, as for `Effect.retry`.
        const delay = Math.max(0, Math.round(Duration.toMillis(duration)))
        if (!Number.isSafeInteger(delay)) return "endless"
        time.now = Math.min(time.now + delay, Number.MAX_SAFE_INTEGER)
        const last = tiers.at(-1)
        if (last?.delay === delay) last.attempts++
        else if (tiers.length === maxTiers) return "crowded"
        else tiers.push({ index: tiers.length + 1, delay, attempts: 1 })
      }
      return "open"
    }))
    if (error.seen()) return yield* driven()
    if (Exit.isFailure(exit) && !Pull.isDoneCause(exit.cause)) return yield* broken(exit.cause)
    return { tiers, retries, end: Exit.isSuccess(exit) ? exit.value : "over" } satisfies Probed
  },
  (effect, _, time) => Effect.provideService(effect, Clock.Clock, clockOf(time)),
  Effect.provideService(Random.Random, middle)
)

const policyOf = (tiers: ReadonlyArray<Tier>): string =>
  hash(tiers.map(({ attempts, delay }) => `${delay}x${attempts}`).join())

/** No retry topics: a failed record goes to the dead letter topic, or nowhere. */
export const none: Tiers = { tiers: [], maxAttempts: 1, policy: policyOf([]) }

/** Kept per schedule: stepping through an endless one takes some 50 ms, and handlers may share it. */
const plans = new WeakMap<Schedule.Schedule<unknown, unknown>, Tiers>()

/**
 * The tiers of a schedule. Delays are rounded to milliseconds, jitter is dropped. A schedule that depends on the error
 * or the time of day, or has too many different delays, is refused.
 */
export const plan = Effect.fnUntraced(
  function*(schedule: Schedule.Schedule<unknown, unknown>): Effect.fn.Return<Tiers, KafkaError> {
    const known = plans.get(schedule)
    if (known !== undefined) return known
    const first = yield* probe(schedule, { now: 0 }, compared)
    // At another time of day it has to be the same.
    const again = yield* probe(schedule, { now: 1_234_567 }, compared)
    if (first.end !== again.end || policyOf(first.tiers) !== policyOf(again.tiers)) return yield* timed()
    for (const error of primitives) {
      const other = yield* probe(schedule, { now: 0 }, compared, plain(error))
      if (first.end !== other.end || policyOf(first.tiers) !== policyOf(other.tiers)) return yield* driven()
    }
    // Headers count attempts up to `maxAttempts`: a schedule with as many retries is treated as endless.
    const all: Probed = first.end === "open" ? yield* probe(schedule, { now: 0 }, maxAttempts) : first
    if (all.end === "crowded") return yield* tooMany(all)
    if (all.end === "endless") return yield* endless()
    const last = all.tiers.length - 1
    const tiers = all.tiers.map((tier, i) => i === last && all.end === "open" ? { ...tier, attempts: Infinity } : tier)
    const made: Tiers = {
      tiers,
      maxAttempts: all.end === "over" ? all.retries + 1 : Infinity,
      policy: policyOf(tiers)
    }
    plans.set(schedule, made)
    return made
  }
)

/** The same with a topic for each retry, as some applications have it; `undefined` without an end. */
export const separate = (plan: Tiers): Tiers | undefined => {
  if (plan.maxAttempts === Infinity) return undefined
  const delays = plan.tiers.flatMap(({ attempts, delay }) => Array.from({ length: attempts }, () => delay))
  return { ...plan, tiers: delays.map((delay, i) => ({ index: i + 1, delay, attempts: 1 })) }
}

/** The tier of the next retry after `retriesDone` of them, or `undefined` when there is none. */
export const tierOf = (plan: Tiers, retriesDone: number): Tier | undefined => {
  let room = 0
  return plan.tiers.find(({ attempts }) => retriesDone < (room += attempts))
}

/**
 * Dies when the schedule would decide otherwise about this error than it did when it was asked for its delays: no trial
 * finds a schedule that compares errors with one value. Later retries than the `compared` ones are not checked.
 */
export const checkDelay = Effect.fnUntraced(
  function*(schedule: Schedule.Schedule<unknown, unknown>, retriesDone: number, error: unknown) {
    if (retriesDone >= compared) return
    const exit = yield* Effect.exit(
      Effect.zip(plan(schedule), probe(schedule, { now: 0 }, retriesDone + 1, plain(error)))
    )
    if (Exit.isFailure(exit)) return yield* Effect.die(Cause.squash(exit.cause))
    const [planned, { retries, tiers }] = exit.value
    const delay = retries > retriesDone ? tiers.at(-1)!.delay : undefined
    if (delay !== tierOf(planned, retriesDone)?.delay) return yield* Effect.die(driven())
  }
)
