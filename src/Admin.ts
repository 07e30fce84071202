/**
 * The admin client of the engine as functions: topics, their settings and records, groups and their offsets.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type {
  AdminClient,
  GroupDescription,
  GroupListing,
  NewTopic,
  OffsetSpec,
  TopicDescription
} from "./engine/AdminClient.ts"
import * as KafkaEngine from "./engine/KafkaEngine.ts"
import type { Position, TopicPartition } from "./engine/Model.ts"
import type { KafkaError } from "./KafkaError.ts"

const use = <A>(
  run: (admin: AdminClient) => Effect.Effect<A, KafkaError>
): Effect.Effect<A, KafkaError, KafkaEngine.Service> =>
  Effect.flatMap(KafkaEngine.Service, (engine) => Effect.flatMap(engine.admin, run))

/**
 * All topics of the cluster; the internal ones are marked.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Admin } from "millrace"
 *
 * export const names = Effect.map(Admin.listTopics, (topics) => topics.map(({ name }) => name))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const listTopics: Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError, KafkaEngine.Service> = use((
  admin
) => admin.listTopics)

/**
 * What the cluster knows of topics: their partitions, leaders and replicas. Those that do not exist are left out.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const orders = Admin.describeTopics(["orders", "payments"])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const describeTopics = (
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.describeTopics(names))

/**
 * Creates topics, one after the other. Fails with `TopicExists`, or with `BrokerError` when a name is refused or
 * collides with another; those before it exist then. `Topic.ensure` leaves alone what is there.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const made = Admin.createTopics([
 *   { name: "orders", partitions: 12, config: { "retention.ms": "86400000" } },
 *   { name: "payments", partitions: 3, replicationFactor: 3 }
 * ])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const createTopics = (topics: ReadonlyArray<NewTopic>): Effect.Effect<void, KafkaError, KafkaEngine.Service> =>
  use((admin) => Effect.forEach(topics, (topic) => admin.createTopic(topic), { discard: true }))

/**
 * Grows a topic to `total` partitions. Keys go to other partitions then, and their order with older records is gone.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const grow = (total: number) => Admin.createPartitions("orders", total)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const createPartitions = (topic: string, total: number): Effect.Effect<void, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.createPartitions(topic, total))

/**
 * Deletes topics with their records, one after the other. Fails with `UnknownTopic`.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const remove = (names: ReadonlyArray<string>) => Admin.deleteTopics(names)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const deleteTopics = (names: ReadonlyArray<string>): Effect.Effect<void, KafkaError, KafkaEngine.Service> =>
  use((admin) => Effect.forEach(names, (name) => admin.deleteTopic(name), { discard: true }))

/**
 * The settings of a topic that are in force, by Kafka's names. Fails with `Unsupported` where the engine lacks the
 * capability `"configs"`.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const settingsOf = (topic: string) => Admin.describeConfigs(topic)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const describeConfigs = (
  topic: string
): Effect.Effect<Readonly<{ [name: string]: string }>, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.describeConfigs(topic))

/**
 * Sets settings of a topic by Kafka's names; null gives one back to its default. Fails with `Unsupported` where the
 * engine lacks the capability `"configs"`.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const keep = (millis: number) => Admin.alterConfigs("orders", { "retention.ms": String(millis) })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category topics
 */
export const alterConfigs = (
  topic: string,
  changes: Readonly<{ [name: string]: string | null }>
): Effect.Effect<void, KafkaError, KafkaEngine.Service> => use((admin) => admin.alterConfigs(topic, changes))

/**
 * All groups, with members or with offsets alone.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const groups = Admin.listGroups
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category groups
 */
export const listGroups: Effect.Effect<ReadonlyArray<GroupListing>, KafkaError, KafkaEngine.Service> = use((admin) =>
  admin.listGroups
)

/**
 * The members of groups and what they have. Groups that do not exist are left out.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const billing = Admin.describeGroups(["billing"])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category groups
 */
export const describeGroups = (
  groupIds: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<GroupDescription>, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.describeGroups(groupIds))

/**
 * Deletes groups without members, and their offsets, one after the other.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const remove = (groupIds: ReadonlyArray<string>) => Admin.deleteGroups(groupIds)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category groups
 */
export const deleteGroups = (groupIds: ReadonlyArray<string>): Effect.Effect<void, KafkaError, KafkaEngine.Service> =>
  use((admin) => Effect.forEach(groupIds, (groupId) => admin.deleteGroup(groupId), { discard: true }))

/**
 * The committed positions of a group; none when it does not exist.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const progress = Admin.groupOffsets("billing")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category groups
 */
export const groupOffsets = (
  groupId: string
): Effect.Effect<ReadonlyArray<Position>, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.groupOffsets(groupId))

/**
 * Commits positions for a group without members: where it goes on when it is started. Fails with `InvalidSetting` for
 * what is no offset, before anything is committed.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const goOnFrom = (offset: number) =>
 *   Admin.alterGroupOffsets("billing", [{ topic: "orders", partition: 0, offset }])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category groups
 */
export const alterGroupOffsets = (
  groupId: string,
  positions: ReadonlyArray<Position>
): Effect.Effect<void, KafkaError, KafkaEngine.Service> => use((admin) => admin.alterGroupOffsets(groupId, positions))

/**
 * Where partitions begin or end, or have their first record at or after a time in milliseconds (the end, when there is
 * none). With `isolation` `"read_committed"` the end is before the first open transaction.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const since = (timestamp: number) => Admin.listOffsets([{ topic: "orders", partition: 0 }], { timestamp })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category records
 */
export const listOffsets = (
  partitions: ReadonlyArray<TopicPartition>,
  at: OffsetSpec,
  isolation?: "read_committed" | "read_uncommitted"
): Effect.Effect<ReadonlyArray<Position>, KafkaError, KafkaEngine.Service> =>
  use((admin) => admin.listOffsets(partitions, at, isolation))

/**
 * Removes the records of partitions before these positions, for good.
 *
 * @example
 * ```ts
 * import { Admin } from "millrace"
 *
 * export const clear = (offset: number) => Admin.deleteRecords([{ topic: "orders", partition: 0, offset }])
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category records
 */
export const deleteRecords = (
  positions: ReadonlyArray<Position>
): Effect.Effect<void, KafkaError, KafkaEngine.Service> => use((admin) => admin.deleteRecords(positions))
