/** What an in-memory cluster is made with, and the control service that it has. Public through `InMemoryKafka`. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Types from "effect/Types"
import type * as KafkaConfig from "../../KafkaConfig.ts"
import type { KafkaError, Reason } from "../../KafkaError.ts"
import type { Delivery, Position, RawMessage, RawRecord, TopicPartition } from "../Model.ts"
import type { Resource } from "./shared/faults.ts"

export type { Resource } from "./shared/faults.ts"

/**
 * How the in-memory cluster is made.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * Whether producing to a topic that does not exist creates it (default `true`). With `false` it fails with
   * `UnknownTopic`, as brokers in production usually do.
   */
  readonly autoCreateTopics?: boolean | undefined
  /** How many partitions a topic gets that is created by producing to it (default 3). */
  readonly defaultPartitions?: number | undefined
  /** The first part of member ids (default `"millrace"`). */
  readonly clientId?: string | undefined
  /**
   * Settings of all consumers, as for any other engine. `fetchMaxWait` and `fetchMinBytes` make no difference without a
   * network.
   */
  readonly consumer?: KafkaConfig.ConsumerConfig | undefined
  /**
   * Settings of all producers, as for any other engine. `compression`, `acks: "leader"` and `idempotent` make no
   * difference without a network.
   */
  readonly producer?: KafkaConfig.ProducerConfig | undefined
}

/**
 * A record as a foreign client would send it: a missing key or value is null.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ForeignMessage = Omit<RawMessage, "key" | "value"> & {
  readonly key?: Uint8Array | null | undefined
  readonly value?: Uint8Array | null | undefined
}

/**
 * Which records of a topic are wanted.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface RecordsOptions {
  /** The one partition to look into (default: all). */
  readonly partition?: number | undefined
  /** Whether records of open and aborted transactions count (default `"read_committed"`: they do not). */
  readonly isolation?: "read_committed" | "read_uncommitted" | undefined
}

/**
 * A member of a group as the coordinator sees it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface MemberView {
  /** The id that the coordinator gave it. */
  readonly memberId: string
  /** What the member calls itself. */
  readonly clientId: string
  /** Its `groupInstanceId`, if it is a static member. */
  readonly groupInstanceId: string | undefined
  /** Its partitions, also those that it was asked to give up and has not yet. */
  readonly assignment: ReadonlyArray<TopicPartition>
}

/**
 * A topic, as far as its values are read.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Readable<out V, out RD> {
  /** Its name. */
  readonly name: string
  readonly "~millrace/Source": { readonly _V: Types.Covariant<V>; readonly _RD: Types.Covariant<RD> }
}

/**
 * What a test can do to the cluster: look inside, act as somebody else, break things. What is broken here does not
 * hinder looking.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Control {
  /** Appends a record as a foreign client would, and returns where it went. */
  readonly produce: (message: ForeignMessage) => Effect.Effect<Delivery, KafkaError>
  /** Returns the records of a topic, by partition and offset; none when the topic does not exist. */
  readonly records: (topic: string, options?: RecordsOptions) => Effect.Effect<ReadonlyArray<RawRecord>>
  /**
   * Returns the values of a topic, decoded by its codec, by partition and offset. One that cannot be decoded is a
   * defect that names its place.
   */
  readonly values: <V, RD>(
    topic: Readable<V, RD>,
    options?: RecordsOptions
  ) => Effect.Effect<ReadonlyArray<V>, never, RD>
  /**
   * Lets consumers, producers and handlers run until nothing more happens without time passing. It sees what they do
   * with the cluster: to wait for something else, wait for that.
   */
  readonly settle: Effect.Effect<void>
  /**
   * Moves the `TestClock`, as `TestClock.adjust` does, and settles before and after. Consumers without work look around
   * less often meanwhile, so that days pass in a fraction of a second; what is due meanwhile happens at its time.
   */
  readonly jump: (duration: Duration.Input) => Effect.Effect<void>
  /** Returns the committed offsets of a group. */
  readonly committed: (groupId: string) => Effect.Effect<ReadonlyArray<Position>>
  /** Returns who is in a group. */
  readonly members: (groupId: string) => Effect.Effect<ReadonlyArray<MemberView>>
  /**
   * Adds a member that takes partitions and gives them back when asked, but reads nothing. Returns the member's id.
   * `assignor` (default: the group's, else cooperative-sticky) is that of the member.
   */
  readonly join: (
    groupId: string,
    topics: ReadonlyArray<string>,
    options?: { readonly assignor?: KafkaConfig.Assignor | undefined }
  ) => Effect.Effect<string, KafkaError>
  /** Takes a member out of its group, as if it had left. */
  readonly leave: (groupId: string, memberId: string) => Effect.Effect<void>
  /** Ends the session of one member, or of all: their partitions are lost, and they come back by themselves. */
  readonly expire: (groupId: string, memberId?: string) => Effect.Effect<void>
  /**
   * Ends a client as a crash would: it does nothing any more, and the group gives its partitions away when its
   * `sessionTimeout` is over.
   */
  readonly kill: (groupId: string, memberId: string) => Effect.Effect<void>
  /** Makes the group share its partitions again; with an eager assignor everything is revoked first. */
  readonly rebalance: (groupId: string) => Effect.Effect<void>
  /**
   * `"down"`: nothing can be fetched, produced or committed until `"up"`. Consumers get `BrokerUnreachable`, records
   * fail after `deliveryTimeout`, requests after 30 seconds.
   */
  readonly broker: (state: "up" | "down") => Effect.Effect<void>
  /** Every fetch, delivery and request takes this long from now on. `slow(0)` ends it. */
  readonly slow: (latency: Duration.Input) => Effect.Effect<void>
  /**
   * The next `times` (default 1) records, of one `topic` or of any, fail with `reason`, as if the client had given up
   * its own retries.
   */
  readonly failProduce: (options: {
    readonly reason: Reason
    readonly times?: number | undefined
    readonly topic?: string | undefined
  }) => Effect.Effect<void>
  /** The next `times` (default 1) commits are refused with `reason` (default: a retryable `CommitFailed`). */
  readonly failCommit: (options?: {
    readonly reason?: Reason | undefined
    readonly times?: number | undefined
  }) => Effect.Effect<void>
  /**
   * Takes an ACL away. Members of a forbidden group fail for good; a forbidden topic is reported once and read again
   * after `grant`.
   */
  readonly revokeAuthorization: (resource: Resource) => Effect.Effect<void>
  /** Gives back an ACL that `revokeAuthorization` took away. */
  readonly grant: (resource: Resource) => Effect.Effect<void>
  /** Removes all records of a partition before an offset, so that positions before it are out of range. */
  readonly truncate: (topic: string, partition: number, offset: number) => Effect.Effect<void>
  /**
   * Applies `retention.ms` and `retention.bytes` of all topics with `cleanup.policy` `delete` now (nothing is ever
   * removed by itself). Returns how many records it removed.
   */
  readonly retain: Effect.Effect<number>
  /** Keeps the last record of each key of a topic and leaves gaps. Returns how many records it removed. */
  readonly compact: (topic: string) => Effect.Effect<number>
}
