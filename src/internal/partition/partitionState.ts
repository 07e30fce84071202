/**
 * What the run loop and the worker of one assigned partition share. All of it changes on one thread, without awaiting.
 */
import type * as Fiber from "effect/Fiber"
import type { Chunk, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { Signal } from "../shared/signal.ts"
import type { DueGate } from "./dueGate.ts"
import type { Failings } from "./failings.ts"
import type { Wait } from "./waits.ts"

/**
 * - `active`: chunks are taken in and handled.
 * - `draining`: no record is started any more; the worker ends after the current one.
 * - `held`: the policy said stop and the consumer goes on without this partition.
 * - `fenced`: the partition belongs to somebody else; nothing of it counts any more.
 */
export type Phase = "active" | "draining" | "held" | "fenced"

/** A record in work among others. `turn` counts the executions in this slot. */
export interface Slot {
  offset: number | undefined
  turn: number
}

/** One partition within one assignment. A new assignment (or a seek) makes a new one with the next epoch. */
export class PartitionState implements TopicPartition {
  readonly topic: string
  readonly partition: number
  readonly epoch: number
  /** Wakes the worker: there is a chunk, or the phase changed. */
  readonly signal: Signal
  phase: Phase = "active"
  /** The user paused it: nothing is started until resumed. */
  suspended = false
  /** The client was told to pause it. */
  paused = false
  /** Delivered to the worker's side and not finished. */
  bufferedRecords = 0
  bufferedBytes = 0
  /** The end of the contiguous finished prefix, once something finished. */
  position: number | undefined = undefined
  leaderEpoch: number | undefined = undefined
  /** What was last stored at the client. */
  stored: number | undefined = undefined
  /** Where a bounded read stops. */
  end: number | undefined = undefined
  /** The client reached the end of the log at this offset. */
  endSeen: number | undefined = undefined
  /** Counts finished steps, for the stall guard. */
  steps = 0
  /**
   * Counts, for the same, what was begun and is no finished step: executions that failed, codecs that were waited
   * for.
   */
  turns = 0
  /** How many finished steps wait for the reader of the outcome stream. */
  reporting = 0
  /** The offset in work, for messages. */
  current: number | undefined = undefined
  /** What is in work where it is several records at once. */
  readonly slots = new Set<Slot>()
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** The worker's fiber ended, or there never was one. */
  ended = false
  failure: HandlerFailed<unknown> | undefined = undefined
  /** Records that wait for their next attempt. */
  readonly waits = new Set<Wait>()
  readonly failings: Failings
  /** Holds records of a retry topic back until they are due. */
  gate: DueGate | undefined = undefined
  /** Where the worker began: what can be committed as long as nothing is finished. */
  begin: number | undefined = undefined
  private storedMetadata: string | undefined
  private queue: Array<Chunk> = []
  private queueHead = 0

  /** `failings` knows what was noted with the committed offset, which was `metadata`. */
  constructor(partition: TopicPartition, epoch: number, signal: Signal, failings: Failings, metadata?: string) {
    this.topic = partition.topic
    this.partition = partition.partition
    this.epoch = epoch
    this.signal = signal
    this.failings = failings
    this.storedMetadata = metadata
  }

  /** The phase changed, or the user suspended or resumed it: whoever sleeps looks again. */
  wake(): void {
    this.signal.raise()
    for (const { signal } of this.waits) signal.raise()
  }

  /** Whether another record may be started. */
  get mayRun(): boolean {
    return this.phase === "active" && !this.suspended && this.failure === undefined
  }

  /** Whether the worker goes on at all. */
  get isActive(): boolean {
    return this.phase === "active" && this.failure === undefined
  }

  /**
   * When the first of its records is to be handled, if all of them wait for their time: for the next attempt of a
   * failed one, or in a retry topic.
   */
  get waitsUntil(): number | undefined {
    if (this.gate?.dueAt !== undefined) return this.gate.dueAt
    if (this.waits.size === 0 || this.current !== undefined) return undefined
    let until = Infinity
    for (const wait of this.waits) until = Math.min(until, wait.until)
    return until
  }

  /** Nothing of a draining partition runs any more: at most what it did still waits to be read. */
  get isDrained(): boolean {
    return this.ended || this.reporting > 0 && this.current === undefined
  }

  offer(chunk: Chunk): void {
    this.queue.push(chunk)
    this.bufferedRecords += chunk.records.length
    this.bufferedBytes += chunk.bytes
    this.signal.raise()
  }

  /** The next chunk; it stays counted as buffered until it is released. */
  take(): Chunk | undefined {
    if (this.queueHead === this.queue.length) return undefined
    const chunk = this.queue[this.queueHead++]!
    this.begin ??= chunk.records[0]!.offset
    if (this.queueHead === this.queue.length) {
      this.queue = []
      this.queueHead = 0
    }
    return chunk
  }

  get hasQueued(): boolean {
    return this.queueHead < this.queue.length
  }

  /** Drops what is queued and not handed to a handler. Answers how much of the buffer that was. */
  discard(): { readonly records: number; readonly bytes: number } {
    let records = 0
    let bytes = 0
    for (let i = this.queueHead; i < this.queue.length; i++) {
      records += this.queue[i]!.records.length
      bytes += this.queue[i]!.bytes
    }
    this.queue = []
    this.queueHead = 0
    this.bufferedRecords -= records
    this.bufferedBytes -= bytes
    return { records, bytes }
  }

  /** The position to be stored, when it moved since the last time, or what is noted with it changed. */
  get unstored(): Position | undefined {
    if (this.position === undefined) return undefined
    if (this.failings.isEmpty && this.storedMetadata === undefined) {
      return this.position === this.stored ? undefined : this.placed(this.position, undefined)
    }
    const metadata = this.failings.metadataAt(this.position)
    return this.position === this.stored && metadata === this.storedMetadata
      ? undefined
      : this.placed(this.position, metadata)
  }

  /** The position with what is known of failing records, to be committed at once; also when nothing is finished yet. */
  get noted(): Position | undefined {
    const position = this.position ?? this.begin
    return position === undefined ? undefined : this.placed(position, this.failings.metadataAt(position))
  }

  /** The client has a position now. */
  wasStored({ metadata, offset }: Position): void {
    this.stored = offset
    this.storedMetadata = metadata
  }

  private placed(offset: number, metadata: string | undefined): Position {
    const { leaderEpoch, partition, topic } = this
    return metadata === undefined
      ? { topic, partition, offset, leaderEpoch }
      : { topic, partition, offset, leaderEpoch, metadata }
  }

  /** Whether a bounded read of this partition is finished. */
  get reachedEnd(): boolean {
    if (this.end === undefined) return false
    if (this.position !== undefined && this.position >= this.end) return true
    return this.bufferedRecords === 0 && this.endSeen !== undefined && this.endSeen >= this.end
  }
}
