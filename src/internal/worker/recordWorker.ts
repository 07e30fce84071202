/** The worker of a partition whose records are handled one after the other. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Pending } from "../../Codec.ts"
import type { Chunk } from "../../engine/KafkaEngine.ts"
import type * as Record from "../../Record.ts"
import { effectOf } from "../shared/effectOf.ts"
import { CallScope } from "./callScope.ts"
import { isOwnFailure, judge } from "./judge.ts"
import { Steps } from "./steps.ts"
import type { Work } from "./workerHost.ts"
import { more, take } from "./workerHost.ts"

type Run = (record: Record.Record<any, any, any>) => Effect.Effect<unknown, unknown>

/**
 * Decodes one record and calls the handler. What a codec throws becomes a failure. What the handler function throws
 * before it returns an effect is a defect.
 */
export const callHandler = (work: Work, run: Run, raw: Chunk["records"][number]): Effect.Effect<unknown, unknown> => {
  if (work.isPassed?.(raw) === true) return Effect.void
  let record
  try {
    record = work.decode(raw)
  } catch (poison) {
    return Effect.fail(poison)
  }
  return record instanceof Pending
    ? Effect.flatMap(work.state.decoding(raw.offset, record.effect), (record) => effectOf(run(record), "the handler"))
    : effectOf(run(record), "the handler")
}

/** Handles a chunk from its first record on; ends early when the partition drains, is fenced, or stopped. */
const handleChunk = Effect.fnUntraced(function*(work: Work, run: Run, scope: CallScope, steps: Steps, chunk: Chunk) {
  const { state } = work
  const { records } = chunk
  const last = records.length - 1
  const step = steps.begin(chunk)
  let i = 0
  /** The record is done. It counts when what its call acquired is released, too. */
  const advance = () => {
    const { leaderEpoch, offset } = records[i]!
    steps.reached(i === last ? chunk.next : offset + 1, leaderEpoch)
    state.finished(offset)
    i++
  }
  // The handler of `records[i]` has returned.
  let isCalled = false
  // One loop per chunk, not one effect per record: it is left only for a failure, a used scope, or to stop.
  const segment = Effect.whileLoop({
    while: () => {
      if (scope.used) return false
      if (isCalled) {
        isCalled = false
        advance()
      }
      return i <= last && state.mayRun && !steps.isHeldBack
    },
    body: () => {
      state.begin(records[i]!.offset)
      return callHandler(work, run, records[i]!)
    },
    step: () => {
      isCalled = true
    }
  })
  const decided = () => state.rest()
  while (i <= last && state.goesOn) {
    if (steps.isHeldBack) {
      yield* steps.settle()
      continue
    }
    if (state.suspended) {
      state.rest()
      yield* state.signal.wait
      continue
    }
    const exit = yield* scope.run(segment)
    if (Exit.isSuccess(exit)) {
      if (isCalled) advance()
      isCalled = false
      continue
    }
    isCalled = false
    if (!isOwnFailure(state, exit.cause)) break
    const verdict = yield* judge(work, [records[i]!], exit.cause, decided)
    if (verdict._tag === "Again") continue
    if (verdict._tag === "Stopped") break
    if (verdict._tag === "Done") step.exceptions = [...step.exceptions ?? [], ...verdict.outcomes]
    else steps.add(step, verdict.copies)
    advance()
  }
  state.rest()
  step.count = i
  yield* steps.close(step)
})

/** Works until the partition is given up or stops. */
export const recordWorker = Effect.fnUntraced(function*(work: Work, run: Run) {
  const { observe, state } = work
  const scope = new CallScope()
  const steps = new Steps(work)
  while (true) {
    const chunk = state.goesOn && !steps.isFull ? take(work) : undefined
    if (chunk !== undefined) {
      if (observe !== undefined) yield* observe(chunk)
      yield* handleChunk(work, run, scope, steps, chunk)
    } else if (!steps.isEmpty) {
      yield* steps.finish()
    } else if (state.goesOn) {
      yield* more(work)
    } else {
      return
    }
  }
})
