/**
 * Makes sure that the leaders of a topic take records before the first ones go out.
 *
 * The client sends several batches of a partition at once. When the leader of a young partition refuses the first batch
 * and takes the second, the broker accepts its sequence number for want of an earlier one (KIP-360); the client then
 * counts the first as acknowledged although it is nowhere (confluent-kafka-go #921). A leader that has answered once
 * refuses no first batch.
 */
import type { NativeProducer } from "../shared/native.ts"

/** How long a topic may be unknown, or without leaders, before its records go out all the same: to be refused. */
const patienceMs = 5_000

const lookAgainMs = 50

/** How many partitions of a topic are asked for: brokers learn of a topic as a whole, and a question takes its turn. */
const mostAsked = 64

const unknownTopic = 3

/** What a partition answers while it has no leader, or none that knows of it. */
const passing: ReadonlySet<number> = new Set([unknownTopic, 5, 6, 9])

/** What is known of the topics of one producer. */
export class Leaders {
  private readonly producer: NativeProducer
  private readonly timeoutMs: number
  private readonly onLooked: () => void
  private readonly ready = new Set<string>()
  private readonly looking = new Set<string>()
  /** Topics that were asked about because they or a partition were unknown, and had no record taken since. */
  private readonly askedAgain = new Set<string>()

  constructor(producer: NativeProducer, timeoutMs: number, onLooked: () => void) {
    this.producer = producer
    this.timeoutMs = timeoutMs
    this.onLooked = onLooked
  }

  get isLooking(): boolean {
    return this.looking.size > 0
  }

  /** Whether records of a topic may go out. If not, its leaders are being asked. */
  admits(topic: string): boolean {
    if (this.ready.has(topic)) return true
    this.look(topic, false)
    return false
  }

  /**
   * A topic may have grown, or been made, since the client last asked, minutes ago: it asks again before a partition or
   * the topic counts as unknown. A topic that is `missing` is not waited for. Returns whether trying again makes sense.
   */
  looksAgain(topic: string, missing: boolean): boolean {
    if (this.askedAgain.delete(topic)) return false
    this.askedAgain.add(topic)
    this.ready.delete(topic)
    this.look(topic, missing)
    return true
  }

  /** A record of the topic was taken. */
  took(topic: string): void {
    if (this.askedAgain.size > 0) this.askedAgain.delete(topic)
  }

  private look(topic: string, missing: boolean): void {
    if (this.looking.has(topic)) return
    this.looking.add(topic)
    this.ask(topic, performance.now() + patienceMs, missing)
  }

  private ask(topic: string, deadline: number, missing: boolean): void {
    if (!this.producer.isConnected()) return this.settle(topic)
    this.producer.getMetadata({ topic, timeout: this.timeoutMs }, (error, metadata) => {
      const failed = error !== null && error !== undefined
      const partitions = failed ? [] : metadata.topics.find(({ name }) => name === topic)?.partitions ?? []
      const code = failed ? error.code : unknownTopic
      if (partitions.length === 0 && code === unknownTopic && missing) return this.settle(topic)
      if (partitions.length === 0) return this.judge(topic, deadline, code)
      this.askLeader(topic, partitions.slice(0, mostAsked).map(({ id }) => id), deadline)
    })
  }

  /** One after the other: each occupies a thread until its leader answers. */
  private askLeader(topic: string, [partition, ...others]: ReadonlyArray<number>, deadline: number): void {
    if (partition === undefined || !this.producer.isConnected()) return this.settle(topic)
    this.producer.queryWatermarkOffsets(topic, partition, this.timeoutMs, (error) => {
      if (error !== null && error !== undefined) return this.judge(topic, deadline, error.code)
      this.askLeader(topic, others, deadline)
    })
  }

  private judge(topic: string, deadline: number, code: number | undefined): void {
    if (code === undefined || !passing.has(code) || performance.now() >= deadline) return this.settle(topic)
    setTimeout(() => this.ask(topic, deadline, false), lookAgainMs)
  }

  private settle(topic: string): void {
    this.ready.add(topic)
    this.looking.delete(topic)
    this.onLooked()
  }
}
