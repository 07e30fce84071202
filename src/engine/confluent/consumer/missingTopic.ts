/** Which topic is missing, and why: in the cluster's metadata, a topic that may not be seen looks like none. */
import * as Effect from "effect/Effect"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Subscription, TopicPartition } from "../../KafkaEngine.ts"
import type { Native, NativeConsumer } from "../shared/native.ts"

const denied = 29

/** How long the question may take, in milliseconds. Without an answer the topic counts as unknown. */
const timeoutMs = 2_000

/** The error for a topic that is missing in what a connected consumer sees. */
export const missingTopic = (native: Native, consumer: NativeConsumer, topic: string): Effect.Effect<KafkaError> =>
  Effect.callback<KafkaError>((resume) => {
    const admin = native.AdminClient.createFrom(consumer)
    admin.describeTopics([topic], { timeout: timeoutMs }, (_, topics) => {
      admin.disconnect()
      const reason = topics?.[0]?.error?.code === denied
        ? new Errors.AuthorizationFailed({ resource: "topic", name: topic })
        : new Errors.UnknownTopic({ topic })
      resume(Effect.succeed(Errors.make("subscribe", reason)))
    })
  })

/** What a client reads, where that is one place: librdkafka's errors about a topic do not always name it. */
export const soleTopic = (subscription: Subscription): Partial<TopicPartition> => {
  const isManual = subscription._tag === "Manual"
  if (!isManual && subscription.patterns.length > 0) return {}
  const topics = new Set(isManual ? subscription.positions.map(({ topic }) => topic) : subscription.topics)
  const [topic] = topics
  return topic === undefined || topics.size > 1 ? {} : { topic }
}
