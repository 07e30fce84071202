/** What tests do to the in-memory cluster: look inside, act as somebody else, break things. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { KafkaError } from "../../KafkaError.ts"
import type { Cluster } from "./cluster/cluster.ts"
import { joinPassively } from "./consumer/passiveMember.ts"
import { decodeValues, jump, settle } from "./kit.ts"
import type { Control, RecordsOptions } from "./options.ts"
import { Partitioner } from "./producer/partitioner.ts"
import { MessageCopier } from "./topics/message.ts"

/** The control service of a cluster. It acts on the broker itself: faults do not hinder it. */
export const makeControl = (cluster: Cluster): Control => {
  const { faults, groups, topics } = cluster
  const partitioner = new Partitioner()
  const copier = new MessageCopier()

  const memberIds = (groupId: string): ReadonlyArray<string> =>
    [...groups.get(groupId) ?? []].map(({ spec }) => spec.memberId)

  const recordsOf = (topic: string, { isolation = "read_committed", partition }: RecordsOptions = {}) => {
    const logs = topics.get(topic)?.logs ?? []
    return logs.filter((log) => partition === undefined || log.partition === partition).flatMap((log) =>
      log.read(isolation, log.startOffset, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true).records
    )
  }

  return {
    produce: (message) =>
      Effect.suspend(() => {
        const raw = copier.copy({ ...message, key: message.key ?? null, value: message.value ?? null })
        const record = cluster.append(raw, (partitions) => partitioner.choose(raw, partitions), { anyTime: true })
        partitioner.endBatch()
        if (record instanceof KafkaError) return Effect.fail(record)
        const { offset, partition, timestamp, topic } = record
        topics.log(record)!.announce()
        return Effect.succeed({ topic, partition, offset, timestamp })
      }),
    records: (topic, options) => Effect.sync(() => recordsOf(topic, options)),
    values: (topic, options) => Effect.suspend(() => decodeValues(topic, recordsOf(topic.name, options))),
    settle: settle(cluster),
    jump: jump(cluster),
    committed: (groupId) => Effect.sync(() => groups.offsets(groupId).all()),
    members: (groupId) =>
      Effect.sync(() =>
        [...groups.get(groupId) ?? []].map(({ owned, spec: { clientId, instanceId, memberId } }) => ({
          memberId,
          clientId,
          groupInstanceId: instanceId,
          assignment: owned.toArray()
        }))
      ),
    join: (groupId, wanted, options) =>
      Effect.suspend(() => {
        const joined = joinPassively(cluster, groupId, wanted, options?.assignor)
        return joined instanceof KafkaError ? Effect.fail(joined) : Effect.succeed(joined)
      }),
    leave: (groupId, memberId) => Effect.sync(() => groups.leave(groupId, memberId)),
    expire: (groupId, memberId) =>
      Effect.sync(() => {
        for (const id of memberId === undefined ? memberIds(groupId) : [memberId]) groups.evict(groupId, id)
      }),
    kill: (groupId, memberId) => Effect.sync(() => groups.kill(groupId, memberId)),
    rebalance: (groupId) => Effect.sync(() => groups.rebalance(groupId)),
    broker: (state) => Effect.sync(() => cluster.setUp(state === "up")),
    slow: (latency) =>
      Effect.sync(() => {
        faults.latencyMillis = Duration.toMillis(Duration.fromInputUnsafe(latency))
      }),
    failProduce: ({ reason, times = 1, topic }) => Effect.sync(() => faults.planProduceFailures(times, reason, topic)),
    failCommit: ({ reason, times = 1 } = {}) => Effect.sync(() => faults.planCommitFailures(times, reason)),
    revokeAuthorization: (resource) =>
      Effect.sync(() => {
        faults.deny(resource)
        if (resource.resource === "group") groups.forbid(resource.name)
        cluster.changed()
      }),
    grant: (resource) =>
      Effect.sync(() => {
        faults.grant(resource)
        cluster.changed()
      }),
    truncate: (topic, partition, offset) =>
      Effect.sync(() => {
        const log = topics.log({ topic, partition })
        log?.truncate(offset)
        log?.announce()
      }),
    retain: Effect.sync(() => {
      let removed = 0
      for (const { config, logs } of topics) {
        if (!config.deletes) continue
        for (const log of logs) {
          removed += log.retain(cluster.now - config.retentionMillis, config.retentionBytes)
          log.announce()
        }
      }
      return removed
    }),
    compact: (topic) =>
      Effect.sync(() => {
        const found = topics.get(topic)
        if (found === undefined) return 0
        const tombstonesBefore = cluster.now - found.config.tombstoneMillis
        return found.logs.reduce((removed, log) => removed + log.compact(tombstonesBefore), 0)
      })
  }
}
