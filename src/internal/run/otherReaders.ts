/** Looks for other groups that read the retry topics of a consumer: both would handle each record. */
import * as Effect from "effect/Effect"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import * as RetryTopics from "../../RetryTopic.ts"
import type { Plan } from "../plan/plan.ts"

/** Standard names contain the group, so no other group has them by chance. */
const mayBeShared = ({ retries, topology }: Plan): boolean =>
  topology.naming !== RetryTopics.standard || retries.group !== undefined

/** Refuses, or warns of, groups with members that read one of these topics. */
export const checkReaders = Effect.fnUntraced(function*(
  plan: Plan,
  topics: ReadonlyArray<string>
): Effect.fn.Return<void, KafkaError, KafkaEngine.Service> {
  if (!mayBeShared(plan)) return
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const wanted = new Set(topics)
  const others = Effect.flatMap(
    admin.listGroups,
    (groups) => admin.describeGroups(groups.flatMap(({ groupId }) => groupId === plan.group ? [] : groupId))
  )
  // A group that this client may not describe does not keep the consumer from starting.
  const described = yield* Effect.catch(others, (error) =>
    Effect.as(
      Effect.logWarning(`groups that may read the same retry topics cannot be looked up: ${error.message}`),
      []
    ))
  const readers = described.flatMap(({ groupId, members }) => {
    const read = members.flatMap(({ assignment }) => assignment).find(({ topic }) => wanted.has(topic))
    return read === undefined ? [] : [{ groupId, topic: read.topic }]
  })
  const [first] = readers
  if (first === undefined) return
  const words =
    `group "${first.groupId}" reads "${first.topic}" as well, and each record there would be handled twice: `
    + `stop it and take its place with \`millrace retry adopt --from-group ${first.groupId}\`, or set retries.group `
    + "to it"
  if (plan.retries.otherReaders === "warn") return yield* Effect.logWarning(words)
  return yield* invalidSetting("retries.otherReaders", words)
})
