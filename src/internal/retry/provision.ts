/** Checks and creates the topics that failure policies need. */
import * as Effect from "effect/Effect"
import type { AdminClient } from "../../engine/AdminClient.ts"
import type { Capability } from "../../engine/KafkaEngine.ts"
import * as Errors from "../../KafkaError.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { collide } from "../../Source.ts"
import { create, describe } from "../shared/newTopics.ts"
import * as Specs from "./topicSpecs.ts"
import type { SourceTopics } from "./topology.ts"

/**
 * - `create` makes what is missing.
 * - `require` fails when something is missing, and names all of it.
 * - `plan` only looks.
 */
export type Mode = "create" | "require" | "plan"

/**
 * A topic that is needed. After `create` it is still `missing` when its source topic does not exist: then it is not
 * known how many partitions it needs.
 */
export interface TopicState {
  readonly spec: Specs.TopicSpec
  readonly status: "exists" | "created" | "missing"
  readonly partitions: number | undefined
  readonly problems: ReadonlyArray<Specs.Problem>
}

/** Brokers refuse a topic whose name differs from that of another by "." and "_" alone. */
const collision = (
  wanted: ReadonlyArray<{ readonly name: string }>,
  existing: ReadonlyArray<{ readonly name: string }>
): KafkaError | undefined => {
  for (const { name } of wanted) {
    const other = existing.find((other) => collide(name, other.name))
    if (other !== undefined) {
      return Errors.invalidSetting(
        "retries.naming",
        `topic "${name}" cannot be created beside "${other.name}": Kafka does not tell "." and "_" apart in names; `
          + "choose another group id, or name the topics yourself"
      )
    }
  }
  return undefined
}

const listOf = (states: ReadonlyArray<TopicState>, words: (state: TopicState) => string): string =>
  states.map(words).join("; ")

const required = (states: ReadonlyArray<TopicState>): KafkaError | undefined => {
  const missing = states.filter(({ status }) => status === "missing")
  if (missing.length === 0) return undefined
  const shapes = listOf(
    missing,
    ({ spec }) => spec.partitions === undefined ? spec.name : `${spec.name} (${spec.partitions} partitions)`
  )
  return Errors.invalidSetting(
    "retries.topics",
    `is "require", and ${missing.length} topics do not exist: ${shapes}; create them with `
      + "`millrace retry topics --create`, or let the consumer do it with \"create\""
  )
}

const losing = (states: ReadonlyArray<TopicState>): KafkaError | undefined => {
  const fatal = states.filter(({ problems }) => problems.some(({ fatal }) => fatal))
  if (fatal.length === 0) return undefined
  return Errors.invalidSetting(
    "onFailure",
    `failed records would be lost: ${
      listOf(fatal, ({ problems, spec }) =>
        `topic "${spec.name}": ${
          problems.filter(({ fatal }) => fatal).map(({ words }) =>
            words
          ).join(", and ")
        }`)
    }`
  )
}

/** The largest record of each source, as far as the engine and the permissions tell. */
const largestOf = Effect.fnUntraced(function*(
  admin: AdminClient,
  capabilities: ReadonlySet<Capability>,
  specs: ReadonlyArray<Specs.TopicSpec>
) {
  const largest = new Map<string, number>()
  if (!capabilities.has("configs")) return largest
  for (const source of new Set(specs.map(({ source }) => source))) {
    const config = yield* Effect.result(admin.describeConfigs(source))
    const bytes = config._tag === "Success" ? Specs.largestRecord(config.success) : undefined
    if (bytes !== undefined) largest.set(source, bytes)
  }
  return largest
})

/**
 * The state of these topics; with `create`, the missing ones are created first. With `create` and `require` a topic in
 * which records would be lost is an error, other problems are logged. Settings are not checked on an engine without the
 * capability `"configs"`.
 */
export const ensure = Effect.fnUntraced(function*(
  admin: AdminClient,
  capabilities: ReadonlySet<Capability>,
  wanted: ReadonlyArray<Specs.TopicSpec>,
  mode: Mode
): Effect.fn.Return<ReadonlyArray<TopicState>, KafkaError> {
  const largest = yield* largestOf(admin, capabilities, wanted)
  const specs = wanted.map((spec) => Specs.sized(spec, largest.get(spec.source)))
  const names = specs.map(({ name }) => name)
  let found = yield* describe(admin, names)
  let created: ReadonlySet<string | undefined> = new Set()
  const missing = specs.filter(({ name, partitions }) => !found.has(name) && partitions !== undefined)
  if (mode === "create" && missing.length > 0) {
    const colliding = collision(missing, yield* admin.listTopics)
    if (colliding !== undefined) return yield* colliding
    created = yield* create(admin, missing.flatMap((spec) => Specs.newTopicOf(spec) ?? []))
    found = yield* describe(admin, names)
  }
  const states = yield* Effect.forEach(
    specs,
    Effect.fnUntraced(function*(spec): Effect.fn.Return<TopicState, KafkaError> {
      const partitions = found.get(spec.name)?.partitions.length
      if (partitions === undefined) return { spec, status: "missing", partitions, problems: [] }
      if (created.has(spec.name)) return { spec, status: "created", partitions, problems: [] }
      const config = capabilities.has("configs") ? yield* admin.describeConfigs(spec.name) : undefined
      return { spec, status: "exists", partitions, problems: Specs.problemsOf(spec, partitions, config) }
    }),
    { concurrency: 4 }
  )
  if (mode === "plan") return states
  const problem = (mode === "require" ? required(states) : undefined) ?? losing(states)
  if (problem !== undefined) return yield* problem
  for (const { problems, spec } of states) {
    for (const { words } of problems) yield* Effect.logWarning(`topic "${spec.name}": ${words}`)
  }
  return states
})

/** {@link ensure} for everything that the policies of these source topics need. */
export const provision = Effect.fnUntraced(function*(
  admin: AdminClient,
  capabilities: ReadonlySet<Capability>,
  topics: ReadonlyArray<SourceTopics>,
  mode: Mode
): Effect.fn.Return<ReadonlyArray<TopicState>, KafkaError> {
  const sources = yield* describe(admin, topics.map(({ source }) => source))
  const specs = topics.flatMap((topic) => Specs.specsOf(topic, sources.get(topic.source)?.partitions.length))
  return yield* ensure(admin, capabilities, Specs.merge(specs), mode)
})
