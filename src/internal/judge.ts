/** From failure to consequence: the one place where a failed record is judged. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { RawRecord } from "../engine/KafkaEngine.ts"
import { HandlerFailed } from "../HandlerFailed.ts"
import type * as OnFailure from "../OnFailure.ts"
import type { Outcome } from "../Outcome.ts"
import { Poison } from "../Poison.ts"
import * as RetryHeaders from "./retry/retryHeaders.ts"
import type { Destination, Hop, Unsendable } from "./retry/router.ts"
import { tierOf } from "./retry/tiers.ts"
import { type Wait, waitOut } from "./waits.ts"
import type { Work } from "./workerHost.ts"

/**
 * - `Again`: the handler is to be run once more.
 * - `Done`: the work goes on behind the records.
 * - `Routed`: so it does, as far as the records are concerned; they are done when their copies are settled.
 * - `Stopped`: the state says why, or the partition is being given up.
 */
export type Verdict =
  | { readonly _tag: "Again" }
  | { readonly _tag: "Done"; readonly outcomes: ReadonlyArray<Outcome> }
  | { readonly _tag: "Routed"; readonly hops: ReadonlyArray<Hop> }
  | { readonly _tag: "Stopped" }

const again: Verdict = { _tag: "Again" }
const stopped: Verdict = { _tag: "Stopped" }
const stop: OnFailure.Decision = { _tag: "Stop" }

/** How a cause counts. An interruption of the handler by itself is treated as a defect: nobody else asked for it. */
const kindOf = (cause: Cause.Cause<unknown>): OnFailure.Kind => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return reason.error instanceof Poison ? "poison" : "error"
  }
  return "defect"
}

/** Stops the partition at a record; a copy that could not be sent, or a limit, is told as well. */
const stopAt = (
  { host, state }: Work,
  record: RawRecord,
  cause: Cause.Cause<unknown>,
  more: Pick<HandlerFailed<unknown>, "problem" | "routing"> = { problem: undefined, routing: undefined }
): Verdict => {
  const { offset, partition, topic } = record
  state.failure = new HandlerFailed<unknown>({ group: host.group, topic, partition, offset, cause, ...more })
  return stopped
}

/** Stops the partition at the record whose copy cannot be sent. */
export const unsendable = (work: Work, { error, hop }: Unsendable): void => {
  stopAt(work, hop.record, hop.cause, {
    problem: `its copy for topic "${hop.message.topic}" cannot be sent: ${error.message}`,
    routing: error
  })
}

/** What became of records whose copies are settled. One that was given up by hand is told like any that is skipped. */
export const settled = ({ host, state }: Work, hops: ReadonlyArray<Hop>): ReadonlyArray<Outcome> =>
  hops.map(({ outcome }) => {
    if (outcome._tag === "Skipped") host.skipped(state, outcome.offset, outcome.cause)
    return outcome
  })

const failureOf = (
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<any>
): OnFailure.Failure<any> => {
  const { host, retrying, state, topics, tier } = work
  const record = records[0]!
  const kind = kindOf(cause)
  const failedAt = host.clock.currentTimeMillisUnsafe()
  const carried = retrying
    // django-kafka's records carry the number of their attempt in the name of the topic alone.
    ? RetryHeaders.read(record, { attempts: tier === undefined ? undefined : tier.index + 1 })
    : undefined
  const failing = state.failings.failed(record.offset, kind !== "poison", failedAt, carried)
  const { offset, partition, topic } = carried?.origin ?? record
  return {
    kind,
    group: work.topology.group,
    topic: work.source,
    origin: { topic: carried?.origin === undefined ? work.source : topic, partition, offset },
    record,
    records,
    attempts: failing.executions,
    retries: carried === undefined ? 0 : carried.attempts - 1,
    firstFailedAt: failing.firstFailedAt,
    failedAt,
    cause,
    maxRetries: topics === undefined ? 0 : topics.plan.maxAttempts - 1,
    memory: failing.memory
  }
}

/** Asks the policy what to do. A policy that itself dies means stop: nothing may get lost by a bug in it. */
const decide = (work: Work, failure: OnFailure.Failure<any>): Effect.Effect<OnFailure.Decision, never, any> =>
  Effect.catchCause(
    Effect.suspend(() => work.onFailure.decide(failure)),
    (cause) => Effect.as(Effect.logError("the failure policy failed; stopping", cause), stop)
  ).pipe(Effect.map((decision) => decision._tag === "Pass" ? work.onFailure.last : decision))

const skip = (work: Work, failure: OnFailure.Failure<any>): Verdict => {
  const { attempts, cause, records } = failure
  work.state.failings.settled(records[0]!.offset)
  return {
    _tag: "Done",
    outcomes: records.map(({ offset }): Outcome => {
      work.host.skipped(work.state, offset, cause)
      return { _tag: "Skipped", offset, attempts, cause }
    })
  }
}

const wait = Effect.fnUntraced(function*(
  work: Work,
  failure: OnFailure.Failure<any>,
  delay: number
): Effect.fn.Return<Verdict> {
  const { host, state } = work
  const { attempts, cause, failedAt, record } = failure
  const made: Wait = {
    offset: record.offset,
    kind: "retry",
    attempts,
    since: failedAt,
    until: failedAt + Math.max(0, delay),
    cause,
    signal: host.makeSignal(),
    order: undefined
  }
  host.waiting(state, made)
  const verdict = yield* waitOut(state, host.clock, made)
  return verdict === "over" ? again : verdict === "skip" ? skip(work, failure) : stopped
})

const route = (work: Work, failure: OnFailure.Failure<any>, to: Destination): Verdict => {
  const { retrying, router, state, topics } = work
  const { records } = failure
  state.failings.settled(records[0]!.offset)
  return {
    _tag: "Routed",
    hops: records.map((record) => router!.start(record, failure, topics!, to, retrying))
  }
}

const deadLetter = (work: Work, failure: OnFailure.Failure<any>, topic: string): Verdict => {
  const { cause, record } = failure
  const problem = work.limit?.exceeds(work.state.steps)
  return problem === undefined
    ? route(work, failure, { _tag: "DeadLetter", topic })
    : stopAt(work, record, cause, { problem: `the limit of dead letters is reached: ${problem}`, routing: undefined })
}

/** Decides about records that failed: one, or those of a batch. */
export const judge = Effect.fnUntraced(function*(
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<any>
): Effect.fn.Return<Verdict, never, any> {
  const { router, topics } = work
  const failure = failureOf(work, records, cause)
  const decision = yield* decide(work, failure)
  switch (decision._tag) {
    case "Skip":
      return skip(work, failure)
    case "Wait":
      return yield* wait(work, failure, decision.delay)
    case "Retry": {
      const tier = topics === undefined ? undefined : tierOf(topics.plan, failure.retries)
      if (tier !== undefined) return route(work, failure, { _tag: "Tier", tier: topics!.tiers[tier.index - 1]! })
      return topics?.needsDeadLetter === true
        ? deadLetter(work, failure, topics.deadLetter)
        : stopAt(work, failure.record, cause, {
          problem: "its policy decided to retry, but has no retry topic left; say in `needs` what it uses",
          routing: undefined
        })
    }
    case "DeadLetter": {
      // Its topic may be another one than those of `needs`, but the usual one was made only if it was asked for.
      const unsaid = decision.topic === undefined && topics?.needsDeadLetter === false
      if (router === undefined || topics === undefined || unsaid) {
        const problem = "its policy decided on a dead letter without saying so in `needs`"
        return stopAt(work, failure.record, cause, { problem, routing: undefined })
      }
      return deadLetter(work, failure, decision.topic ?? topics.deadLetter)
    }
    default:
      return stopAt(work, failure.record, cause)
  }
})
