/** A member of a group that takes partitions, gives them back when asked, and reads nothing. */
import * as Duration from "effect/Duration"
import * as KafkaConfig from "../../../KafkaConfig.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Cluster } from "../cluster/cluster.ts"
import { wants } from "./membership.ts"

const sessionTimeoutMillis = Duration.toMillis(
  Duration.fromInputUnsafe(KafkaConfig.consumerDefaults.sessionTimeout)
)

/** Joins. Returns the member's id, or why it was not admitted. */
export const joinPassively = (
  cluster: Cluster,
  groupId: string,
  topics: ReadonlyArray<string>,
  assignor: KafkaConfig.Assignor | undefined
): string | KafkaError => {
  const { groups, mail } = cluster
  const [member] = groups.get(groupId) ?? []
  const memberId = groups.newMemberId("foreign")
  const error = groups.join(groupId, {
    memberId,
    instanceId: undefined,
    clientId: "foreign",
    assignor: assignor ?? member?.spec.assignor ?? KafkaConfig.consumerDefaults.assignor,
    protocol: member?.spec.protocol ?? "classic",
    wants: wants({ _tag: "Group", groupId, topics, patterns: [] })
  }, {
    tell: (kind, partitions) => {
      // Later: the coordinator is in the middle of telling everybody.
      if (kind === "revoke") mail.post(() => groups.revoked(groupId, memberId, partitions))
    },
    lost: () => {},
    failed: () => {},
    kill: () => {},
    sessionTimeoutMillis
  })
  return error ?? memberId
}
