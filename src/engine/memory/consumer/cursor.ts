/** Where a consumer is in one partition. Pure but for its own state. */
import type { Chunk, RawRecord, TopicPartition } from "../../KafkaEngine.ts"
import type { Isolation, PartitionLog } from "../topics/log.ts"

/** What keeps a partition from being read. It is reported once, until it is over. */
export type Trouble = "unknownTopic" | "denied"

/** What a read came to; a chunk if there were records. */
export type Step = Chunk | "nothing" | "end" | "outOfRange"

/** One assignment of one partition. */
export class Cursor implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Undefined until it is known where to start. */
  position: number | undefined
  paused = false
  /** The coordinator wants it back: nothing is handed out any more. */
  revoking = false
  trouble: Trouble | undefined
  /** The position that the owner of the client knows of. */
  private known: number | undefined
  private log: PartitionLog | undefined
  private unwatch: (() => void) | undefined
  private endTold = false

  constructor({ partition, topic }: TopicPartition) {
    this.topic = topic
    this.partition = partition
  }

  get readable(): boolean {
    return !this.paused && !this.revoking
  }

  get highWatermark(): number | undefined {
    return this.log?.endOffset
  }

  /** The log to read from. One that was deleted has to be looked up again. */
  get current(): PartitionLog | undefined {
    return this.log === undefined || this.log.deleted ? undefined : this.log
  }

  attach(log: PartitionLog, wake: () => void): void {
    this.detach()
    this.log = log
    this.unwatch = log.watch(wake)
  }

  detach(): void {
    this.unwatch?.()
    this.unwatch = undefined
    this.log = undefined
  }

  /** Goes on from an offset that the owner named, or that is committed. */
  move(offset: number): void {
    this.position = offset
    this.known = offset
    this.endTold = false
  }

  /** Goes on from an offset that `offsetReset` chose. */
  reset(offset: number): void {
    this.move(offset)
    this.known = undefined
  }

  /** Where it got to without records, if the owner does not know. */
  passed(): Chunk | undefined {
    if (this.position === undefined || this.position === this.known) return undefined
    return this.chunk([], 0, this.position)
  }

  /** Whether another read would find something. */
  hasMore(isolation: Isolation): boolean {
    const log = this.current
    return log !== undefined && this.position !== undefined && log.hasRecords(isolation, this.position)
  }

  /** Takes the next records. The end is reported once each time it is reached. */
  read(isolation: Isolation, maxRecords: number, maxBytes: number, atLeastOne: boolean): Step {
    const log = this.log!
    const position = this.position!
    if (position < log.startOffset || position > log.endOffset) return "outOfRange"
    const { bytes, next, records } = log.read(isolation, position, maxRecords, maxBytes, atLeastOne)
    if (records.length > 0) return this.chunk(records, bytes, next)
    this.position = next
    if (this.endTold || next < log.limit(isolation)) return "nothing"
    this.endTold = true
    return "end"
  }

  private chunk(records: ReadonlyArray<RawRecord>, bytes: number, next: number): Chunk {
    if (records.length > 0) this.endTold = false
    this.position = next
    this.known = next
    return { topic: this.topic, partition: this.partition, records, bytes, next }
  }
}
