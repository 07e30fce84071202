/** An admin client of the in-memory cluster. */
import * as Effect from "effect/Effect"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { distinct } from "../../TopicPartition.ts"
import { positionsProblem, specProblem } from "../checkOffsets.ts"
import type {
  AdminClient,
  GroupDescription,
  GroupListing,
  NewTopic,
  OffsetSpec,
  Position,
  TopicDescription,
  TopicPartition
} from "../KafkaEngine.ts"
import type { Cluster } from "./cluster/cluster.ts"
import type { GroupCoordinator } from "./groups/group.ts"
import type { Isolation, PartitionLog } from "./topics/log.ts"
import { describe } from "./topics/topics.ts"

const nonEmptyGroup = (operation: string, groupId: string): KafkaError =>
  Errors.make(
    operation,
    new Errors.BrokerError({
      code: 68,
      name: "NON_EMPTY_GROUP",
      problem: `group "${groupId}" has members; stop its consumers first`,
      retryable: false
    })
  )

const listing = (groupId: string, group: GroupCoordinator | undefined): GroupListing => ({
  groupId,
  state: group?.state ?? "Empty",
  protocol: group?.protocol ?? "classic"
})

const description = (groupId: string, group: GroupCoordinator | undefined): GroupDescription => ({
  ...listing(groupId, group),
  members: [...group ?? []].map(({ owned, spec }) => ({
    memberId: spec.memberId,
    groupInstanceId: spec.instanceId,
    clientId: spec.clientId,
    host: "/127.0.0.1",
    assignment: owned.toArray()
  }))
})

/** Asks the cluster, which answers as one broker would. */
export class MemoryAdmin implements AdminClient {
  private readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  get listTopics(): Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError> {
    return this.cluster.request("list topics", () => Effect.sync(() => [...this.cluster.topics].map(describe)))
  }

  readonly describeTopics = (
    names: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<TopicDescription>, KafkaError> =>
    this.cluster.request("describe topics", () =>
      Effect.sync(() =>
        [...new Set(names)].flatMap((name) => {
          const topic = this.cluster.topics.get(name)
          return topic === undefined ? [] : [describe(topic)]
        })
      ))

  readonly createTopic = (topic: NewTopic): Effect.Effect<void, KafkaError> =>
    this.changing("create topic", topic.name, () => this.cluster.topics.create(topic))

  readonly createPartitions = (topic: string, total: number): Effect.Effect<void, KafkaError> =>
    this.changing("create partitions", topic, () => this.cluster.topics.grow(topic, total))

  /** Groups find out when they look again (`metadataRefresh`); committed offsets of the topic go at once. */
  readonly deleteTopic = (name: string): Effect.Effect<void, KafkaError> =>
    this.cluster.command("delete topic", () => {
      const logs = this.cluster.topics.get(name)?.logs ?? []
      const error = this.forbidden("delete topic", name) ?? this.cluster.topics.delete(name)
      if (error !== undefined) return error
      this.cluster.groups.forgetTopic(name)
      for (const log of logs) log.announce()
      return undefined
    })

  readonly describeConfigs = (topic: string): Effect.Effect<Readonly<{ [name: string]: string }>, KafkaError> =>
    this.cluster.request("describe configs", () => {
      const found = this.cluster.topics.get(topic)
      return found === undefined
        ? Effect.fail(Errors.make("describe configs", new Errors.UnknownTopic({ topic })))
        : Effect.succeed(found.config.toRecord())
    })

  readonly alterConfigs = (
    topic: string,
    changes: Readonly<{ [name: string]: string | null }>
  ): Effect.Effect<void, KafkaError> =>
    this.cluster.command(
      "alter configs",
      () => this.forbidden("alter configs", topic) ?? this.cluster.topics.configure(topic, changes)
    )

  get listGroups(): Effect.Effect<ReadonlyArray<GroupListing>, KafkaError> {
    const { groups } = this.cluster
    return this.cluster.request(
      "list groups",
      () => Effect.sync(() => groups.ids().map((groupId) => listing(groupId, groups.get(groupId))))
    )
  }

  readonly describeGroups = (
    groupIds: ReadonlyArray<string>
  ): Effect.Effect<ReadonlyArray<GroupDescription>, KafkaError> => {
    const { groups } = this.cluster
    return this.cluster.request("describe groups", () =>
      Effect.sync(() => {
        const known = new Set(groups.ids())
        return groupIds.filter((groupId) => known.has(groupId)).map((groupId) =>
          description(groupId, groups.get(groupId))
        )
      }))
  }

  readonly deleteGroup = (groupId: string): Effect.Effect<void, KafkaError> =>
    this.cluster.command("delete group", () => {
      const { groups } = this.cluster
      if ((groups.get(groupId)?.size ?? 0) > 0) return nonEmptyGroup("delete group", groupId)
      if (!groups.ids().includes(groupId)) {
        const problem = `group "${groupId}" does not exist`
        const name = "GROUP_ID_NOT_FOUND"
        return Errors.make("delete group", new Errors.BrokerError({ code: 69, name, problem, retryable: false }))
      }
      groups.delete(groupId)
      return undefined
    })

  readonly groupOffsets = (groupId: string): Effect.Effect<ReadonlyArray<Position>, KafkaError> =>
    this.cluster.request("group offsets", () => Effect.sync(() => this.cluster.groups.offsets(groupId).all()))

  readonly alterGroupOffsets = (
    groupId: string,
    positions: ReadonlyArray<Position>
  ): Effect.Effect<void, KafkaError> =>
    this.cluster.command("alter group offsets", () => {
      const { groups } = this.cluster
      const wrong = positionsProblem("alterGroupOffsets", positions)
      if (wrong !== undefined) return wrong
      if ((groups.get(groupId)?.size ?? 0) > 0) return nonEmptyGroup("alter group offsets", groupId)
      return groups.commit(groupId, undefined, positions)
    })

  readonly listOffsets = (
    partitions: ReadonlyArray<TopicPartition>,
    at: OffsetSpec,
    isolation: Isolation = "read_uncommitted"
  ): Effect.Effect<ReadonlyArray<Position>, KafkaError> =>
    this.cluster.request("list offsets", () => {
      const wrong = specProblem("listOffsets", partitions, at)
      if (wrong !== undefined) return Effect.fail(wrong)
      return Effect.forEach(distinct(partitions), ({ partition, topic }) => {
        const log = this.cluster.topics.log({ topic, partition })
        return log === undefined
          ? Effect.fail(Errors.make("list offsets", new Errors.UnknownTopic({ topic, partition })))
          : Effect.succeed({ topic, partition, offset: offsetOf(log, at, isolation) })
      })
    })

  readonly deleteRecords = (positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> =>
    this.cluster.command("delete records", () => {
      const wrong = positionsProblem("deleteRecords", positions)
      if (wrong !== undefined) return wrong
      for (const { offset, partition, topic } of positions) {
        const log = this.cluster.topics.log({ topic, partition })
        if (log === undefined) return Errors.make("delete records", new Errors.UnknownTopic({ topic, partition }))
        if (offset > log.endOffset) {
          return Errors.make("delete records", new Errors.OffsetOutOfRange({ topic, partition, offset }))
        }
      }
      for (const position of positions) {
        const log = this.cluster.topics.log(position)!
        log.truncate(position.offset)
        log.announce()
      }
      return undefined
    })

  private changing(
    operation: string,
    topic: string,
    run: () => KafkaError | undefined
  ): Effect.Effect<void, KafkaError> {
    return this.cluster.command(operation, () => {
      const error = this.forbidden(operation, topic) ?? run()
      if (error === undefined) this.cluster.topicsChanged()
      return error
    })
  }

  private forbidden(operation: string, name: string): KafkaError | undefined {
    return this.cluster.faults.isDenied("topic", name)
      ? Errors.make(operation, new Errors.AuthorizationFailed({ resource: "topic", name }))
      : undefined
  }
}

const offsetOf = (log: PartitionLog, at: OffsetSpec, isolation: Isolation): number => {
  if (at === "earliest") return log.startOffset
  return at === "latest" ? log.limit(isolation) : log.offsetAt(isolation, at.timestamp)
}
