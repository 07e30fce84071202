/**
 * Making topics: `Topic.ensure`.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { AdminClient, NewTopic, TopicDescription } from "./engine/AdminClient.ts"
import * as KafkaEngine from "./engine/KafkaEngine.ts"
import { anything, type Kind, problemOf, shown } from "./internal/shared/fields.ts"
import { create, describe } from "./internal/shared/newTopics.ts"
import type { KafkaError } from "./KafkaError.ts"
import { invalidSetting } from "./KafkaError.ts"

/**
 * How topics should be.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Shape {
  /** How many partitions each has. */
  readonly partitions: number
  /** How many brokers have a copy of each partition (default: what the cluster has set). */
  readonly replication?: number | undefined
  /** Settings of the topic, such as `{ "cleanup.policy": "compact" }`; the rest is what the cluster has set. */
  readonly config?: Readonly<{ [name: string]: string }> | undefined
}

/**
 * How an existing topic differs from what was asked for.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Difference {
  /** `"partitions"`, `"replication"`, or the name of a setting. */
  readonly what: string
  /** As it was asked for. */
  readonly wanted: string
  /** As it is; `undefined` for a setting that the topic does not have. */
  readonly found: string | undefined
}

/**
 * A topic that exists now.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Ensured {
  /** Its name. */
  readonly name: string
  /** Whether it was created just now. */
  readonly created: boolean
  /** In what it differs from what was asked for; empty when it was created. */
  readonly differences: ReadonlyArray<Difference>
}

const whole = (setting: string, value: number | undefined): Effect.Effect<void, KafkaError> =>
  value === undefined || Number.isSafeInteger(value) && value >= 1
    ? Effect.void
    : Effect.fail(invalidSetting(setting, `${value} is not a whole number of at least 1`))

const kinds: { readonly [Name in keyof Shape]-?: Kind } = {
  partitions: anything,
  replication: anything,
  config: { words: "an object of settings", is: (value) => typeof value === "object" && value !== null }
}

/** What callers without types hand in. The topics themselves, then the shape. */
const givenProblem = (topics: unknown, shape: unknown): KafkaError | undefined => {
  if (!Array.isArray(topics)) {
    return invalidSetting("topics", `${shown(topics)} is not an array of topics; write e.g. [Orders]`)
  }
  const odd = topics.findIndex((one) => typeof one?.name !== "string")
  if (odd !== -1) {
    return invalidSetting(
      "topics",
      `index ${odd}: ${shown(topics[odd])} is no topic with a name; make one with Topic.make`
    )
  }
  const found = problemOf("partitions", shape, kinds)
  return found === undefined ? undefined : invalidSetting(found.field, found.problem)
}

const configDifferences = Effect.fnUntraced(function*(
  admin: AdminClient,
  name: string,
  config: Readonly<{ [name: string]: string }>
): Effect.fn.Return<ReadonlyArray<Difference>, KafkaError> {
  const found = yield* admin.describeConfigs(name)
  return Object.entries(config).flatMap(([what, wanted]) =>
    found[what] === wanted ? [] : [{ what, wanted, found: found[what] }]
  )
})

/** A shape as far as it is said. @internal */
export interface Asked extends Omit<Shape, "partitions"> {
  readonly partitions?: number | undefined
}

/** In what a topic differs. Its settings are compared where the engine can read them. @internal */
export const differencesOf = Effect.fnUntraced(function*(
  engine: KafkaEngine.Service["Service"],
  { name, partitions: found }: TopicDescription,
  { config = {}, partitions, replication }: Asked
): Effect.fn.Return<ReadonlyArray<Difference>, KafkaError> {
  const differences: Array<Difference> = []
  const compare = (what: string, wanted: number, found: number) => {
    if (wanted !== found) differences.push({ what, wanted: String(wanted), found: String(found) })
  }
  if (partitions !== undefined) compare("partitions", partitions, found.length)
  const replicas = found[0]?.replicas.length
  if (replication !== undefined && replicas !== undefined) compare("replication", replication, replicas)
  const readable = engine.capabilities.has("configs") && Object.keys(config).length > 0
  return readable ? [...differences, ...yield* configDifferences(yield* engine.admin, name, config)] : differences
})

/**
 * Creates the topics that do not exist, and ends when the brokers know them. Existing topics are not changed: the
 * result, and a warning in the log, say how they differ. It can be run at every start, by several processes at once.
 *
 * Settings of existing topics are compared on engines with the capability `"configs"`. Fails with `InvalidSetting` for
 * numbers that are none, with `AuthorizationFailed` without the right to create, and with what the cluster refuses.
 *
 * **When to use**: in development, tests, and where the application owns its topics.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Codec, Topic } from "millrace"
 * import { InMemoryKafka } from "millrace/testing"
 *
 * const Orders = Topic.make("orders", { key: Codec.string, value: Codec.string })
 * const Prices = Topic.make("prices", { key: Codec.string, value: Codec.string })
 *
 * export const setUp = Effect.gen(function*() {
 *   yield* Topic.ensure([Orders], { partitions: 12 })
 *   const [prices] = yield* Topic.ensure([Prices], { partitions: 3, config: { "cleanup.policy": "compact" } })
 *   for (const { found, wanted, what } of prices!.differences) {
 *     yield* Effect.logError(`${what} is ${found}, not ${wanted}`)
 *   }
 * }).pipe(Effect.provide(InMemoryKafka.layer))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category administration
 */
export const ensure = Effect.fnUntraced(function*(
  topics: ReadonlyArray<{ readonly name: string }>,
  shape: Shape
): Effect.fn.Return<ReadonlyArray<Ensured>, KafkaError, KafkaEngine.Service> {
  const problem = givenProblem(topics, shape)
  if (problem !== undefined) return yield* problem
  const { config, partitions, replication } = shape
  if (partitions === undefined) return yield* invalidSetting("partitions", "say how many partitions the topics have")
  yield* whole("partitions", partitions)
  yield* whole("replication", replication)
  const engine = yield* KafkaEngine.Service
  const admin = yield* engine.admin
  const names = [...new Set(topics.map(({ name }) => name))]
  const before = yield* describe(admin, names)
  const missing = names.filter((name) => !before.has(name))
  const created = yield* create(
    admin,
    missing.map((name): NewTopic => ({ name, partitions, replicationFactor: replication, config }))
  )
  // One that another process created first may have another shape.
  const found = missing.every((name) => created.has(name)) ? before : yield* describe(admin, names)
  return yield* Effect.forEach(
    names,
    Effect.fnUntraced(function*(name): Effect.fn.Return<Ensured, KafkaError> {
      if (created.has(name)) return { name, created: true, differences: [] }
      const differences = yield* differencesOf(engine, found.get(name)!, shape)
      for (const { found, wanted, what } of differences) {
        yield* Effect.logWarning(`topic "${name}" exists with ${what} ${found ?? "unset"}, not ${wanted}`)
      }
      return { name, created: false, differences }
    }),
    { concurrency: 4 }
  )
})
