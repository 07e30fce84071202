/** The worker of a partition whose records are handled one after the other. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Pending } from "../Codec.ts"
import type { Chunk } from "../engine/KafkaEngine.ts"
import type { Outcome } from "../Outcome.ts"
import type * as Record from "../Record.ts"
import { CallScope } from "./callScope.ts"
import { judge, settled, unsendable } from "./judge.ts"
import type { Hop } from "./retry/router.ts"
import { nextChunk, noExceptions } from "./workerHost.ts"
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

/**
 * Copies of this chunk's records that are on their way. Records behind them are handled meanwhile, but the position
 * stays before the first copy that the broker did not acknowledge.
 */
class Copies {
  private readonly work: Work
  private hops: Array<Hop> = []
  /** So many of the first ones are acknowledged. */
  private arrived = 0

  constructor(work: Work) {
    this.work = work
  }

  get isEmpty(): boolean {
    return this.hops.length === 0
  }

  private clear(): void {
    this.hops = []
    this.arrived = 0
  }

  /** Whether the client had no space for the last one. */
  get isHeldBack(): boolean {
    return !this.isEmpty && !this.hops[this.hops.length - 1]!.taken
  }

  add(hops: ReadonlyArray<Hop>): void {
    for (const hop of hops) this.hops.push(hop)
  }

  /** Books them when all are acknowledged by now: slow handlers behind them must not hold the position. */
  reap(exceptions: Array<Outcome>): void {
    const { hops } = this
    while (this.arrived < hops.length && hops[this.arrived]!.acknowledged) this.arrived++
    if (this.arrived < hops.length) return
    this.clear()
    exceptions.push(...settled(this.work, hops))
  }

  /** Waits for all of them. The position moves to `next`, or to the first record whose copy did not get there. */
  settle(next: number, exceptions: Array<Outcome>): Effect.Effect<void, never, any> {
    const { router, source, state } = this.work
    const { hops } = this
    this.clear()
    state.current = undefined
    return Effect.flatMap(
      Effect.ensuring(
        router!.settle(state, source, hops),
        Effect.sync(() => {
          const open = hops.findIndex(({ acknowledged }) => !acknowledged)
          if (open === -1) state.position = next
          else if (open > 0) state.position = hops[open]!.record.offset
          exceptions.push(...settled(this.work, open === -1 ? hops : hops.slice(0, open)))
        })
      ),
      (failed) => Effect.sync(() => failed === undefined ? undefined : unsendable(this.work, failed))
    )
  }
}

/** Handles a chunk from its first record on; ends early when the partition drains, is fenced, or stopped. */
const handleChunk = Effect.fnUntraced(function*(work: Work, run: Run, scope: CallScope, chunk: Chunk) {
  const { host, state } = work
  const { records } = chunk
  const last = records.length - 1
  const startedAt = host.clock.currentTimeMillisUnsafe()
  let exceptions: Array<Outcome> | undefined
  let copies: Copies | undefined
  let i = 0
  const reached = () => i > last ? chunk.next : records[i]!.offset
  const advance = () => {
    const next = i === last ? chunk.next : records[i]!.offset + 1
    if (copies?.isEmpty === false) copies.reap(exceptions ??= [])
    if (copies === undefined || copies.isEmpty) state.position = next
    state.leaderEpoch = records[i]!.leaderEpoch
    state.steps++
    state.failings.settled(records[i]!.offset)
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
  const settleCopies = () =>
    copies === undefined || copies.isEmpty ? Effect.void : copies.settle(reached(), exceptions ??= [])
  while (i <= last && state.isActive) {
    if (state.suspended) {
      state.current = undefined
      yield* state.signal.wait
      continue
    }
    const exit = yield* scope.run(segment)
    if (Exit.isSuccess(exit)) continue
    // Interrupted because the budget is over or the partition is lost: nobody's failure.
    if (!state.isActive) break
    const verdict = yield* judge(work, [records[i]!], exit.cause, () => {
      state.current = undefined
    })
    if (verdict._tag === "Again") continue
    if (verdict._tag === "Stopped") break
    if (verdict._tag === "Done") (exceptions ??= []).push(...verdict.outcomes)
    else (copies ??= new Copies(work)).add(verdict.hops)
    advance()
    if (copies?.isHeldBack === true) yield* settleCopies()
  }
  // Copies first, also where the policy said stop: whoever goes on behind that record must not lose those before it.
  const stopped = state.failure
  state.failure = undefined
  yield* settleCopies()
  state.failure ??= stopped
  state.current = undefined
  host.release(state, records.length, chunk.bytes)
  const to = state.position === undefined ? 0 : countBefore(records, state.position)
  if (to > 0) {
    const told = exceptions === undefined ? noExceptions : inOrder(exceptions, state.position!)
    host.progressed(state)
    yield* host.emit(state, {
      topic: state.topic,
      partition: state.partition,
      from: records[0]!.offset,
      to: records[to - 1]!.offset,
      handled: to - told.length,
      duration: host.clock.currentTimeMillisUnsafe() - startedAt,
      exceptions: told
    })
  }
})

/** How many of the records lie before a position. */
const countBefore = (records: Chunk["records"], position: number): number => {
  let count = records.length
  while (count > 0 && records[count - 1]!.offset >= position) count--
  return count
}

/** What lies before the position, in the order of the records: copies are told of when they are settled. */
const inOrder = (exceptions: ReadonlyArray<Outcome>, position: number): ReadonlyArray<Outcome> =>
  exceptions.filter(({ offset }) => offset < position).sort((a, b) => a.offset - b.offset)

/** Works until the partition is given up or stops. */
export const recordWorker = Effect.fnUntraced(function*(work: Work, run: Run) {
  const scope = new CallScope()
  while (true) {
    const chunk = yield* nextChunk(work)
    if (chunk === undefined) return
    yield* handleChunk(work, run, scope, chunk)
  }
})
