/**
 * Everything that uses the fetch budget: how much is polled, which partitions pause, what handled records give back.
 */
import type { Chunk, ConsumerClient } from "../../engine/KafkaEngine.ts"
import { allowance, isCrowded, isReserved, type Limits, limitsFor } from "../partition/fetchBudget.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Signal } from "../shared/signal.ts"
import type { LoopContext } from "./loopContext.ts"
import { type Ownership, tp } from "./ownership.ts"
import { anyHungry, mayResume, Pauses } from "./pauses.ts"

/** The part of a chunk before an offset, or `undefined` when there is none. */
const upTo = (chunk: Chunk, end: number): Chunk | undefined => {
  const records = chunk.records.filter((record) => record.offset < end)
  return records.length === 0 ? undefined : { ...chunk, records, next: end }
}

/** Owned by the run loop; `release` is called by workers. */
export class Fetching {
  private readonly context: LoopContext
  private readonly client: ConsumerClient
  private readonly ownership: Ownership
  private readonly signal: Signal
  /** The client may have records. */
  private readable = true
  /** The last poll returned records: there may be more right away. */
  private again = false
  /** The budget is getting short: pauses have to be decided before the next tick. */
  private crowded = false
  private holdsBack = false
  private readonly pauses = new Pauses()

  constructor(context: LoopContext, client: ConsumerClient, ownership: Ownership, signal: Signal) {
    this.context = context
    this.client = client
    this.ownership = ownership
    this.signal = signal
  }

  /** The client may have records: it said so, a partition was assigned, or a seek moved one. */
  readonly expect = (): void => {
    this.readable = true
  }

  /** Whether the next step should follow at once. */
  get isBusy(): boolean {
    return this.again
  }

  /** Whether the client was asked for all that it had, and will say when there is more. */
  get isSettled(): boolean {
    return !this.again && !this.readable && !this.isUsedUp
  }

  /**
   * Polls within the budget. If there is none left, or the run is ending, it only shows the client that it is alive.
   */
  fetch(ticked: boolean, ending: boolean): void {
    this.again = false
    const { assignment } = this.ownership
    const limits = this.limits()
    const allowed = ending ? { records: 0, bytes: 0 } : this.allowance(limits)
    if (allowed.records === 0) {
      if (ticked) this.client.poll(0, 0)
      this.handOver(assignment)
      return
    }
    if (!this.readable && !ticked) return
    // Partitions that began to wait since the last poll, or crowd others out, must not get more of the budget.
    if (this.context.plan.retrying || this.crowded) this.balancePauses()
    if (this.holdsBack) {
      if (ticked) this.client.poll(0, 0)
      this.handOver(assignment)
      return
    }
    const chunks = this.client.poll(allowed.records, allowed.bytes)
    this.readable = this.again = chunks.length > 0
    for (const chunk of chunks) this.route(chunk)
    if (isCrowded(limits, assignment.buffered)) this.crowded = true
    if (this.isUsedUp) this.handOver(assignment)
  }

  /** Whether nothing more is fetched for a partition before something is given back. */
  readonly isFull = (state: PartitionState): boolean => state.paused && !state.suspended || this.isUsedUp

  private get isUsedUp(): boolean {
    return this.holdsBack || this.allowance(this.limits()).records === 0
  }

  /** Batches that wait for more would wait until their time is over. */
  private handOver(states: Iterable<PartitionState>): void {
    for (const state of states) if (state.isGathering) state.signal.raise()
  }

  /** Pauses and resumes partitions, at a tick or as soon as the budget is getting short. */
  balance(ticked: boolean): void {
    if (this.crowded || ticked) this.balancePauses()
  }

  /** Gives back the budget of records that are handled. */
  readonly release = (state: PartitionState, records: number, bytes: number): void => {
    const { assignment } = this.ownership
    const limits = this.limits()
    const { buffered, size } = assignment
    assignment.release(state, records, bytes)
    // What a stream read without a commit ends a bounded read, too.
    if (state.reachedEnd) this.signal.raise()
    const room = limits.maxRecords - limits.chunkRecords
    if (buffered.records > room && assignment.bufferedRecords <= room) this.signal.raise()
    if (buffered.bytes >= limits.maxBytes && assignment.bufferedBytes < limits.maxBytes) this.signal.raise()
    if (isReserved(limits, size, buffered)) {
      const isHungry = state.bufferedRecords === 0
      if (isHungry) this.crowded = true
      if (isHungry || !isReserved(limits, size, assignment.buffered)) this.signal.raise()
    }
    if (state.paused && mayResume(limits, assignment, state, this.now())) {
      this.crowded = true
      this.signal.raise()
    }
  }

  /**
   * Gives a chunk to its worker. A chunk of a partition that is draining, held or gone is dropped.
   */
  private route(chunk: Chunk): void {
    const { assignment } = this.ownership
    const state = assignment.get(chunk.topic, chunk.partition)
    if (state === undefined) return
    if (!state.goesOn) return state.drop(chunk)
    if (chunk.records.length === 0) {
      state.passed(chunk.next)
      if (state.end !== undefined && chunk.next >= state.end) this.reached(state, state.end)
      return
    }
    const wanted = state.end === undefined || chunk.next <= state.end ? chunk : upTo(chunk, state.end)
    if (wanted !== undefined) assignment.offer(state, wanted)
    if (state.end !== undefined && chunk.next >= state.end) this.reached(state, state.end)
  }

  /** Everything of a partition before this offset is here. Behind the end of a bounded read nothing is fetched. */
  reached(state: PartitionState, offset: number): void {
    state.sawEnd(offset)
    if (state.isDelivered && !state.paused) this.ownership.setPaused([state], true)
  }

  private balancePauses(): void {
    const { holdsBack, pause, resume } = this.pauses.choose(this.limits(), this.ownership.assignment, this.now())
    // Looked at again with the next step, for as long as something is held back.
    this.crowded = this.holdsBack = holdsBack
    if (pause.length > 0) {
      this.context.publish({ _tag: "Paused", partitions: pause.map(tp) })
      this.context.paused(pause.length)
      this.ownership.setPaused(pause, true)
      this.handOver(pause)
    }
    if (resume.length > 0) {
      this.context.publish({ _tag: "Resumed", partitions: resume.map(tp) })
      this.ownership.setPaused(resume, false)
    }
  }

  private allowance(limits: Limits) {
    const { assignment } = this.ownership
    const { buffered, size } = assignment
    // Asked where it matters alone.
    return allowance(limits, buffered, size, !isReserved(limits, size, buffered) || anyHungry(assignment))
  }

  private limits(): Limits {
    return limitsFor(this.context.plan, this.ownership.assignment.size)
  }

  private now(): number {
    return this.context.clock.currentTimeMillisUnsafe()
  }
}
