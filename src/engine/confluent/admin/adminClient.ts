/** An admin client over the native one, with what the binding has; the rest says so. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { distinct } from "../../../TopicPartition.ts"
import { checked, positionsProblem, specProblem } from "../../checkOffsets.ts"
import type { AdminClient, GroupDescription, OffsetSpec, Position, TopicDescription } from "../../KafkaEngine.ts"
import { isOneOf, toNative, toPartition, toPositions } from "../consumer/commits.ts"
import { connect, disconnect } from "../shared/connection.ts"
import type { Environment } from "../shared/environment.ts"
import { construct } from "../shared/environment.ts"
import { fromNative } from "../shared/errors.ts"
import type { Context } from "../shared/errors.ts"
import type {
  NativeError,
  NativeGroup,
  NativePosition,
  NativeProducer,
  NativeTopicDescription
} from "../shared/native.ts"
import * as NativeCalls from "../shared/nativeCalls.ts"
import * as Settings from "../shared/settings.ts"
import { commitFor } from "./commitFor.ts"

/** By librdkafka's number, with Kafka's own names. */
const groupStates = [
  "Unknown",
  "PreparingRebalance",
  "CompletingRebalance",
  "Stable",
  "Dead",
  "Empty",
  "Assigning",
  "Reconciling"
]
const groupTypes = ["unknown", "consumer", "classic"] as const

const unknownMember = 25
const unknownTopic = 3

const describedTopic = (topic: NativeTopicDescription): TopicDescription => ({
  name: topic.name,
  internal: topic.isInternal,
  partitions: topic.partitions.map(({ isr, leader, partition, replicas }) => ({
    partition,
    leader: leader?.id ?? -1,
    replicas: replicas.map(({ id }) => id),
    inSync: isr.map(({ id }) => id)
  }))
})

const listed = (group: NativeGroup) => ({
  groupId: group.groupId,
  state: groupStates[group.state] ?? "Unknown",
  protocol: groupTypes[group.type ?? 0] ?? "unknown"
})

const describedGroup = (group: NativeGroup): GroupDescription => ({
  ...listed(group),
  members: (group.members ?? []).map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId ?? undefined,
    clientId: member.clientId,
    host: member.clientHost ?? "",
    assignment: (member.assignment?.topicPartitions ?? []).map(toPartition)
  }))
})

/**
 * The client knows a leader that is no more (6, 74), or one that does not know it yet itself (75), or none (5). The
 * client does not ask again by itself.
 */
const isOfOtherLeader = isOneOf(new Set([5, 6, 74, 75]))
const leaderPause = "100 millis"

/** Connects an admin client; it shares the connection of `producer`. */
export const make = Effect.fnUntraced(function*(
  environment: Environment
): Effect.fn.Return<AdminClient, KafkaError, Scope.Scope> {
  const { bootstrapServers, connectTimeoutMs, native, requestTimeoutMs } = environment
  const timeout = { timeout: requestTimeoutMs }
  const leaderRetry = Schedule.upTo(Schedule.spaced(leaderPause), { duration: requestTimeoutMs })
  const common = {
    ...Settings.common(environment.connection, environment.statistics, environment.door),
    ...environment.callbacks
  }
  // An admin client of its own never says that it cannot connect: a producer proves the connection first, within
  // bounds.
  const probe: NativeProducer = yield* construct(() => new native.Producer(common))
  let connected = false
  yield* Effect.addFinalizer(() =>
    connected && probe.isConnected()
      ? Effect.ignore(disconnect((done) => probe.disconnect(done), connectTimeoutMs, "close"))
      : Effect.void
  )
  yield* connect(probe, connectTimeoutMs, { operation: "connect the admin client", bootstrapServers })
  connected = true
  let running = 0
  let onEnded = () => {}
  /**
   * No native call is under way, also none whose caller was interrupted: closing the client would stop the event loop
   * until they end.
   */
  const ended = Effect.callback<void>((resume) => {
    onEnded = () => resume(Effect.void)
    if (running === 0) onEnded()
  })
  const admin = yield* Effect.acquireRelease(
    Effect.sync(() => native.AdminClient.create(common)),
    (admin) => Effect.andThen(ended, Effect.sync(() => admin.disconnect()))
  )

  const call = <A>(
    context: Omit<Context, "bootstrapServers">,
    start: (done: (error: NativeError | null | undefined, value: A) => void) => void
  ): Effect.Effect<A, KafkaError> =>
    Effect.callback<A, KafkaError>((resume) => {
      const end = NativeCalls.counted((error: NativeError | null | undefined, value?: A) => {
        resume(
          error === null || error === undefined
            ? Effect.succeed(value as A)
            : Effect.fail(fromNative(error, { timeoutMs: requestTimeoutMs, ...context, bootstrapServers }))
        )
        running--
        if (running === 0) onEnded()
      })
      running++
      try {
        start(end)
      } catch (cause) {
        end(cause as NativeError)
      }
    })

  const unsupported = (operation: string): Effect.Effect<never, KafkaError> =>
    Effect.fail(Errors.make(operation, new Errors.Unsupported({ engine: "confluent", capability: "configs" })))

  /** The first error that stands beside a result, which the binding answers as success. */
  const inResults = <A extends NativePosition>(operation: string, results: ReadonlyArray<A>) => {
    const wrong = results.find((result) => result.error !== undefined && result.error !== null)
    return wrong === undefined
      ? Effect.succeed(results)
      : Effect.fail(
        fromNative(wrong.error!, { operation, bootstrapServers, topic: wrong.topic, partition: wrong.partition })
      )
  }

  const describeTopics = Effect.fnUntraced(function*(named: ReadonlyArray<string>) {
    // librdkafka refuses a request that names one twice.
    const names = [...new Set(named)]
    if (names.length === 0) return []
    const topics = yield* call<ReadonlyArray<NativeTopicDescription>>(
      { operation: "describe topics" },
      (done) => admin.describeTopics(names, timeout, done)
    )
    const found: Array<TopicDescription> = []
    for (const topic of topics) {
      if (topic.error === undefined || topic.error === null) found.push(describedTopic(topic))
      else if (topic.error.code !== unknownTopic) {
        return yield* fromNative(topic.error, { operation: "describe topics", bootstrapServers, topic: topic.name })
      }
    }
    return found
  })

  const groups = Effect.map(
    call<{ readonly groups: ReadonlyArray<NativeGroup> }>(
      { operation: "list groups" },
      (done) => admin.listGroups(timeout, done)
    ),
    ({ groups }) => groups
  )

  /** Only groups that exist may be asked for: describing others crashes the binding. */
  const existing = (wanted: ReadonlyArray<string>) =>
    Effect.map(groups, (all) => wanted.filter((groupId) => all.some((group) => group.groupId === groupId)))

  const describeGroups = Effect.fnUntraced(function*(groupIds: ReadonlyArray<string>) {
    const known = yield* existing(groupIds)
    const described: Array<GroupDescription> = []
    for (const group of known) {
      const answer = yield* call<{ readonly groups: ReadonlyArray<NativeGroup> }>(
        { operation: "describe groups", group },
        (done) => admin.describeGroups([group], timeout, done)
      )
      for (const one of answer.groups) described.push(describedGroup(one))
    }
    return described
  })

  const alterGroupOffsets = Effect.fnUntraced(function*(groupId: string, positions: ReadonlyArray<Position>) {
    const wrong = positionsProblem("alterGroupOffsets", positions)
    if (wrong !== undefined) return yield* wrong
    const [group] = yield* describeGroups([groupId])
    if (group !== undefined && group.members.length > 0) {
      return yield* Errors.make(
        `alter the offsets of group "${groupId}"`,
        new Errors.BrokerError({
          code: unknownMember,
          name: "UNKNOWN_MEMBER_ID",
          problem: `the group has ${group.members.length} members; stop them first`,
          retryable: false
        })
      )
    }
    yield* commitFor(environment, groupId, positions)
  })

  const toSpec = (at: OffsetSpec): unknown =>
    at === "earliest"
      ? native.OffsetSpec.EARLIEST
      : at === "latest"
      ? native.OffsetSpec.LATEST
      : new native.OffsetSpec(at.timestamp)

  const listOffsets = Effect.fnUntraced(function*(
    named: ReadonlyArray<NativePosition>,
    at: OffsetSpec,
    isolation: "read_committed" | "read_uncommitted" = "read_committed"
  ): Effect.fn.Return<ReadonlyArray<Position>, KafkaError> {
    const wrong = specProblem("listOffsets", named, at)
    if (wrong !== undefined) return yield* wrong
    const partitions = distinct(named)
    if (partitions.length === 0) return []
    const operation = "list offsets"
    const offset = toSpec(at)
    const ask = Effect.flatMap(
      call<ReadonlyArray<NativePosition>>(
        { operation, topic: partitions[0]!.topic },
        (done) =>
          admin.listOffsets(
            partitions.map((partition) => ({ ...toPartition(partition), offset })),
            { ...timeout, isolationLevel: isolation === "read_committed" ? 1 : 0 },
            done
          )
      ),
      (found) => inResults(operation, found)
    )
    const checked = yield* Effect.catchIf(ask, isOfOtherLeader, () => {
      const topics = [...new Set(partitions.map(({ topic }) => topic))]
      const again = Effect.andThen(describeTopics(topics), ask)
      return Effect.retry(again, { schedule: leaderRetry, while: isOfOtherLeader })
    })
    // No record at or after the time: the end.
    const none = checked.filter((position) => (position.offset ?? -1) < 0)
    const ends: ReadonlyArray<Position> = none.length === 0 ? [] : yield* listOffsets(none, "latest", isolation)
    return [...toPositions(checked), ...ends]
  })

  return {
    listTopics: Effect.flatMap(
      call<ReadonlyArray<string>>({ operation: "list topics" }, (done) => admin.listTopics(timeout, done)),
      describeTopics
    ),
    describeTopics,
    createTopic: ({ config, name, partitions, replicationFactor = -1 }) =>
      call<void>({ operation: "create a topic", topic: name }, (done) =>
        admin.createTopic(
          {
            topic: name,
            num_partitions: partitions,
            replication_factor: replicationFactor,
            ...(config === undefined ? {} : { config })
          },
          requestTimeoutMs,
          done
        )),
    createPartitions: (topic, total) =>
      call<void>(
        { operation: "create partitions", topic },
        (done) => admin.createPartitions(topic, total, requestTimeoutMs, done)
      ),
    deleteTopic: (topic) =>
      call<void>({ operation: "delete a topic", topic }, (done) => admin.deleteTopic(topic, requestTimeoutMs, done)),
    describeConfigs: () => unsupported("describe configs"),
    alterConfigs: () => unsupported("alter configs"),
    listGroups: Effect.map(groups, (all) => all.map(listed)),
    describeGroups,
    deleteGroup: (group) =>
      Effect.flatMap(
        call<ReadonlyArray<{ readonly error?: NativeError }>>(
          { operation: "delete a group", group },
          (done) => admin.deleteGroups([group], timeout, done)
        ),
        ([result]) =>
          result?.error === undefined || result.error === null
            ? Effect.void
            : Effect.fail(fromNative(result.error, { operation: "delete a group", bootstrapServers, group }))
      ),
    groupOffsets: Effect.fnUntraced(function*(groupId: string) {
      if ((yield* existing([groupId])).length === 0) return []
      const answer = yield* call<ReadonlyArray<{ readonly partitions: ReadonlyArray<NativePosition> }>>(
        { operation: "list the offsets of a group", group: groupId },
        (done) => admin.listConsumerGroupOffsets([{ groupId }], { ...timeout }, done)
      )
      return answer.flatMap(({ partitions }) => toPositions(partitions))
    }),
    alterGroupOffsets,
    listOffsets,
    deleteRecords: (positions) =>
      checked(
        positionsProblem("deleteRecords", positions),
        positions.length === 0 ? Effect.void : Effect.flatMap(
          call<ReadonlyArray<NativePosition>>(
            { operation: "delete records", topic: positions[0]!.topic },
            (done) => admin.deleteRecords(positions.map(toNative), { ...timeout }, done)
          ),
          (results) => Effect.asVoid(inResults("delete records", results))
        )
      )
  }
})
