/** The worker of a partition whose reader says itself which records are done. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Handler from "../../Handler.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { logCause } from "../shared/causes.ts"
import { PartitionReader } from "./partitionReader.ts"
import type { Work } from "./workerHost.ts"

type StreamCall = Extract<Handler.Call<never>, { readonly _tag: "Stream" }>

const endedEarly = new Error("the reader ended before its stream did: it has to read to the end")

/** Why the reader failed, if it did: an interruption because the partition is given up is no failure. */
const failureOf = (
  { goesOn, phase }: PartitionState,
  reader: PartitionReader,
  exit: Exit.Exit<unknown, unknown>
): Cause.Cause<unknown> | undefined => {
  if (phase === "fenced") return undefined
  if (Exit.isSuccess(exit)) return goesOn && !reader.isDone ? Cause.die(endedEarly) : undefined
  return Cause.hasInterruptsOnly(exit.cause) && !goesOn ? undefined : exit.cause
}

/** Stops the partition at the first record that is not committed. */
const stop = ({ host: { group }, state }: Work, reader: PartitionReader, cause: Cause.Cause<unknown>) => {
  const { partition, phase, topic } = state
  state.stopAt(new HandlerFailed<unknown>({ group, topic, partition, offset: reader.openOffset, cause }))
  state.fail()
  // The run is ending, so nothing else would report this.
  const line = `the reader of ${topic}/${partition} failed while its partition was given up`
  return phase === "draining" ? logCause(Effect.logWarning, line, cause) : Effect.void
}

/**
 * Runs the reader until it is done with the partition. When it is interrupted it still waits for records that the
 * reader has in hand: the next worker of the partition must not begin before they are done.
 */
export const streamWorker = (work: Work, { read }: StreamCall): Effect.Effect<void> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const reader = new PartitionReader(work)
      const exit = yield* Effect.exit(restore(read(reader)))
      const failure = failureOf(work.state, reader, exit)
      if (failure !== undefined) yield* stop(work, reader, failure)
      yield* reader.returned
    })
  )
