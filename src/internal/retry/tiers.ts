/** Retry topics from a schedule: it is asked for all its delays once, by a virtual clock, and each delay is a topic. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Tier } from "../../RetryTopics.ts"
import { maxAttempts } from "./retryState.ts"

/** The retry topics of a policy. */
export interface Plan {
  readonly tiers: ReadonlyArray<Tier>
  /** Deliveries in all: the first one and every retry. */
  readonly maxAttempts: number
  /** The same for the same tiers, so that records of an older policy can be told. */
  readonly policy: string
}

/** More topics than this are an oversight, not a policy. */
const maxTiers = 8

/** Steps that both probes make. */
const compared = 256

/** No header counts further than to `maxAttempts`, so more retries than this are as good as no end. */
const mostRetries = maxAttempts - 1

interface Probed {
  readonly tiers: ReadonlyArray<Tier>
  readonly retries: number
  readonly ended: boolean
}

/** With the middle of all random numbers, so that jitter falls away. */
const middle: Random.Random = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }

/** In place of the error: tells whether the schedule looked at it. */
const decoy = (): { readonly input: object; readonly seen: () => boolean } => {
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

const tooMany = () =>
  refused(
    `the schedule of a non-blocking retry needs more than ${maxTiers} retry topics, one for each different delay; cap `
      + `the delays with Schedule.min([schedule, Schedule.spaced("1 hour")]), or end it with `
      + `Schedule.upTo({ times: ${maxTiers} })`
  )

const endless = () => refused("the schedule of a non-blocking retry has a delay without an end; give it a finite one")

const broken = (cause: Cause.Cause<unknown>): KafkaError =>
  refused(
    `the schedule of a non-blocking retry cannot be asked for its delays when the consumer starts: ${
      Cause.prettyErrors(cause)[0]?.message ?? "it was interrupted"
    }`
  )

/** All delays from `start` on, up to `limit` of them. */
const probe = Effect.fnUntraced(function*(schedule: Schedule.Schedule<unknown, unknown>, start: number, limit: number) {
  const error = decoy()
  const step = yield* Schedule.toStep(schedule)
  const tiers: Array<{ index: number; delay: number; attempts: number }> = []
  let now = start
  let retries = 0
  for (; retries < limit; retries++) {
    const exit = yield* Effect.exit(Effect.suspend(() => step(now, error.input)))
    if (error.seen()) return yield* driven()
    if (Exit.isFailure(exit)) {
      if (!Pull.isDoneCause(exit.cause)) return yield* broken(exit.cause)
      return { tiers, retries, ended: true } satisfies Probed
    }
    const delay = Math.round(Duration.toMillis(exit.value[1]))
    if (!Number.isSafeInteger(delay)) return yield* endless()
    now = Math.min(now + delay, Number.MAX_SAFE_INTEGER)
    const last = tiers.at(-1)
    if (last?.delay === delay) last.attempts++
    else if (tiers.length === maxTiers) return yield* tooMany()
    else tiers.push({ index: tiers.length + 1, delay, attempts: 1 })
  }
  return { tiers, retries, ended: false } satisfies Probed
}, Effect.provideService(Random.Random, middle))

/** The delays that both probes went through. */
const firstOf = ({ tiers }: Probed): string => {
  let left = compared
  let text = ""
  for (const { attempts, delay } of tiers) {
    if (left === 0) break
    const some = Math.min(attempts, left)
    left -= some
    text += `${delay}x${some},`
  }
  return text
}

/** FNV-1a. */
const hash = (text: string): string => {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return (value >>> 0).toString(16).padStart(8, "0")
}

const policyOf = (tiers: ReadonlyArray<Tier>): string =>
  hash(tiers.map(({ attempts, delay }) => `${delay}x${attempts}`).join())

/** No retry topics at all: what fails goes to the dead letter topic, or nowhere. */
export const none: Plan = { tiers: [], maxAttempts: 1, policy: policyOf([]) }

/** A schedule without an end takes half a second to ask, and several handlers may share one. */
const plans = new WeakMap<Schedule.Schedule<unknown, unknown>, Plan>()

/**
 * The tiers of a schedule. Delays are rounded to milliseconds, jitter is dropped. Refused are schedules that look at
 * the error or at the time of day, and those with too many different delays.
 */
export const plan = Effect.fnUntraced(
  function*(schedule: Schedule.Schedule<unknown, unknown>): Effect.fn.Return<Plan, KafkaError> {
    const known = plans.get(schedule)
    if (known !== undefined) return known
    const all = yield* probe(schedule, 0, mostRetries)
    // Another time has to make no difference.
    const again = yield* probe(schedule, 1_234_567, compared)
    if (firstOf(all) !== firstOf(again)) return yield* timed()
    const last = all.tiers.length - 1
    const tiers = all.tiers.map((tier, i) => i === last && !all.ended ? { ...tier, attempts: Infinity } : tier)
    const made: Plan = {
      tiers,
      maxAttempts: all.ended ? all.retries + 1 : Infinity,
      policy: policyOf(tiers)
    }
    plans.set(schedule, made)
    return made
  }
)

/** The tier of the next retry after so many, or `undefined` when there are no more. */
export const tierOf = (plan: Plan, retriesDone: number): Tier | undefined => {
  let room = 0
  return plan.tiers.find(({ attempts }) => retriesDone < (room += attempts))
}
