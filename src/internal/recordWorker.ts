/** The worker of a partition whose records are handled one after the other. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Pending } from "../Codec.ts"
import type { Chunk } from "../engine/KafkaEngine.ts"
import type { Outcome } from "../Outcome.ts"
import type * as Record from "../Record.ts"
import { CallScope } from "./callScope.ts"
import { judge, nextChunk, noExceptions } from "./workerHost.ts"
import type { Work } from "./workerHost.ts"

type Run = (record: Record.Record<any, any, any>) => Effect.Effect<unknown, any, any>

/**
 * Decodes one record and calls the handler. What a codec throws becomes a failure; what the handler throws, before it
 * answers an effect, dies in the fiber like any defect.
 */
export const callHandler = (work: Work, run: Run, raw: Chunk["records"][number]): Effect.Effect<unknown, any, any> => {
  let record
  try {
    record = work.decode(raw)
  } catch (poison) {
    return Effect.fail(poison)
  }
  return record instanceof Pending ? Effect.flatMap(record.effect, run) : run(record)
}

/** Handles a chunk from its first record on; ends early when the partition drains, is fenced, or stopped. */
const handleChunk = Effect.fnUntraced(function*(work: Work, run: Run, scope: CallScope, chunk: Chunk) {
  const { host, state } = work
  const { records } = chunk
  const last = records.length - 1
  const startedAt = host.clock.currentTimeMillisUnsafe()
  let exceptions: ReadonlyArray<Outcome> = noExceptions
  let i = 0
  const advance = () => {
    state.position = i === last ? chunk.next : records[i]!.offset + 1
    state.leaderEpoch = records[i]!.leaderEpoch
    state.steps++
    i++
  }
  // One loop per chunk, not one effect per record: it is left only for a failure, a used scope, or to stop.
  const segment = Effect.whileLoop({
    while: () => i <= last && state.mayRun && !scope.used,
    body: () => {
      state.current = records[i]!.offset
      return callHandler(work, run, records[i]!)
    },
    step: advance
  })
  while (i <= last && state.isActive) {
    if (state.suspended) {
      state.current = undefined
      yield* state.signal.wait
      continue
    }
    const exit = yield* scope.run(segment)
    if (Exit.isFailure(exit)) {
      // Interrupted because the budget is over or the partition is lost: nobody's failure.
      if (!state.isActive) break
      const outcomes = yield* judge(work, [records[i]!], exit.cause)
      if (outcomes === undefined) break
      exceptions = [...exceptions, ...outcomes]
      advance()
    }
  }
  state.current = undefined
  host.release(state, records.length, chunk.bytes)
  if (i > 0) {
    host.progressed(state)
    yield* host.emit(state, {
      topic: state.topic,
      partition: state.partition,
      from: records[0]!.offset,
      to: records[i - 1]!.offset,
      handled: i - exceptions.length,
      duration: host.clock.currentTimeMillisUnsafe() - startedAt,
      exceptions
    })
  }
})

/** Works until the partition is given up or stops. */
export const recordWorker = Effect.fnUntraced(function*(work: Work, run: Run) {
  const scope = new CallScope()
  while (true) {
    const chunk = yield* nextChunk(work.state)
    if (chunk === undefined) return
    yield* handleChunk(work, run, scope, chunk)
  }
})
