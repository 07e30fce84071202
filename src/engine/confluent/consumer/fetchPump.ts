/**
 * Keeps one native consume in flight ahead of the reader: while a batch is handled, the next one is being taken out of
 * the client's queue on a pool thread.
 */
import { format } from "../../../TopicPartition.ts"
import type { Chunk, TopicPartition } from "../../KafkaEngine.ts"
import type { NativeConsumer, NativeError, NativeMessage } from "../shared/native.ts"
import * as Chunks from "./chunks.ts"

/** How often a client that nobody reads is served all the same, in milliseconds: its callbacks need it. */
const serveMillis = 100

/** How often a client that was let go is served, in milliseconds. */
const letGoMillis = 1_000

/** How many records one consume takes at most: making objects of them holds up the event loop, 10 ms for each 1000. */
const maxCount = 1_000

/** What the pump asks and tells its owner. */
export interface PumpOwner {
  /** For how long after a `take` or `serve` the client is served although nobody reads it, in milliseconds. */
  readonly patience: number
  readonly wanted: (topic: string, partition: number) => boolean
  /** What was fetched of a paused partition is kept until it is resumed. */
  readonly paused: (topic: string, partition: number) => boolean
  readonly onReady: () => void
  readonly onError: (error: NativeError) => void
}

/** Never has two consumes in flight, and none while it is held. */
export class FetchPump {
  private readonly consumer: NativeConsumer
  private readonly owner: PumpOwner
  private timer: NodeJS.Timeout
  private ready: Array<Chunks.OpenChunk> = []
  /** Ends that the running consume came to. */
  private ends: Array<Chunks.End> = []
  /** Behind what the reader was given, or will be, by partition. */
  private readonly reached = new Map<string, number>()
  private readyRecords = 0
  private count: number
  private inFlight = false
  private signalled = false
  private holds = 0
  private lastRead = performance.now()
  private stopped = false
  private idle: Array<() => void> = []

  constructor(consumer: NativeConsumer, firstCount: number, owner: PumpOwner) {
    this.consumer = consumer
    this.count = firstCount
    this.owner = owner
    // The edge may be lost while a consume is in flight, and callbacks come only while somebody consumes: also while
    // fetched records wait for an owner who in turn waits for such a callback. An owner who hangs is not covered up.
    this.timer = setInterval(() => {
      if (this.isEmpty) this.consume(this.count)
      else if (performance.now() - this.lastRead < owner.patience) this.consume(1)
    }, serveMillis)
  }

  /** The client's queue went from empty to not empty. Called from its own thread's callback. */
  readonly onQueueNonEmpty = (): void => {
    this.signalled = true
    this.pump()
  }

  /** The running consume came to the end of a partition. */
  onEnd(end: Chunks.End): void {
    this.ends.push(end)
  }

  /** Takes what is there, at most about this much, and lets the next consume begin. */
  take(maxRecords: number, maxBytes: number): ReadonlyArray<Chunk> {
    this.lastRead = performance.now()
    this.count = Math.min(maxRecords, maxCount)
    const kept = this.ready.filter(this.isPaused)
    const { rest, taken } = Chunks.take(
      kept.length === 0 ? this.ready : this.ready.filter((chunk) => !this.isPaused(chunk)),
      maxRecords,
      maxBytes
    )
    this.ready = kept.length === 0 ? [...rest] : [...kept, ...rest]
    for (const chunk of taken) this.readyRecords -= chunk.records.length
    this.pump()
    return taken
  }

  /** Serves the client's callbacks although the reader has no room: at most one more record is taken in. */
  serve(): ReadonlyArray<Chunk> {
    this.lastRead = performance.now()
    this.consume(1)
    return []
  }

  /** Nothing that is fetched may be taken. */
  get isEmpty(): boolean {
    return this.readyRecords === 0 || this.ready.every(this.isPaused)
  }

  /** Partitions were resumed: what was kept of them may be taken. */
  resumed(): void {
    if (!this.isEmpty) this.owner.onReady()
  }

  /** Forgets fetched records that are no longer wanted, and where these partitions stand. */
  purge(partitions: ReadonlyArray<TopicPartition>): void {
    for (const partition of partitions) this.reached.delete(format(partition))
    this.ready = this.ready.filter((chunk) => this.owner.wanted(chunk.topic, chunk.partition))
    this.readyRecords = this.ready.reduce((records, chunk) => records + chunk.records.length, 0)
  }

  /** Begins no consume until released, and calls back when the running one ended. */
  hold(done: () => void): void {
    this.holds++
    if (this.inFlight) this.idle.push(done)
    else done()
  }

  release(): void {
    this.holds--
    this.pump()
  }

  /** Serves the client's callbacks until it is stopped, but keeps no process from ending. */
  letGo(): void {
    clearInterval(this.timer)
    this.timer = setInterval(() => this.consume(1), letGoMillis).unref()
  }

  stop(): void {
    this.stopped = true
    this.ready = []
    clearInterval(this.timer)
  }

  private readonly isPaused = ({ partition, topic }: Chunk): boolean => this.owner.paused(topic, partition)

  private pump(): void {
    if (this.isEmpty) this.consume(this.count)
  }

  private consume(count: number): void {
    if (this.stopped || this.inFlight || this.holds > 0 || !this.consumer.isConnected()) return
    this.inFlight = true
    this.signalled = false
    const done = (error: NativeError | null | undefined, messages: Array<NativeMessage>) => {
      this.inFlight = false
      const idle = this.idle
      this.idle = []
      if (error !== null && error !== undefined) this.owner.onError(error)
      else if (messages.length > 0 || this.ends.length > 0) this.accept(messages)
      for (const done of idle) done()
      if (this.signalled) this.pump()
    }
    // The public call emits an event per message on top, which costs a tenth of the rate; otherwise it does the same.
    const client = this.consumer._client
    if (client?.consume === undefined) return this.consumer.consume(count, done)
    client.consume(0, count, false, (error, messages, ends) => {
      if (error === null || error === undefined) { for (const end of ends) this.consumer.emit("partition.eof", end) }
      done(error, messages)
    })
  }

  private accept(messages: Array<NativeMessage>): void {
    if (this.stopped) return
    const ends = this.ends
    this.ends = []
    const chunks = Chunks.group(messages, this.owner.wanted)
    for (const chunk of chunks) {
      this.ready.push(chunk)
      this.readyRecords += chunk.records.length
      this.reached.set(format(chunk), chunk.next)
    }
    let passed = false
    for (const end of ends) passed = this.pass(end) || passed
    if (chunks.length > 0 || passed) this.owner.onReady()
    // Everything was unwanted: look for more at once.
    if (chunks.length === 0 && messages.length > 0) this.signalled = true
  }

  /** Nothing is to come before the end of a partition; returns whether that is news. */
  private pass(end: Chunks.End): boolean {
    const { offset, partition, topic } = end
    const place = format(end)
    const reached = this.reached.get(place)
    if (!this.owner.wanted(topic, partition) || (reached !== undefined && reached >= offset)) return false
    this.reached.set(place, offset)
    const last = this.ready.findLast((chunk) => chunk.partition === partition && chunk.topic === topic)
    if (last === undefined) this.ready.push({ topic, partition, records: [], bytes: 0, next: offset })
    else last.next = offset
    return true
  }
}
