/** Whether topics are there, and why not: in the cluster's metadata, one that may not be seen looks like none. */
import * as Effect from "effect/Effect"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Subscription, TopicPartition } from "../../KafkaEngine.ts"
import type { Native, NativeAdmin, NativeConsumer, NativeTopicDescription } from "../shared/native.ts"

const denied = 29
const unknown = 3

/** How long one question may take, in milliseconds. */
const timeoutMs = 2_000

/** How long brokers may take to learn of a topic that was just created; without an answer it counts as unknown. */
const patienceMs = 5_000

const lookAgainMs = 100

const describe = (admin: NativeAdmin, topics: ReadonlyArray<string>) =>
  Effect.callback<ReadonlyArray<NativeTopicDescription>>((resume) => {
    admin.describeTopics(topics, { timeout: timeoutMs }, (_, found) => resume(Effect.succeed(found ?? [])))
  })

/** Real time on purpose: the brokers do not know of a test's clock. */
const pause = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), lookAgainMs)
  return Effect.sync(() => clearTimeout(timer))
})

const lookUntilThere = Effect.fnUntraced(function*(
  admin: NativeAdmin,
  topics: ReadonlyArray<string>
): Effect.fn.Return<void, KafkaError> {
  const end = performance.now() + patienceMs
  while (true) {
    const found = yield* describe(admin, topics)
    const codeOf = (topic: string) => {
      const one = found.find(({ name }) => name === topic)
      return one === undefined ? unknown : one.error?.code
    }
    const hidden = topics.find((topic) => codeOf(topic) === denied)
    if (hidden !== undefined) {
      return yield* Errors.make("subscribe", new Errors.AuthorizationFailed({ resource: "topic", name: hidden }))
    }
    const missing = topics.find((topic) => codeOf(topic) !== undefined)
    if (missing === undefined) return
    if (performance.now() >= end) return yield* Errors.make("subscribe", new Errors.UnknownTopic({ topic: missing }))
    yield* pause
  }
})

/** Fails when one of these topics, which are not in what a connected consumer sees, is not there a while later. */
export const areThere = (
  native: Native,
  consumer: NativeConsumer,
  topics: ReadonlyArray<string>
): Effect.Effect<void, KafkaError> =>
  topics.length === 0 ? Effect.void : Effect.acquireUseRelease(
    Effect.sync(() => native.AdminClient.createFrom(consumer)),
    (admin) => lookUntilThere(admin, topics),
    (admin) => Effect.sync(() => admin.disconnect())
  )

/** What a client reads, where that is one place: librdkafka's errors about a topic do not always name it. */
export const soleTopic = (subscription: Subscription): Partial<TopicPartition> => {
  const isManual = subscription._tag === "Manual"
  if (!isManual && subscription.patterns.length > 0) return {}
  const topics = new Set(isManual ? subscription.positions.map(({ topic }) => topic) : subscription.topics)
  const [topic] = topics
  return topic === undefined || topics.size > 1 ? {} : { topic }
}
