/** Creates topics, and waits until the brokers know them. */
import * as Effect from "effect/Effect"
import type { AdminClient, NewTopic, TopicDescription } from "../../engine/AdminClient.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** How long a new topic may take until the brokers know it, in milliseconds; usually it takes a moment. */
const visibleWithin = 30_000
const lookEvery = 100

/** The topics with these names that exist. */
export const describe = (
  admin: AdminClient,
  names: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, TopicDescription>, KafkaError> =>
  Effect.map(
    names.length === 0 ? Effect.succeed([]) : admin.describeTopics([...new Set(names)]),
    (descriptions) => new Map(descriptions.map((description) => [description.name, description]))
  )

const untilVisible = Effect.fnUntraced(function*(admin: AdminClient, names: ReadonlyArray<string>) {
  for (let waited = 0;; waited += lookEvery) {
    const found = yield* describe(admin, names)
    if (names.every((name) => found.has(name))) return
    if (waited >= visibleWithin) {
      const operation = `waiting for the created topics ${names.join(", ")}`
      return yield* Errors.make("create topic", new Errors.Timeout({ operation, timeoutMs: visibleWithin }))
    }
    yield* Effect.sleep(lookEvery)
  }
})

/**
 * Creates topics and returns the names of those that it made. If another process creates one first, that is no failure:
 * the topic exists.
 */
export const create = Effect.fnUntraced(function*(
  admin: AdminClient,
  wanted: ReadonlyArray<NewTopic>
): Effect.fn.Return<ReadonlySet<string | undefined>, KafkaError> {
  const made = yield* Effect.forEach(wanted, (topic) =>
    admin.createTopic(topic).pipe(
      Effect.as(topic.name),
      Effect.catchReason("KafkaError", "TopicExists", () => Effect.undefined)
    ), { concurrency: 4 })
  yield* untilVisible(admin, wanted.map(({ name }) => name))
  return new Set(made)
})
