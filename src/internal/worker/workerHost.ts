/** What a partition worker needs of the run loop, and how it gets its records. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Chunk, RawRecord, TopicPartition } from "../../engine/KafkaEngine.ts"
import type * as OnFailure from "../../OnFailure.ts"
import type { Outcome, OutcomeBatch } from "../../Outcome.ts"
import type { Decode } from "../codec/decoding.ts"
import type { DueGate } from "../partition/dueGate.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { sleep, type Wait } from "../partition/waits.ts"
import type { Router } from "../retry/router.ts"
import type { SourceTopics, Topology } from "../retry/topology.ts"
import type { Signal } from "../shared/signal.ts"
import type { DeadLetterCount } from "./deadLetterLimit.ts"

/** The run loop, as workers see it. Everything but `emit` is synchronous and cheap. */
export interface WorkerHost {
  readonly group: string
  readonly clock: Clock.Clock
  readonly makeSignal: () => Signal
  /** Gives back fetch budget. */
  readonly release: (state: PartitionState, records: number, bytes: number) => void
  /** Whether the partition is still this member's, in the assignment that the state belongs to. */
  readonly owns: (state: PartitionState) => boolean
  /** Says that the position of this partition moved. */
  readonly progressed: (state: PartitionState) => void
  /** Says that the policy stopped this partition while others of its records are still in work. */
  readonly failed: (state: PartitionState) => void
  /** Reports a finished step; waits while the reader of the outcome stream is slow. */
  readonly emit: (state: PartitionState, batch: OutcomeBatch) => Effect.Effect<void>
  readonly skipped: (partition: TopicPartition, offset: number, cause: Cause.Cause<unknown>) => void
  /** Whether nothing more is fetched for this partition before something is given back. */
  readonly isFull: (state: PartitionState) => boolean
  /** A record begins to wait for its next attempt. */
  readonly waiting: (state: PartitionState, wait: Wait) => void
}

/** What a worker works with. */
export interface Work {
  readonly host: WorkerHost
  readonly state: PartitionState
  readonly decode: Decode
  readonly onFailure: OnFailure.OnFailure<unknown>
  readonly topology: Topology
  /** The source topic: of records of a retry topic, the one that they were first read from. */
  readonly source: string
  readonly topics: SourceTopics | undefined
  /** Whether the records come from a retry topic. */
  readonly retrying: boolean
  /** The number of the delivery of records in this retry topic that have no header for it. */
  readonly delivery: number | undefined
  /** Recognizes records that are passed over: foreign ones, and those that an earlier owner finished. */
  readonly isPassed: ((record: RawRecord) => boolean) | undefined
  readonly router: Router | undefined
  readonly limit: DeadLetterCount | undefined
  readonly gate: DueGate | undefined
  /** Called with each chunk before its records are handled. */
  readonly observe: ((chunk: Chunk) => Effect.Effect<void>) | undefined
}

/** An empty list, shared so that a step without exceptions allocates none. */
export const noExceptions: ReadonlyArray<Outcome> = []

/** The records that may be handled now, if there are any. */
export const take = ({ gate, host, state }: Work): Chunk | undefined =>
  state.suspended ? undefined : gate === undefined ? state.take() : gate.take(host.clock.currentTimeMillisUnsafe())

/** Waits until there may be more to do (a chunk, a record that is due, another phase), at most `millis`. */
export const more = ({ gate, host, state }: Work, millis = Infinity): Effect.Effect<void> => {
  const due = gate?.dueAt
  const rest = due === undefined ? millis : Math.min(millis, due - host.clock.currentTimeMillisUnsafe())
  return rest === Infinity || state.suspended ? state.signal.wait : sleep(state.signal, rest)
}

/** Waits for the next chunk; `undefined` when the worker has to end. The chunk still counts as buffered. */
export const nextChunk = Effect.fnUntraced(function*(work: Work) {
  const { observe, state } = work
  while (state.goesOn) {
    const chunk = take(work)
    if (chunk !== undefined) {
      if (observe !== undefined) yield* observe(chunk)
      return chunk
    }
    yield* more(work)
  }
  return undefined
})
