/** `millrace consume --list` and `--dry-run`: what would be consumed, how, and whether it can be. */
import * as Console from "effect/Console"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { sourcesOf } from "../internal/deadLetters/places.ts"
import * as Plan from "../internal/plan/plan.ts"
import type { SourceTopics } from "../internal/retry/topology.ts"
import * as KafkaConfig from "../KafkaConfig.ts"
import type * as OnFailure from "../OnFailure.ts"
import * as Topic from "../Topic.ts"
import type { Config } from "./Config.ts"
import { failAll, naming, WorkFailed } from "./exit.ts"
import type { AnyConsumer, Named } from "./selection.ts"
import { printTable } from "./table.ts"

const namesIn = ({ handlers }: AnyConsumer): ReadonlyArray<string> =>
  handlers.flatMap(({ source }) => source.match._tag === "Name" ? [source.match.name] : [])

const patternsIn = ({ handlers }: AnyConsumer) =>
  handlers.flatMap(({ source }) => source.match._tag === "Pattern" ? [source] : [])

/** Lists the consumers by their names. */
export const list = Effect.fnUntraced(function*(consumers: ReadonlyArray<Named>, asJson: boolean) {
  const described = consumers.map(({ consumer, name }) => ({
    name,
    group: consumer.group,
    topics: namesIn(consumer),
    patterns: patternsIn(consumer).map(Topic.show)
  }))
  if (asJson) return yield* Console.log(JSON.stringify(described))
  const rows = described.map(({ name, patterns, topics }) => [name, [...topics, ...patterns].join(", ")])
  yield* printTable(["CONSUMER", "TOPICS"], rows)
})

/** As it is written in a config: durations in words, functions not at all. */
const settingWords = (value: unknown): unknown =>
  Duration.isDuration(value)
    ? Duration.format(value)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, settingWords(part)]))
    : typeof value === "function"
    ? undefined
    : value

const isDefault = (value: unknown, standard: unknown): boolean => {
  if (value === standard) return true
  if (standard === undefined || typeof value === "object" && !Duration.isDuration(value)) return false
  const [a, b] = [value, standard].map((input) => Duration.fromInput(input as Duration.Input))
  return a?._tag === "Some" && b?._tag === "Some" && Duration.Equivalence(a.value, b.value)
}

/** What differs from the defaults. None of it is a secret: those are settings of the engine, which is not shown. */
const settingsOf = ({ settings }: AnyConsumer): Readonly<{ [name: string]: unknown }> => {
  const standard: Readonly<{ [name: string]: unknown }> = { ...KafkaConfig.consumerDefaults, ...Plan.defaults }
  return Object.fromEntries(
    Object.entries({ ...settings, restart: undefined })
      .filter(([name, value]) => value !== undefined && !isDefault(value, standard[name]))
      .map(([name, value]) => [name, settingWords(value)])
  )
}

const delaysOf = ({ tiers }: SourceTopics): string =>
  tiers.map(({ attempts, delay }) =>
    `${Duration.format(Duration.millis(delay))}${attempts === 1 ? "" : ` (${attempts} times)`}`
  ).join(", ")

/** A policy in its own words, with the topics that it means. */
const policyWords = ({ words }: OnFailure.Any, topics: SourceTopics): string =>
  [
    words,
    ...(topics.tiers.length > 0 ? [`retries after ${delaysOf(topics)}`] : []),
    ...(topics.needsDeadLetter ? [`dead letters in ${topics.deadLetter}`] : []),
    ...(topics.others.length > 0 ? [`routes to ${topics.others.join(", ")}`] : [])
  ].join("; ")

const describe = Effect.fnUntraced(function*({ consumer, name }: Named, existing: ReadonlyArray<string>) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const places = yield* sourcesOf(consumer, admin)
  const named = namesIn(consumer)
  const found = places.filter(({ source }) => named.includes(source) || existing.includes(source))
  const makes = (consumer.settings.retries?.topics ?? "create") !== "require"
  const failures = found.flatMap(({ topics: { deadLetter, needsDeadLetter, others, tiers } }) => [
    ...tiers.map((tier) => tier.name),
    ...(needsDeadLetter ? [deadLetter] : []),
    ...others
  ])
  const handlerOf = (source: string) => consumer.handlers.find((handler) => Topic.matches(handler.source, source))
  const policyOf = (source: string) => handlerOf(source)?.onFailure ?? consumer.onFailure
  const needed = [...named, ...(makes ? [] : failures)]
  return {
    name,
    group: consumer.group,
    topics: found.map(({ source, topics }) => ({
      topic: source,
      exists: existing.includes(source),
      onFailure: policyWords(policyOf(source), topics)
    })),
    patterns: patternsIn(consumer).map((source) => ({
      pattern: Topic.show(source),
      topics: found.map(({ source }) => source).filter((topic) =>
        !named.includes(topic) && Topic.matches(source, topic)
      )
    })),
    failures: [...new Set(failures)],
    makes,
    missing: [...new Set(needed.filter((topic) => !existing.includes(topic)))],
    settings: settingsOf(consumer)
  }
})

type Description = Effect.Success<ReturnType<typeof describe>>

const linesOf = (
  { failures, makes, name, patterns, settings, topics }: Description,
  existing: ReadonlyArray<string>
): ReadonlyArray<string> => [
  `consumer ${name}`,
  ...topics.map(({ exists, onFailure, topic }) =>
    `  topic    ${topic}${exists ? "" : "  MISSING"}  (on failure: ${onFailure})`
  ),
  ...patterns.map(({ pattern, topics }) =>
    `  pattern  ${pattern}  ${topics.length === 0 ? "matches nothing yet" : `matches ${topics.join(", ")}`}`
  ),
  ...failures.map((topic) =>
    `  failures ${topic}${existing.includes(topic) ? "" : makes ? "  to be made" : "  MISSING"}`
  ),
  ...Object.entries(settings).map(([name, value]) =>
    `  ${name} = ${typeof value === "object" ? JSON.stringify(value) : String(value)}`
  )
]

/** Checks the settings of all consumers, so that what is wrong with one does not hide what is wrong with another. */
export const validate = (consumers: ReadonlyArray<Named>) =>
  Effect.flatMap(
    Effect.forEach(consumers, ({ consumer, name }) => Effect.exit(naming(name)(Plan.make(consumer)))),
    failAll
  )

/** Says what would be consumed and how, and checks that it can be: settings, and that the topics exist. */
export const dryRun = Effect.fnUntraced(function*(consumers: ReadonlyArray<Named>, config: Config, asJson: boolean) {
  const work = Effect.gen(function*() {
    const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
    const existing = (yield* admin.listTopics).map(({ name }) => name)
    return {
      existing,
      exits: yield* Effect.forEach(consumers, (one) => Effect.exit(naming(one.name)(describe(one, existing))))
    }
  })
  const looked = yield* Effect.exit(Effect.provide(work, config.engine))
  if (Exit.isFailure(looked)) {
    // Wrong settings are said also where the cluster cannot be reached.
    return yield* failAll([yield* Effect.exit(validate(consumers)), looked])
  }
  const { existing, exits } = looked.value
  const described = exits.flatMap((exit) => Exit.isSuccess(exit) ? [exit.value] : [])
  const missing = [...new Set(described.flatMap(({ missing }) => missing))]
  if (asJson) yield* Console.log(JSON.stringify({ consumers: described, missing }))
  else for (const one of described) for (const line of linesOf(one, existing)) yield* Console.log(line)
  for (const topic of missing) yield* Console.error(`topic "${topic}" does not exist`)
  yield* failAll(exits)
  if (missing.length > 0) return yield* new WorkFailed({})
})
