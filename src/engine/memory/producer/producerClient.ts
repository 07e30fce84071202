/** A producer client of the in-memory cluster. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import * as Errors from "../../../KafkaError.ts"
import { KafkaError } from "../../../KafkaError.ts"
import type { DeliveryCallback, ProducerClient, RawMessage, RawRecord } from "../../KafkaEngine.ts"
import type { Cluster, Listener } from "../cluster/cluster.ts"
import { MessageCopier, sizeOf } from "../topics/message.ts"
import { Partitioner } from "./partitioner.ts"

interface Waiting {
  readonly message: RawMessage
  readonly done: DeliveryCallback
  readonly size: number
  readonly deadline: number
  /** The how manieth record of this producer it is. */
  readonly number: number
}

/** Where the records go, and who wants to know that one did not get there. */
export interface Target {
  readonly append: (message: RawMessage, choose: (partitions: number) => number) => RawRecord | KafkaError
  readonly failed: (error: KafkaError) => void
}

const millis = (input: Duration.Input): number => Duration.toMillis(Duration.fromInputUnsafe(input))

type Settings = {
  readonly [K in keyof KafkaConfig.ProducerConfig]-?: Exclude<KafkaConfig.ProducerConfig[K], undefined>
}

/** What is taken in one task of the owner is one batch: appended, announced and acknowledged together. */
export class MemoryProducer implements ProducerClient, Listener {
  private readonly cluster: Cluster
  private readonly target: Target
  private readonly partitioner = new Partitioner()
  private readonly copier = new MessageCopier()
  private readonly settings: Settings
  private readonly linger: number
  private readonly deliveryTimeout: number
  private queue: Array<Waiting> = []
  private bytes = 0
  private taken = 0
  private settled = 0
  private refusedSize = 0
  private planned = false
  private expiryPlanned = false
  private closed = false

  constructor(cluster: Cluster, config: KafkaConfig.ProducerConfig, target: Target) {
    this.cluster = cluster
    this.target = target
    const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
    this.settings = { ...KafkaConfig.producerDefaults, ...given }
    this.linger = millis(this.settings.linger)
    this.deliveryTimeout = millis(this.settings.deliveryTimeout)
    cluster.listeners.add(this)
  }

  readonly produce = (message: RawMessage, done: DeliveryCallback): boolean => {
    const size = sizeOf(message)
    if (!this.hasRoom(size)) {
      this.refusedSize = size
      return false
    }
    const deadline = this.cluster.now + this.deliveryTimeout
    this.queue.push({ message: this.copier.copy(message), done, size, deadline, number: ++this.taken })
    this.bytes += size
    this.plan(this.linger)
    return true
  }

  readonly whenSpace: Effect.Effect<void> = Effect.suspend(() =>
    this.cluster.waiting.until(() => this.hasRoom(this.refusedSize))
  )

  readonly flush = (timeout: Duration.Duration): Effect.Effect<void, KafkaError> =>
    Effect.suspend(() => {
      const goal = this.taken
      if (this.settled >= goal) return Effect.void
      this.cluster.mail.post(this.send)
      return Effect.flatMap(this.cluster.untilWithin(() => this.settled >= goal, timeout), (flushed) => {
        if (flushed) return Effect.void
        const reason = new Errors.Timeout({ operation: "flush", timeoutMs: Duration.toMillis(timeout) })
        return Effect.fail(Errors.make("flush", reason))
      })
    })

  readonly brokerChanged = (): void => {
    if (this.queue.length > 0) this.plan(0)
  }

  readonly changed = (): void => {}

  /** Sends what is left if there is a broker; everything else fails. */
  close(): void {
    if (this.closed) return
    if (this.cluster.reachable) this.deliver(this.taken)
    this.closed = true
    this.cluster.listeners.delete(this)
    this.fail(() => true, Errors.make("produce", new Errors.Closed({ client: "producer" })))
  }

  /** Gives up what was not sent yet. */
  discard(error: KafkaError): void {
    this.fail(() => true, error)
  }

  private hasRoom(size: number): boolean {
    const records = this.taken - this.settled
    const { bufferBytes, bufferRecords } = this.settings
    return this.closed || records === 0 || (records < bufferRecords && this.bytes + size <= bufferBytes)
  }

  private plan(inMillis: number): void {
    if (this.planned) return
    this.planned = true
    if (inMillis > 0) this.cluster.agenda.after(inMillis, this.send)
    else this.cluster.mail.post(this.send)
  }

  private readonly send = (): void => {
    this.planned = false
    if (this.closed) return this.discard(Errors.make("produce", new Errors.Closed({ client: "producer" })))
    if (this.queue.length === 0) return
    if (!this.cluster.reachable) return this.planExpiry()
    const { latencyMillis } = this.cluster.faults
    const last = this.taken
    if (latencyMillis === 0) this.deliver(last)
    else this.cluster.agenda.after(latencyMillis, () => this.deliver(last))
  }

  /** Delivers what was taken up to a record. Until then it can still expire or be given up. */
  private deliver(last: number): void {
    if (!this.cluster.reachable) return this.planExpiry()
    const later = this.queue.findIndex(({ number }) => number > last)
    const batch = later === -1 ? this.queue : this.queue.slice(0, later)
    this.queue = later === -1 ? [] : this.queue.slice(later)
    const touched = new Set<string>()
    const results = batch.map(({ message }) => {
      const choose = (count: number): number => this.partitioner.choose(message, count)
      const result = this.tooLarge(message) ?? this.target.append(message, choose)
      if (result instanceof KafkaError) this.target.failed(result)
      else touched.add(result.topic)
      return result
    })
    this.partitioner.endBatch()
    for (const topic of touched) for (const log of this.cluster.topics.get(topic)?.logs ?? []) log.announce()
    for (let index = 0; index < batch.length; index++) this.settle(batch[index]!, results[index]!)
    this.checkWaiting()
  }

  private tooLarge(message: RawMessage): KafkaError | undefined {
    const sizeBytes = sizeOf(message)
    if (sizeBytes <= this.settings.maxRequestBytes) return undefined
    return Errors.make("produce", new Errors.RecordTooLarge({ topic: message.topic, sizeBytes }))
  }

  private settle({ done, size }: Waiting, result: RawRecord | KafkaError): void {
    this.settled++
    this.bytes -= size
    if (result instanceof KafkaError) return done(result, undefined)
    const { partition, timestamp, topic } = result
    done(undefined, { topic, partition, offset: this.settings.acks === "none" ? -1 : result.offset, timestamp })
  }

  private fail(which: (waiting: Waiting) => boolean, error: KafkaError): void {
    const failing = this.queue.filter(which)
    if (failing.length === 0) return
    this.queue = this.queue.filter((waiting) => !which(waiting))
    this.target.failed(error)
    this.cluster.mail.post(() => {
      for (const waiting of failing) this.settle(waiting, error)
      this.checkWaiting()
    })
  }

  private planExpiry(): void {
    const [oldest] = this.queue
    if (this.expiryPlanned || oldest === undefined) return
    this.expiryPlanned = true
    this.cluster.agenda.after(oldest.deadline - this.cluster.now, () => {
      this.expiryPlanned = false
      const { now } = this.cluster
      const reason = new Errors.Timeout({ operation: "the delivery of a record", timeoutMs: this.deliveryTimeout })
      this.fail(({ deadline }) => deadline <= now, Errors.make("produce", reason))
      this.planExpiry()
    })
  }

  private checkWaiting(): void {
    if (!this.cluster.waiting.isEmpty) this.cluster.changed()
  }
}
