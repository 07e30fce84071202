/**
 * The native client as this engine uses it: its rdkafka-like API, of which the package's own types lack a part. The
 * only place that loads it.
 */
import * as Effect from "effect/Effect"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Position, RawRecord, TopicPartition } from "../../KafkaEngine.ts"

/** An error of librdkafka. Event errors lack the code (-1) and keep the text. */
export interface NativeError {
  readonly message: string
  readonly code?: number
  readonly isFatal?: boolean
  readonly isRetriable?: boolean
  readonly isTxnRequiresAbort?: boolean
}

type Callback<A = void> = (error: NativeError | null | undefined, value: A) => void

/** A partition with an optional place; negative offsets are librdkafka's logical ones. */
export interface NativePosition extends TopicPartition {
  readonly offset?: number
  readonly leaderEpoch?: number
  readonly metadata?: string
  readonly error?: NativeError
}

/** A header as the binding gives and takes it: an object with one property. */
export type NativeHeader = { readonly [name: string]: Uint8Array | string | null }

/** A message is the raw record itself, but for its headers. */
export interface NativeMessage extends Omit<RawRecord, "headers"> {
  headers?: Array<NativeHeader> | RawRecord["headers"]
}

/** What the cluster says of itself. */
export interface NativeMetadata {
  readonly topics: ReadonlyArray<{
    readonly name: string
    readonly partitions: ReadonlyArray<{
      readonly id: number
      readonly leader: number
      readonly replicas: ReadonlyArray<number>
      readonly isrs: ReadonlyArray<number>
    }>
  }>
}

interface NativeClient {
  connect(options: { readonly timeout: number }, done: Callback<NativeMetadata>): void
  disconnect(done: () => void): void
  isConnected(): boolean
  getMetadata(
    options: { readonly timeout: number; readonly topic?: string; readonly allTopics?: boolean },
    done: Callback<NativeMetadata>
  ): void
  on(event: "event.error", listener: (error: NativeError) => void): this
  on(event: "event.log", listener: (entry: { severity: number; fac: string; message: string }) => void): this
  on(event: "event.stats", listener: (stats: { message: string }) => void): this
  on(event: "error", listener: (error: unknown) => void): this
}

/** A consumer of the rdkafka-like API. */
export interface NativeConsumer extends NativeClient {
  on(event: "partition.eof", listener: (end: Required<Pick<Position, "topic" | "partition" | "offset">>) => void): this
  // An overload here hides those of `NativeClient`, which are still to be assignable: any event, of any value.
  on(event: any, listener: (value: any) => void): this
  setDefaultConsumeTimeout(millis: number): void
  consume(count: number, done: Callback<Array<NativeMessage>>): void
  emit(event: "partition.eof", end: unknown): boolean
  /** What `consume` calls; not public, so it may be missing. */
  readonly _client?: {
    readonly consume?: (
      timeoutMs: number,
      count: number,
      timeoutOnlyForFirst: boolean,
      done: (
        error: NativeError | null | undefined,
        messages: Array<NativeMessage>,
        ends: ReadonlyArray<Required<Pick<Position, "topic" | "partition" | "offset">>>
      ) => void
    ) => void
  }
  subscribe(topics: ReadonlyArray<string>): this
  unsubscribe(): this
  assignments(): ReadonlyArray<NativePosition>
  assign(partitions: ReadonlyArray<NativePosition>): this
  unassign(): this
  incrementalAssign(partitions: ReadonlyArray<NativePosition>): this
  incrementalUnassign(partitions: ReadonlyArray<TopicPartition>): this
  assignmentLost(): boolean
  rebalanceProtocol(): "NONE" | "EAGER" | "COOPERATIVE"
  offsetsStore(positions: ReadonlyArray<NativePosition>): void
  commit(positions: ReadonlyArray<NativePosition>): this
  committed(partitions: ReadonlyArray<TopicPartition>, timeout: number, done: Callback<Array<NativePosition>>): this
  /** With -1 (the end) or -2 (the beginning) in the place of a time, as the consumer's isolation sees it. */
  offsetsForTimes(
    partitions: ReadonlyArray<NativePosition>,
    timeout: number,
    done: Callback<Array<NativePosition>>
  ): void
  pause(partitions: ReadonlyArray<TopicPartition>): void
  resume(partitions: ReadonlyArray<TopicPartition>): void
  seek(position: NativePosition, timeout: number, done: Callback): this
  getWatermarkOffsets(topic: string, partition: number): { readonly lowOffset: number; readonly highOffset: number }
}

/** What a delivery report carries. `opaque` is what was given to `produce`. */
export interface NativeReport extends TopicPartition {
  readonly offset: number
  readonly timestamp: number
  readonly opaque: (error: NativeError | null, report: NativeReport) => void
}

/** A producer of the rdkafka-like API. */
export interface NativeProducer extends NativeClient {
  on(event: "delivery-report", listener: (error: NativeError | null, report: NativeReport) => void): this
  on(event: any, listener: (...values: Array<any>) => void): this
  produce(
    topic: string,
    partition: number | null,
    value: Uint8Array | null,
    key: Uint8Array | null,
    timestamp: number | null,
    opaque: NativeReport["opaque"],
    headers: ReadonlyArray<NativeHeader> | undefined
  ): unknown
  queryWatermarkOffsets(topic: string, partition: number, timeout: number, done: Callback<unknown>): void
  flush(timeout: number, done: Callback): this
  poll(): this
  setPollInBackground(on: boolean): this
  initTransactions(timeout: number, done: Callback): void
  beginTransaction(done: Callback): void
  commitTransaction(timeout: number, done: Callback): void
  abortTransaction(timeout: number, done: Callback): void
  sendOffsetsToTransaction(
    offsets: ReadonlyArray<NativePosition>,
    consumer: NativeConsumer,
    timeout: number,
    done: Callback
  ): void
}

/** A topic as the admin client describes it. */
export interface NativeTopicDescription {
  readonly name: string
  readonly isInternal: boolean
  readonly error?: NativeError
  readonly partitions: ReadonlyArray<{
    readonly partition: number
    readonly leader?: { readonly id: number }
    readonly replicas: ReadonlyArray<{ readonly id: number }>
    readonly isr: ReadonlyArray<{ readonly id: number }>
  }>
}

/** A group as the admin client describes it. */
export interface NativeGroup {
  readonly groupId: string
  readonly state: number
  readonly type?: number
  readonly error?: NativeError
  readonly members?: ReadonlyArray<{
    readonly memberId: string
    readonly groupInstanceId?: string | null
    readonly clientId: string
    readonly clientHost?: string
    readonly assignment?: { readonly topicPartitions?: ReadonlyArray<TopicPartition> }
  }>
}

/** The admin client. */
export interface NativeAdmin {
  disconnect(): void
  createTopic(
    topic: {
      readonly topic: string
      readonly num_partitions: number
      readonly replication_factor: number
      readonly config?: Readonly<{ [name: string]: string }>
    },
    timeout: number,
    done: Callback
  ): void
  deleteTopic(topic: string, timeout: number, done: Callback): void
  createPartitions(topic: string, total: number, timeout: number, done: Callback): void
  describeTopics(
    names: ReadonlyArray<string>,
    options: { readonly timeout: number },
    done: Callback<ReadonlyArray<NativeTopicDescription>>
  ): void
  listTopics(options: { readonly timeout: number }, done: Callback<ReadonlyArray<string>>): void
  listGroups(
    options: { readonly timeout: number },
    done: Callback<{ readonly groups: ReadonlyArray<NativeGroup> }>
  ): void
  describeGroups(
    groups: ReadonlyArray<string>,
    options: { readonly timeout: number },
    done: Callback<{ readonly groups: ReadonlyArray<NativeGroup> }>
  ): void
  deleteGroups(
    groups: ReadonlyArray<string>,
    options: { readonly timeout: number },
    done: Callback<
      ReadonlyArray<{ readonly groupId: string; readonly error?: NativeError; readonly errorCode?: number }>
    >
  ): void
  listConsumerGroupOffsets(
    request: ReadonlyArray<{ readonly groupId: string }>,
    options: { readonly timeout: number },
    done: Callback<ReadonlyArray<{ readonly partitions: ReadonlyArray<NativePosition> }>>
  ): void
  deleteRecords(
    positions: ReadonlyArray<NativePosition>,
    options: { readonly timeout: number },
    done: Callback<ReadonlyArray<NativePosition>>
  ): void
  listOffsets(
    partitions: ReadonlyArray<TopicPartition & { readonly offset: unknown }>,
    options: { readonly timeout: number; readonly isolationLevel: number },
    done: Callback<ReadonlyArray<NativePosition>>
  ): void
}

/** A configuration of librdkafka, callbacks included. */
export type NativeConfig = { readonly [name: string]: unknown }

/** The package. Its constructors take no second argument: any would discard topic-level settings of the first. */
export interface Native {
  readonly KafkaConsumer: new(config: NativeConfig) => NativeConsumer
  readonly Producer: new(config: NativeConfig) => NativeProducer
  readonly AdminClient: {
    readonly create: (config: NativeConfig) => NativeAdmin
    /** Shares the connections of a connected client, and does not end them. */
    readonly createFrom: (client: NativeConsumer | NativeProducer) => NativeAdmin
  }
  readonly OffsetSpec: (new(timestamp: number) => unknown) & { readonly EARLIEST: unknown; readonly LATEST: unknown }
  readonly librdkafkaVersion: string
}

const driver = "@confluentinc/kafka-javascript"

const problemOf = (cause: unknown): { readonly problem: string; readonly command: string } => {
  const text = cause instanceof Error ? cause.message : String(cause)
  const [, built, wanted] = /NODE_MODULE_VERSION (\d+)[^]*NODE_MODULE_VERSION (\d+)/.exec(text) ?? []
  if (built !== undefined) {
    return {
      problem: `it was built for Node's ABI ${built}, and this Node, ${process.version}, has ABI ${wanted}`,
      command: `npm rebuild ${driver}`
    }
  }
  const isThere = !(cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND")
  return {
    problem: text.split("\n")[0]!,
    // Installed without its scripts, it has no native part.
    command: isThere ? `npm rebuild ${driver}` : `CKJS_LINKING=dynamic npm install ${driver}`
  }
}

/** Why the package cannot be loaded, and what to do. Pure but for this Node's version. */
export const missing = (cause: unknown): KafkaError =>
  Errors.make("load the native client", new Errors.DriverMissing({ driver, ...problemOf(cause) }), cause)

/** Loads the package. It is an optional peer: everything else works without it. */
export const load: Effect.Effect<Native, KafkaError> = Effect.tryPromise({
  // Its d.ts and its runtime exports differ; this file says what is used of it.
  try: () => import("@confluentinc/kafka-javascript").then((module) => module.default as unknown as Native),
  catch: missing
})
