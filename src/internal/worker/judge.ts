/**
 * Judges failed records: asks the policy and works out what its decision means. Nothing else decides about failures.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { RawRecord } from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import * as OnFailure from "../../OnFailure.ts"
import type { Outcome } from "../../Outcome.ts"
import { isPoison } from "../../Poison.ts"
import * as Source from "../../Source.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { type Wait, waitOut } from "../partition/waits.ts"
import * as RetryHeaders from "../retry/retryHeaders.ts"
import type { Copy, Destination, Unsendable } from "../retry/router.ts"
import { tierOf } from "../retry/tiers.ts"
import { logCause, messageOf } from "../shared/causes.ts"
import { effectOf } from "../shared/effectOf.ts"
import type { Work } from "./workerHost.ts"

/**
 * - `Again`: the worker runs the handler once more.
 * - `Done`: the worker goes on after the records.
 * - `Routed`: the worker goes on; these records count as done once the broker has their copies.
 * - `Stopped`: the worker ends. The state says why, or the partition is being given up.
 *
 * `isPart`: only some records of a batch are done; the handler is to be run again with the others.
 */
export type Verdict =
  | { readonly _tag: "Again" }
  | { readonly _tag: "Done"; readonly outcomes: ReadonlyArray<Outcome>; readonly isPart: boolean }
  | {
    readonly _tag: "Routed"
    readonly copies: ReadonlyArray<Copy>
    readonly skipped: ReadonlyArray<Outcome>
    readonly isPart: boolean
  }
  | { readonly _tag: "Stopped" }

/** The records are to wait, and do not yet: `wait` lets them, and returns the verdict. */
export interface Waits {
  readonly _tag: "Waits"
  readonly wait: Effect.Effect<Verdict>
}

const again: Verdict = { _tag: "Again" }
const stopped: Verdict = { _tag: "Stopped" }

/** The kind of a cause. A handler that interrupted itself counts as a defect, because nothing else interrupted it. */
const kindOf = (cause: Cause.Cause<unknown>): OnFailure.Kind => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return isPoison(reason.error) ? "poison" : "error"
  }
  return "defect"
}

/**
 * Whether a failure is judged. It is also judged when the handler ended in time while its partition drains. It is not
 * when the handler was interrupted because the drain budget was over, or because the partition was lost.
 */
export const isOwnFailure = (state: PartitionState, cause: Cause.Cause<unknown>): boolean =>
  state.isActive || state.phase !== "fenced" && !Cause.hasInterruptsOnly(cause)

/** Stops the partition at a record; `more` is for a copy that could not be sent, or a limit. */
const stopAt = (
  { host, state }: Work,
  record: RawRecord,
  cause: Cause.Cause<unknown>,
  more: Pick<HandlerFailed<unknown>, "problem" | "routing"> = { problem: undefined, routing: undefined }
): Verdict => {
  const { offset, partition, topic } = record
  state.stopAt(new HandlerFailed<unknown>({ group: host.group, topic, partition, offset, cause, ...more }))
  return stopped
}

/** Stops the partition at the record whose copy cannot be sent. */
export const unsendable = (work: Work, { error, copy }: Unsendable): void => {
  stopAt(work, copy.record, copy.cause, {
    problem: `its copy for topic "${copy.message.topic}" cannot be sent: ${error.message}`,
    routing: error
  })
}

/** Waits until the broker has all copies; stops the partition at the first that cannot be sent. */
export const settleCopies = (work: Work, copies: ReadonlyArray<Copy>): Effect.Effect<void> =>
  Effect.suspend(() => {
    work.state.sent(copies.length)
    return Effect.ensuring(
      Effect.map(work.router!.settle(work.state, work.source, copies), (failed) => {
        if (failed !== undefined) unsendable(work, failed)
      }),
      Effect.sync(() => work.state.arrived(copies.length))
    )
  })

/** The outcomes of records whose copies are settled. One that an operator gave up is reported as skipped. */
export const settled = ({ host, state }: Work, copies: ReadonlyArray<Copy>): ReadonlyArray<Outcome> =>
  copies.map(({ outcome }) => {
    if (outcome._tag === "Skipped") host.skipped(state, outcome.offset, outcome.cause)
    return outcome
  })

/** What the headers of a record from a retry topic say. */
const carriedBy = ({ delivery, retrying }: Work, record: RawRecord): RetryHeaders.RetryState | undefined =>
  retrying ? RetryHeaders.read(record, { attempts: delivery }) : undefined

const failureOf = (
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<unknown>
): OnFailure.Failure<unknown> => {
  const { host, state, topics } = work
  const record = records[0]!
  const kind = kindOf(cause)
  const failedAt = host.clock.currentTimeMillisUnsafe()
  const carried = carriedBy(work, record)
  const failing = state.failings.failed(record.offset, kind !== "poison", failedAt, carried)
  const origins = carried === undefined
    ? records
    : records.map((record) => carriedBy(work, record)?.origin ?? record)
  const { offset, partition, topic } = origins[0]!
  return {
    kind,
    group: work.topology.group,
    topic: work.source,
    origin: { topic, partition, offset },
    record,
    records,
    origins,
    attempts: failing.executions,
    retries: carried === undefined ? 0 : carried.attempts - 1,
    firstFailedAt: failing.firstFailedAt,
    failedAt,
    cause,
    maxRetries: topics === undefined ? 0 : topics.plan.maxAttempts - 1,
    memory: failing.memory
  }
}

/** Asks the policy what to do. A policy that itself dies means stop, so that a bug in it loses no record. */
const decide = (work: Work, failure: OnFailure.Failure<unknown>): Effect.Effect<Consequence> =>
  Effect.scoped(Effect.suspend(() => effectOf(work.onFailure.decide(failure), "a failure policy"))).pipe(
    Effect.map((decision) => consequenceOf(work, failure, OnFailure.last(decision))),
    Effect.catchCause((cause) =>
      Effect.as(
        logCause(Effect.logError, "the failure policy failed; stopping", cause),
        stopWith(`its policy failed: ${messageOf(Cause.squash(cause))}`)
      )
    )
  )

const skip = (work: Work, failure: OnFailure.Failure<unknown>): ReadonlyArray<Outcome> => {
  const { attempts, cause, records } = failure
  work.state.failings.settled(records[0]!.offset)
  return records.map(({ offset }): Outcome => {
    work.host.skipped(work.state, offset, cause)
    return { _tag: "Skipped", offset, attempts, cause }
  })
}

const wait = Effect.fnUntraced(function*(
  work: Work,
  failure: OnFailure.Failure<unknown>,
  delay: number
): Effect.fn.Return<Verdict> {
  const { host, state } = work
  // The attempt is committed with the position; the next owner of the partition makes the other attempts.
  if (!state.isActive) return stopped
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
  return verdict === "over"
    ? again
    : verdict === "skip"
    ? { _tag: "Done", outcomes: skip(work, failure), isPart: false }
    : stopped
})

/** A record of a retry topic that an operator skipped before it was due. No policy is asked, no attempt is counted. */
const skipHeld = (work: Work, record: RawRecord, cause: Cause.Cause<unknown>): Verdict => {
  const { offset } = record
  work.host.skipped(work.state, offset, cause)
  const attempts = carriedBy(work, record)?.executions ?? 0
  return { _tag: "Done", outcomes: [{ _tag: "Skipped", offset, attempts, cause }], isPart: false }
}

/** The failure of a batch, as it counts for one of its records: in a retry topic each record has its own attempts. */
const partOf = (work: Work, failure: OnFailure.Failure<unknown>, record: RawRecord): OnFailure.Failure<unknown> => {
  const own = record === failure.record ? undefined : carriedBy(work, record)
  if (own === undefined) return failure
  const first = carriedBy(work, failure.record)!
  const attempts = own.executions + failure.attempts - first.executions
  const firstFailedAt = Math.min(own.firstFailedAt ?? failure.firstFailedAt, failure.failedAt)
  return { ...failure, record, records: [record], attempts, firstFailedAt }
}

const route = (work: Work, failure: OnFailure.Failure<unknown>, to: Destination): ReadonlyArray<Copy> => {
  const { retrying, router, state, topics } = work
  const { records } = failure
  state.failings.settled(records[0]!.offset)
  return records.map((record) => router!.start(record, partOf(work, failure, record), topics!, to, retrying))
}

/**
 * The failures to be judged. A failed batch from a retry topic has one for each number of attempts, so that each record
 * gets as many as its policy says.
 */
const failuresOf = (
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<unknown>
): ReadonlyArray<OnFailure.Failure<unknown>> => {
  if (!work.retrying || records.length === 1) return [failureOf(work, records, cause)]
  const byAttempts = new Map<number, Array<RawRecord>>()
  for (const record of records) {
    const { attempts } = carriedBy(work, record)!
    const alike = byAttempts.get(attempts)
    if (alike === undefined) byAttempts.set(attempts, [record])
    else alike.push(record)
  }
  return Array.from(byAttempts.values(), (alike) => failureOf(work, alike, cause))
}

/** What a decision means, before it is carried out. */
type Consequence =
  | { readonly _tag: "Stop"; readonly problem: string | undefined }
  | { readonly _tag: "Skip" }
  | { readonly _tag: "Wait"; readonly delay: number }
  | { readonly _tag: "Route"; readonly to: Destination }
  | { readonly _tag: "Part"; readonly records: ReadonlyArray<RawRecord>; readonly of: Leaving }

/** The consequences that take records out of a batch, so that the others can be handled without them. */
type Leaving = Extract<Consequence, { readonly _tag: "Skip" | "Route" }>

const stopWith = (problem: string | undefined): Consequence => ({ _tag: "Stop", problem })

const deadLetter = (topic: string): Consequence => ({ _tag: "Route", to: { _tag: "DeadLetter", topic } })

/** Whether a dead letter in this topic would come back to the handler that it failed in. */
const leadsBack = ({ source, topology }: Work, topic: string): boolean =>
  topology.handlers.some((handler) => Source.matches(handler.source, source) && Source.matches(handler.source, topic))
  || topology.placeOf(topic) !== undefined

const consequenceOf = (
  work: Work,
  failure: OnFailure.Failure<unknown>,
  decision: OnFailure.Decision
): Consequence => {
  const { router, topics } = work
  switch (decision._tag) {
    case "Skip":
    case "Wait":
      return decision
    case "Retry": {
      const tier = topics === undefined ? undefined : tierOf(topics.plan, failure.retries)
      if (tier !== undefined) return { _tag: "Route", to: { _tag: "Tier", tier: topics!.tiers[tier.index - 1]! } }
      return topics?.needsDeadLetter === true
        ? deadLetter(topics.deadLetter)
        : stopWith("its policy decided to retry, but has no retry topic left; say in `uses` what it uses")
    }
    case "DeadLetter": {
      // The usual topic exists only if `needs` asked for it; a topic that the decision names may be any.
      const unsaid = decision.topic === undefined && topics?.needsDeadLetter === false
      if (decision.topic !== undefined && leadsBack(work, decision.topic)) {
        return stopWith(
          `its policy decided to send it to "${decision.topic}", which this consumer reads: it would go in a circle`
        )
      }
      return router === undefined || topics === undefined || unsaid
        ? stopWith("its policy decided on a dead letter without saying so in `uses`")
        : deadLetter(decision.topic ?? topics.deadLetter)
    }
    case "Part": {
      const of = consequenceOf(work, failure, decision.decision)
      return of._tag === "Skip" || of._tag === "Route" ? { _tag: "Part", records: decision.records, of } : of
    }
    default:
      return stopWith(undefined)
  }
}

/**
 * Why these dead letters would be too many, or `undefined`; then they are counted. Called when all is decided: records
 * of a batch that waits would be counted at each attempt.
 */
const limitOf = (
  { limit }: Work,
  failures: ReadonlyArray<OnFailure.Failure<unknown>>,
  consequences: ReadonlyArray<Consequence>,
  stepOf: (record: RawRecord) => number
): string | undefined => {
  if (limit === undefined) return undefined
  const steps = consequences.flatMap((consequence, i) =>
    consequence._tag === "Route" && consequence.to._tag === "DeadLetter" ? failures[i]!.records.map(stepOf) : []
  )
  const problem = steps.length === 0 ? undefined : limit.exceeds(steps.sort((a, b) => a - b))
  return problem === undefined ? undefined : `the limit of dead letters is reached: ${problem}`
}

/** Decides like `judge`, for records behind others that are not done: those are to be done before these wait. */
export const judgeAhead = Effect.fnUntraced(function*(
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<unknown>,
  decided: (waits: boolean) => void,
  stepOf: (record: RawRecord) => number = () => work.state.steps
): Effect.fn.Return<Verdict | Waits> {
  work.state.turn()
  if (work.gate?.skips.delete(records[0]!.offset) === true) {
    decided(false)
    return skipHeld(work, records[0]!, cause)
  }
  let failures = failuresOf(work, records, cause)
  let consequences: Array<Consequence> = []
  let isPart = false
  for (const failure of failures) {
    const consequence = yield* decide(work, failure)
    if (consequence._tag === "Part") {
      const [record] = consequence.records
      failures = [{ ...partOf(work, failure, record!), record: record!, records: consequence.records }]
      consequences = [consequence.of]
      isPart = true
      break
    }
    if (consequence._tag === "Stop") {
      return stopAt(work, records[0]!, cause, { problem: consequence.problem, routing: undefined })
    }
    if (consequence._tag === "Wait") {
      const waiting = Effect.suspend(() => {
        decided(true)
        return wait(work, { ...failure, records }, consequence.delay)
      })
      return { _tag: "Waits", wait: waiting }
    }
    consequences.push(consequence)
  }
  const problem = limitOf(work, failures, consequences, stepOf)
  if (problem !== undefined) return stopAt(work, records[0]!, cause, { problem, routing: undefined })
  decided(false)
  let copies: ReadonlyArray<Copy> = []
  let skipped: ReadonlyArray<Outcome> = []
  failures.forEach((failure, i) => {
    const consequence = consequences[i]!
    if (consequence._tag === "Route") copies = copies.concat(route(work, failure, consequence.to))
    else skipped = skipped.concat(skip(work, failure))
  })
  return copies.length === 0 ? { _tag: "Done", outcomes: skipped, isPart } : { _tag: "Routed", copies, skipped, isPart }
})

/**
 * Decides about records that failed: one, or those of a batch, which stops or waits as a whole. `decided` is called
 * before anything is done, with whether the records wait. `stepOf` counts the records of the partition before one.
 */
export const judge = (...how: Parameters<typeof judgeAhead>): Effect.Effect<Verdict> =>
  Effect.flatMap(judgeAhead(...how), (verdict) => verdict._tag === "Waits" ? verdict.wait : Effect.succeed(verdict))
