/**
 * The admin client of an engine, and what it tells of topics and groups.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { KafkaError } from "../KafkaError.ts"
import type { Position, TopicPartition } from "./Model.ts"

/**
 * A topic to be created. `replicationFactor` defaults to the broker's.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface NewTopic {
  readonly name: string
  readonly partitions: number
  readonly replicationFactor?: number | undefined
  readonly config?: Readonly<{ [name: string]: string }> | undefined
}

/**
 * What the cluster knows of a topic.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TopicDescription {
  readonly name: string
  readonly internal: boolean
  readonly partitions: ReadonlyArray<{
    readonly partition: number
    readonly leader: number
    readonly replicas: ReadonlyArray<number>
    readonly inSync: ReadonlyArray<number>
  }>
}

/**
 * A line of the list of groups.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface GroupListing {
  readonly groupId: string
  readonly state: string
  readonly protocol: "classic" | "consumer" | "unknown"
}

/**
 * What the cluster knows of a group.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface GroupDescription extends GroupListing {
  readonly members: ReadonlyArray<{
    readonly memberId: string
    readonly groupInstanceId: string | undefined
    readonly clientId: string
    readonly host: string
    readonly assignment: ReadonlyArray<TopicPartition>
  }>
}

/**
 * Which offset of a partition is asked for: an end of the log, or the first record at or after a time in milliseconds
 * (when there is none, the end).
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type OffsetSpec = "earliest" | "latest" | { readonly timestamp: number }

/**
 * An admin client. `Admin` has the same as functions that find the engine by themselves.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface AdminClient {
  /** All topics, the internal ones marked. */
  readonly listTopics: Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError>
  /** What is known of these topics; those that do not exist are left out. */
  readonly describeTopics: (
    names: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError>
  /**
   * Creates a topic. Fails with `TopicExists`, or with `BrokerError` when its name is refused or collides with another.
   */
  readonly createTopic: (topic: NewTopic) => Effect.Effect<void, KafkaError>
  /** Grows a topic to `total` partitions. Keys go to other partitions then. */
  readonly createPartitions: (topic: string, total: number) => Effect.Effect<void, KafkaError>
  /** Deletes a topic with its records. Fails with `UnknownTopic`. */
  readonly deleteTopic: (name: string) => Effect.Effect<void, KafkaError>
  /** The settings of a topic that are in force. Needs the capability `"configs"`. */
  readonly describeConfigs: (
    topic: string
  ) => Effect.Effect<Readonly<{ [name: string]: string }>, KafkaError>
  /** Sets settings of a topic; null gives one back to its default. Needs the capability `"configs"`. */
  readonly alterConfigs: (
    topic: string,
    changes: Readonly<{ [name: string]: string | null }>
  ) => Effect.Effect<void, KafkaError>
  /** All groups, with members or with offsets alone. */
  readonly listGroups: Effect.Effect<ReadonlyArray<GroupListing>, KafkaError>
  /** What is known of these groups; those that do not exist are left out. */
  readonly describeGroups: (
    groupIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<GroupDescription>, KafkaError>
  /** Deletes a group without members, and its offsets. */
  readonly deleteGroup: (groupId: string) => Effect.Effect<void, KafkaError>
  /** The committed positions of a group; none when it does not exist. */
  readonly groupOffsets: (groupId: string) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
  /** Commits positions for a group without members. Fails with `InvalidSetting` for what is no offset. */
  readonly alterGroupOffsets: (
    groupId: string,
    positions: ReadonlyArray<Position>
  ) => Effect.Effect<void, KafkaError>
  /**
   * Where these partitions begin or end, or have their first record at or after a time. With `isolation`
   * `"read_committed"` the end is that of readers of committed records.
   */
  readonly listOffsets: (
    partitions: ReadonlyArray<TopicPartition>,
    at: OffsetSpec,
    isolation?: "read_committed" | "read_uncommitted"
  ) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
  /** Removes everything before these positions. */
  readonly deleteRecords: (positions: ReadonlyArray<Position>) => Effect.Effect<void, KafkaError>
}
