/**
 * What the run loop and the worker of one assigned partition share. All of it changes on one thread, without awaiting,
 * and through the verbs below alone.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Chunk, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { Signal } from "../shared/signal.ts"
import type { DueGate } from "./dueGate.ts"
import type { Failings } from "./failings.ts"
import { FifoQueue } from "./fifoQueue.ts"
import { InWork } from "./inWork.ts"
import type { Progress } from "./progress.ts"
import type { Wait } from "./waits.ts"

/**
 * - `active`: chunks are queued and handled.
 * - `draining`: no further record is started; the worker ends after the record in work.
 * - `held`: the policy said stop, and the consumer goes on without this partition.
 * - `fenced`: the partition is lost or given up; what its worker still does no longer counts.
 */
export type Phase = "active" | "draining" | "held" | "fenced"

/** An amount of the fetch budget. */
export interface Amount {
  readonly records: number
  readonly bytes: number
}

/** One partition within one epoch: each assignment, and each seek, makes a new state. */
export class PartitionState extends InWork implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** Wakes the worker: there is a chunk, or the phase changed. */
  readonly signal: Signal
  /** Records that wait for their next attempt. */
  readonly waits = new Set<Wait>()
  readonly progress: Progress
  /** Whether a fiber of the program has a record of it in hand, outside of its worker. */
  isLent = false
  /** Whether it has a stream that nobody has begun to read. */
  isUnread = false
  private currentPhase: Phase = "active"
  private isSuspended = false
  private isPaused = false
  private records = 0
  private bytes = 0
  /** Behind the last record that was offered, and behind what is empty after it. */
  private offeredTo = -1
  private emptyTo = -1
  private firstKnown: number | undefined = undefined
  private hasOffered = false
  private dropped: number | undefined = undefined
  private bound: number | undefined = undefined
  private logEnd: number | undefined = undefined
  private reports = 0
  private copies = 0
  private worker: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private hasEnded = false
  private stopped: HandlerFailed<unknown> | undefined = undefined
  private stopsAfter: HandlerFailed<unknown> | undefined = undefined
  private dueGate: DueGate | undefined = undefined
  private readonly queue = new FifoQueue<Chunk>()

  constructor(partition: TopicPartition, epoch: number, signal: Signal, progress: Progress) {
    super()
    this.topic = partition.topic
    this.partition = partition.partition
    this.epoch = epoch
    this.signal = signal
    this.progress = progress
  }

  // The phase, and what else decides whether records are started.

  get phase(): Phase {
    return this.currentPhase
  }

  /** No record is started any more; what is in work may end. */
  drain(): void {
    if (this.currentPhase === "active" || this.currentPhase === "held") this.currentPhase = "draining"
    this.wake()
  }

  /** The partition stays at the record where its policy said stop. */
  hold(): void {
    if (this.currentPhase === "active") this.currentPhase = "held"
  }

  /** Ends the ownership at once: what the worker still does no longer counts. */
  fence(): void {
    this.currentPhase = "fenced"
    this.wake()
  }

  /**
   * The policy said stop at a record. Nothing more is started, but records before it may still be finished, such as a
   * batch, or copies on their way. If it is called for several records, the first of them counts.
   */
  stopAt(failure: HandlerFailed<unknown>): void {
    if (this.stopsAfter === undefined || failure.offset <= this.stopsAfter.offset) this.stopsAfter = failure
  }

  /** Makes the stop of {@link stopAt} final: no record before it is in work any more. */
  fail(): void {
    this.stopped ??= this.stopsAfter
  }

  /** Why the worker stopped. */
  get failure(): HandlerFailed<unknown> | undefined {
    return this.stopped
  }

  /** Why the worker will stop, once the records before are done. */
  get stopAfter(): HandlerFailed<unknown> | undefined {
    return this.stopsAfter
  }

  /** The user paused it: nothing is started until resumed. */
  get suspended(): boolean {
    return this.isSuspended
  }

  /** The user pauses or resumes it. */
  suspend(suspended: boolean): void {
    this.isSuspended = suspended
    this.wake()
  }

  /** The client was asked to pause it. */
  get paused(): boolean {
    return this.isPaused
  }

  pause(paused: boolean): void {
    this.isPaused = paused
  }

  /** Wakes the worker and waiting records: the phase changed, or the user suspended or resumed the partition. */
  wake(): void {
    this.signal.raise()
    for (const { signal } of this.waits) signal.raise()
  }

  /** Whether another record may be started. */
  get mayRun(): boolean {
    return this.goesOn && !this.isSuspended
  }

  /** Whether records in work may still wait: for their next attempt, or to be sent again. */
  get isActive(): boolean {
    return this.currentPhase === "active" && this.stopped === undefined
  }

  /** Whether further records will be handled after those in work. */
  get goesOn(): boolean {
    return this.currentPhase === "active" && this.stopsAfter === undefined
  }

  // The worker.

  /** Its worker was started. */
  startedBy(worker: Fiber.Fiber<unknown, unknown>): void {
    this.worker = worker
  }

  /** The worker's fiber ended, so a pending stop becomes final. */
  workerEnded(): void {
    this.hasEnded = true
    this.fail()
  }

  get ended(): boolean {
    return this.hasEnded
  }

  get fiber(): Fiber.Fiber<unknown, unknown> | undefined {
    return this.worker
  }

  /** Holds records of a retry topic back until they are due. */
  get gate(): DueGate | undefined {
    return this.dueGate
  }

  holdBack(gate: DueGate | undefined): void {
    this.dueGate = gate
  }

  // What is done, or nearly.

  /** One more record is done. */
  finished(offset: number): void {
    this.step()
    this.progress.failings.settled(offset)
  }

  /** This many copies of its records are on their way to the broker. */
  sent(copies: number): void {
    this.copies += copies
  }

  /** This many copies are acknowledged, or given up. */
  arrived(copies: number): void {
    this.copies -= copies
  }

  /** A finished step waits for the reader of the outcome stream. */
  reporting(report: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.reports++
      return Effect.ensuring(report, Effect.sync(() => this.reports--))
    })
  }

  /** Whether a finished step waits for the reader of the outcome stream. */
  get isReported(): boolean {
    return this.reports > 0
  }

  /**
   * Whether nothing of a draining partition runs any more, and no copy is on its way. Finished steps may still wait for
   * the reader of the outcomes: a slow reader must not hold up the group.
   */
  get isDrained(): boolean {
    return this.hasEnded || this.reports > 0 && this.current === undefined && this.copies === 0
  }

  /**
   * When the first of its records is due, if all of them wait: for their next attempt, or in a retry topic.
   */
  get waitsUntil(): number | undefined {
    if (this.dueGate?.dueAt !== undefined) return this.dueGate.dueAt
    if (this.waits.size === 0 || this.current !== undefined) return undefined
    let until = Infinity
    for (const wait of this.waits) until = Math.min(until, wait.until)
    return until
  }

  // What is buffered.

  /** How many records were queued for the worker and are not done. */
  get bufferedRecords(): number {
    return this.records
  }

  get bufferedBytes(): number {
    return this.bytes
  }

  offer(chunk: Chunk): void {
    this.offeredTo = chunk.records[chunk.records.length - 1]!.offset + 1
    this.emptyTo = chunk.next
    this.queue.push(chunk)
    if (!this.hasOffered) {
      this.hasOffered = true
      this.firstKnown = chunk.records[0]!.offset
    }
    this.records += chunk.records.length
    this.bytes += chunk.bytes
    this.signal.raise()
  }

  /** A chunk comes while nobody handles it: it has to be read again. */
  drop(chunk: Chunk): void {
    this.dropped ??= chunk.records[0]?.offset
  }

  /** Where to read again from, if something was dropped. */
  get firstDropped(): number | undefined {
    return this.dropped
  }

  /** The next chunk; it stays counted as buffered until it is released. */
  take(): Chunk | undefined {
    const chunk = this.queue.shift()
    if (chunk !== undefined) this.progress.took(chunk.records[0]!.offset)
    return chunk
  }

  get hasQueued(): boolean {
    return this.queue.size > 0
  }

  release(records: number, bytes: number): void {
    this.records -= records
    this.bytes -= bytes
  }

  /** Drops what is queued and not handed to a handler; returns how much of the buffer that was. */
  discard(): Amount {
    let records = 0
    let bytes = 0
    for (const chunk of this.queue) {
      records += chunk.records.length
      bytes += chunk.bytes
    }
    this.queue.clear()
    this.release(records, bytes)
    return { records, bytes }
  }

  // The position.

  /** Everything before a position is finished. `leaderEpoch` is that of the record before it. */
  advance(position: number, leaderEpoch: number | undefined): void {
    this.progress.advance(position >= this.offeredTo ? Math.max(position, this.emptyTo) : position, leaderEpoch)
  }

  /** Sets where the partition begins, by its committed offset, until its first record says it exactly. */
  startsAt(offset: number): void {
    if (!this.hasOffered) this.firstKnown = offset
  }

  /** Where it begins, as far as that is known: for its lag. */
  get start(): number | undefined {
    return this.firstKnown
  }

  /** There is no record between what was offered and this offset: it is finished when that is. */
  passed(next: number): void {
    this.emptyTo = next
    const { position } = this
    if (this.offeredTo === -1 || position !== undefined && position >= this.offeredTo) this.progress.pass(next)
  }

  /** The end of the contiguous finished prefix, once something finished. */
  get position(): number | undefined {
    return this.progress.at
  }

  /** What is known of its failing records. */
  get failings(): Failings {
    return this.progress.failings
  }

  // The end of a bounded read.

  /** Where a bounded read stops. */
  get end(): number | undefined {
    return this.bound
  }

  boundAt(end: number | undefined): void {
    this.bound = end
  }

  /** The client reached the end of the log at this offset. */
  sawEnd(offset: number): void {
    this.logEnd = offset
    if (this.isDelivered) this.signal.raise()
  }

  /** Everything before the end of a bounded read was delivered. */
  get isDelivered(): boolean {
    return this.bound !== undefined && this.logEnd !== undefined && this.logEnd >= this.bound
  }

  /** Whether a bounded read of this partition is finished. */
  get reachedEnd(): boolean {
    if (this.bound === undefined) return false
    if (this.position !== undefined && this.position >= this.bound) return true
    return this.records === 0 && this.isDelivered
  }
}
