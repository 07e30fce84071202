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
 * An admin client. For what does not exist, calls fail with `UnknownTopic` or return nothing, as noted.
 *
 * - `describeTopics` and `describeGroups` leave out what does not exist. `listTopics` includes internal ones, marked.
 * - `describeConfigs` and `alterConfigs` work on topics and need the capability `"configs"`.
 * - `groupOffsets` returns the committed positions of a group; a group that does not exist has none.
 * - `alterGroupOffsets` and `deleteGroup` need a group without members.
 * - `deleteRecords` removes everything before the given positions.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface AdminClient {
  readonly listTopics: Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError>
  readonly describeTopics: (
    names: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError>
  readonly createTopic: (topic: NewTopic) => Effect.Effect<void, KafkaError>
  readonly createPartitions: (topic: string, total: number) => Effect.Effect<void, KafkaError>
  readonly deleteTopic: (name: string) => Effect.Effect<void, KafkaError>
  readonly describeConfigs: (
    topic: string
  ) => Effect.Effect<Readonly<{ [name: string]: string }>, KafkaError>
  readonly alterConfigs: (
    topic: string,
    changes: Readonly<{ [name: string]: string | null }>
  ) => Effect.Effect<void, KafkaError>
  readonly listGroups: Effect.Effect<ReadonlyArray<GroupListing>, KafkaError>
  readonly describeGroups: (
    groupIds: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<GroupDescription>, KafkaError>
  readonly deleteGroup: (groupId: string) => Effect.Effect<void, KafkaError>
  readonly groupOffsets: (groupId: string) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
  readonly alterGroupOffsets: (
    groupId: string,
    positions: ReadonlyArray<Position>
  ) => Effect.Effect<void, KafkaError>
  readonly listOffsets: (
    partitions: ReadonlyArray<TopicPartition>,
    at: OffsetSpec,
    isolation?: "read_committed" | "read_uncommitted"
  ) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
  readonly deleteRecords: (positions: ReadonlyArray<Position>) => Effect.Effect<void, KafkaError>
}
