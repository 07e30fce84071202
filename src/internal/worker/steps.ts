/**
 * The steps of a partition whose records are handled one after the other; each step is a chunk. A step with copies on
 * their way stays open while the next steps are handled, and is reported when the broker has all of its copies.
 *
 * The position stays before the first copy that the broker has not acknowledged.
 */
import * as Effect from "effect/Effect"
import type { Chunk } from "../../engine/KafkaEngine.ts"
import type { Outcome } from "../../Outcome.ts"
import type { Copy, Unsendable } from "../retry/router.ts"
import { settled, unsendable } from "./judge.ts"
import { noExceptions, type Work } from "./workerHost.ts"

/**
 * A chunk and what became of its records. `count`: how many, from its beginning, are handled or have copies on the way.
 */
export interface Step {
  readonly chunk: Chunk
  readonly startedAt: number
  exceptions: Array<Outcome> | undefined
  copies: Array<Copy> | undefined
  count: number
}

/** With this many copies on their way the next chunk has to wait: each keeps its record in memory. */
const mostCopies = 2_000
const mostSteps = 16

/** Owned by one worker. */
export class Steps {
  private readonly work: Work
  private readonly open: Array<Step> = []
  /** Copies without an acknowledgement, after the first `arrived` ones, in the order of their records. */
  private copies: Array<Copy> = []
  private arrived = 0
  /** The leader epoch of the record before each of them. */
  private epochs: Array<number | undefined> = []
  /** The position when all copies are acknowledged. */
  private end: number | undefined
  private lastEpoch: number | undefined
  private unsent: Unsendable | undefined
  /** Whether a copy failed, or found no space at the client: nothing more is handled until it is settled. */
  isHeldBack = false

  constructor(work: Work) {
    this.work = work
  }

  begin(chunk: Chunk): Step {
    const startedAt = this.work.host.clock.currentTimeMillisUnsafe()
    return { chunk, startedAt, exceptions: undefined, copies: undefined, count: 0 }
  }

  get isEmpty(): boolean {
    return this.open.length === 0
  }

  /** Whether copies have to be acknowledged before more records are handled. */
  get isFull(): boolean {
    const { copies } = this
    return this.open.length >= mostSteps || copies.length - this.arrived >= mostCopies || this.isHeldBack
  }

  /** Adds copies of records of a step. */
  add(step: Step, copies: ReadonlyArray<Copy>): void {
    step.copies ??= []
    for (const copy of copies) {
      copy.arrived = this.onArrival
      step.copies.push(copy)
      this.copies.push(copy)
      this.epochs.push(this.lastEpoch)
      this.work.state.sent(1)
      if (!copy.taken || copy.error !== undefined) this.isHeldBack = true
    }
  }

  /** Everything before `next` is handled, or has a copy on the way. */
  reached(next: number, leaderEpoch: number | undefined): void {
    this.lastEpoch = leaderEpoch
    if (this.copies.length === 0) this.work.state.advance(next, leaderEpoch)
    else {
      this.end = next
      this.move()
    }
  }

  /** Nothing more of a chunk will be handled: reports it, or keeps it open until its copies are acknowledged. */
  close(step: Step): Effect.Effect<void> {
    if (this.isEmpty && step.copies === undefined) return this.report(step, step.count)
    this.open.push(step)
    return this.reportComplete()
  }

  /** Reports open steps, from the oldest on, as far as their copies are acknowledged. */
  reportComplete(): Effect.Effect<void> {
    if (this.isEmpty || !isComplete(this.open[0]!)) return Effect.void
    return Effect.whileLoop({
      while: () => !this.isEmpty && isComplete(this.open[0]!),
      body: () => {
        const step = this.open.shift()!
        return this.report(step, step.count)
      },
      step: () => {}
    })
  }

  /**
   * Waits for all copies, sending again those that failed, also when the policy said stop: the next owner must find the
   * copies of the records before it. A copy that cannot be sent ends the worker.
   */
  readonly settle = Effect.fnUntraced({ self: this as Steps }, function*() {
    const { router, source, state } = this.work
    state.rest()
    this.unsent ??= yield* Effect.ensuring(
      router!.settle(state, source, this.copies.slice(this.arrived)),
      Effect.sync(() => this.move())
    )
    if (this.unsent !== undefined) unsendable(this.work, this.unsent)
    yield* this.reportComplete()
  })

  /** Settles all copies, and reports open steps up to the position. */
  readonly finish = Effect.fnUntraced({ self: this as Steps }, function*() {
    const { state } = this.work
    yield* this.settle()
    const position = state.position ?? -1
    for (const step of this.open.splice(0)) {
      let count = 0
      while (count < step.count && step.chunk.records[count]!.offset < position) count++
      yield* this.report(step, count)
    }
  })

  private readonly onArrival = ({ error }: Copy): void => {
    if (error !== undefined) {
      this.isHeldBack = true
      return
    }
    this.move()
    this.work.host.progressed(this.work.state)
  }

  /** Moves the position as far as copies are acknowledged. */
  private move(): void {
    const { copies, work: { state } } = this
    if (copies.length === 0) return
    const before = this.arrived
    while (this.arrived < copies.length && copies[this.arrived]!.acknowledged) this.arrived++
    const { arrived } = this
    state.arrived(arrived - before)
    if (arrived < copies.length) {
      if (arrived > before) state.advance(copies[arrived]!.record.offset, this.epochs[arrived])
      return
    }
    this.copies = []
    this.epochs = []
    this.arrived = 0
    this.isHeldBack = false
    // Only if something was handled after the last copy.
    if (this.end !== undefined) state.advance(this.end, this.lastEpoch)
    this.end = undefined
  }

  /** Gives the chunk's budget back, and reports the records that are done: `count` from its beginning. */
  private report({ chunk, exceptions, copies, startedAt }: Step, count: number): Effect.Effect<void> {
    const { host, state } = this.work
    const { bytes, partition, records, topic } = chunk
    host.release(state, records.length, bytes)
    if (count === 0) return Effect.void
    const to = records[count - 1]!.offset
    const told = exceptions === undefined && copies === undefined
      ? noExceptions
      : [...exceptions ?? [], ...settled(this.work, copies ?? [])]
        .filter(({ offset }) => offset <= to)
        .sort((a, b) => a.offset - b.offset)
    host.progressed(state)
    return host.emit(state, {
      topic,
      partition,
      from: records[0]!.offset,
      to,
      handled: count - told.length,
      duration: host.clock.currentTimeMillisUnsafe() - startedAt,
      exceptions: told
    })
  }
}

const isComplete = ({ copies }: Step): boolean =>
  copies === undefined || copies.every(({ acknowledged }) => acknowledged)
