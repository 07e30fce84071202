/** What a partition worker needs of the run loop, and what all kinds of workers do alike. */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { RawRecord, TopicPartition } from "../engine/KafkaEngine.ts"
import { HandlerFailed } from "../HandlerFailed.ts"
import type * as OnFailure from "../OnFailure.ts"
import type { Outcome, OutcomeBatch } from "../Outcome.ts"
import { Poison } from "../Poison.ts"
import type { Decode } from "./decoding.ts"
import type { PartitionState } from "./partitionState.ts"

/** The run loop, as workers see it. Everything but `emit` is synchronous and cheap. */
export interface WorkerHost {
  readonly group: string
  readonly clock: Clock.Clock
  /** Gives back fetch budget. */
  readonly release: (state: PartitionState, records: number, bytes: number) => void
  /** Says that the position of this partition moved. */
  readonly progressed: (state: PartitionState) => void
  /** Says that the policy stopped this partition while others of its records are still in work. */
  readonly failed: (state: PartitionState) => void
  /** Reports a finished step; waits while the reader of the outcome stream is slow. */
  readonly emit: (state: PartitionState, batch: OutcomeBatch) => Effect.Effect<void>
  readonly skipped: (partition: TopicPartition, offset: number, cause: Cause.Cause<unknown>) => void
}

/** What a worker works with. */
export interface Work {
  readonly host: WorkerHost
  readonly state: PartitionState
  readonly decode: Decode
  readonly onFailure: OnFailure.OnFailure<any, any>
}

/** No exceptions: shared, so that a clean step allocates none. */
export const noExceptions: ReadonlyArray<Outcome> = []

/** How a cause counts. An interruption of the handler by itself is treated as a defect: nobody else asked for it. */
const kindOf = (cause: Cause.Cause<unknown>): OnFailure.Kind => {
  for (const reason of cause.reasons) {
    if (Cause.isFailReason(reason)) return reason.error instanceof Poison ? "poison" : "error"
  }
  return "defect"
}

const undecided: OnFailure.Decision = { _tag: "Stop" }

/**
 * Asks the policy what to do. A policy that itself dies means stop: nothing may get lost by a bug in it.
 */
const decide = (work: Work, failure: OnFailure.Failure<any>): Effect.Effect<OnFailure.Decision, never, any> =>
  Effect.catchCause(
    work.onFailure.decide(failure),
    (cause) => Effect.as(Effect.logError("the failure policy failed; stopping", cause), undecided)
  )

/**
 * From failure to consequence, the one place where a failed record is judged. Answers the outcomes to report when the
 * work goes on behind the records, or `undefined` when it stopped and the state says why.
 */
export const judge = Effect.fnUntraced(function*(
  work: Work,
  records: ReadonlyArray<RawRecord>,
  cause: Cause.Cause<any>
): Effect.fn.Return<ReadonlyArray<Outcome> | undefined, never, any> {
  const { host, state } = work
  const record = records[0]!
  const kind = kindOf(cause)
  const attempts = kind === "poison" ? 0 : 1
  const failedAt = host.clock.currentTimeMillisUnsafe()
  const decision = yield* decide(work, {
    kind,
    group: host.group,
    topic: record.topic,
    record,
    records,
    attempts,
    retries: 0,
    firstFailedAt: failedAt,
    failedAt,
    cause,
    maxRetries: 0,
    memory: new Map()
  })
  if (decision._tag === "Skip") {
    return records.map((skipped) => {
      host.skipped(state, skipped.offset, cause)
      return { _tag: "Skipped", offset: skipped.offset, attempts, cause }
    })
  }
  state.failure = new HandlerFailed<unknown>({
    group: host.group,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    cause
  })
  return undefined
})

/**
 * The next chunk, or `undefined` when the worker is to end. The chunk stays counted as buffered.
 */
export const nextChunk = Effect.fnUntraced(function*(state: PartitionState) {
  while (state.isActive) {
    const chunk = state.suspended ? undefined : state.take()
    if (chunk !== undefined) return chunk
    yield* state.signal.wait
  }
  return undefined
})
