/** The native client, and the settings that every subject on librdkafka shares: the ones that Millrace sets. */
import native from "@confluentinc/kafka-javascript"

type Done<A = unknown> = (error: unknown, value: A) => void
type Settings = Readonly<Record<string, unknown>>

/** What a consume answers. */
export interface Message {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer
}

interface Client {
  connect(options: { readonly timeout?: number }, done: Done): void
  disconnect(done: () => void): void
  isConnected(): boolean
}

interface RawConsumer extends Client {
  on(event: "event.stats", listener: (stats: { readonly message: string }) => void): void
  setDefaultConsumeTimeout(millis: number): void
  subscribe(topics: ReadonlyArray<string>): void
  consume(count: number, done: Done<Array<Message>>): void
  offsetsStore(positions: ReadonlyArray<Pick<Message, "topic" | "partition" | "offset">>): void
}

/** What a produce is given to know its report by. */
type Opaque = (error: unknown) => void

interface RawProducer extends Client {
  on(event: "delivery-report", listener: (error: unknown, report: { readonly opaque: Opaque }) => void): void
  setPollInBackground(on: boolean): void
  produce(
    topic: string,
    partition: number | null,
    value: Uint8Array,
    key: Uint8Array | null,
    timestamp: number | null,
    opaque?: Opaque
  ): void
}

/** What a test of the topics' life needs. */
export interface Admin {
  createTopic(
    topic: {
      readonly topic: string
      readonly num_partitions: number
      readonly replication_factor: number
      readonly config: Settings
    },
    timeoutMs: number,
    done: Done
  ): void
  deleteTopic(topic: string, timeoutMs: number, done: Done): void
  disconnect(): void
}

/** What KafkaJS and its imitation have in common, as far as it is used. */
export interface JsConsumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  subscribe(subscription: { readonly topics: Array<string> }): Promise<void>
  run(handlers: JsHandlers): Promise<void>
}

/** One of its two kinds of handlers. */
export interface JsHandlers {
  readonly partitionsConsumedConcurrently?: number
  readonly eachMessage?: (payload: { readonly message: { readonly value: Buffer | null } }) => Promise<void>
  readonly eachBatch?: (payload: { readonly batch: { readonly messages: ReadonlyArray<unknown> } }) => Promise<void>
}

export interface JsProducer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  send(record: {
    readonly topic: string
    readonly messages: Array<{ readonly key?: null; readonly value: Buffer }>
  }): Promise<unknown>
}

// Its own types lack half of what is used here.
export const kafka = native as unknown as {
  readonly KafkaConsumer: new(settings: Settings) => RawConsumer
  readonly Producer: new(settings: Settings) => RawProducer
  readonly AdminClient: { readonly create: (settings: Settings) => Admin }
  readonly KafkaJS: {
    readonly Kafka: new(settings: Settings) => {
      readonly consumer: (settings: Settings) => JsConsumer
      readonly producer: (settings: Settings) => JsProducer
    }
  }
}

/** The number of librdkafka, or of the broker, for an error. */
export const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code

export const consumerSettings = (bootstrap: string, group: string) => ({
  "bootstrap.servers": bootstrap,
  "group.id": group,
  "queued.min.messages": 10_000,
  "queued.max.messages.kbytes": 16_384,
  "fetch.queue.backoff.ms": 20,
  "partition.assignment.strategy": "cooperative-sticky",
  "enable.auto.commit": true,
  "auto.commit.interval.ms": 5_000,
  "auto.offset.reset": "earliest",
  "isolation.level": "read_committed"
})

export const producerSettings = (bootstrap: string) => ({
  "bootstrap.servers": bootstrap,
  "linger.ms": 0,
  "compression.codec": "lz4",
  "enable.idempotence": true,
  "acks": -1,
  "partitioner": "murmur2_random"
})
