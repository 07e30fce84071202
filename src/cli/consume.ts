/** `millrace consume`. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Consumer from "../Consumer.ts"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import * as Plan from "../internal/plan/plan.ts"
import * as KafkaConfig from "../KafkaConfig.ts"
import * as Topic from "../Topic.ts"
import { BottomLine } from "./bottomLine.ts"
import type { Config } from "./Config.ts"
import { worksOn } from "./ending.ts"
import { WorkFailed } from "./exit.ts"
import { Progress, show } from "./progress.ts"
import { config, json } from "./root.ts"
import { type AnyConsumer, select } from "./selection.ts"
import { table } from "./table.ts"

const describe = (consumer: AnyConsumer) => ({
  group: consumer.group,
  topics: consumer.handlers.flatMap(({ source }) => source.match._tag === "Name" ? [source.match.name] : []),
  patterns: consumer.handlers.flatMap(({ source }) => source.match._tag === "Pattern" ? [Topic.show(source)] : []),
  // None of these is a secret: those are settings of the engine, which is not shown.
  settings: {
    ...KafkaConfig.consumerDefaults,
    ...Plan.defaults,
    ...consumer.settings,
    restart: undefined,
    retries: undefined
  }
})

const list = Effect.fnUntraced(function*(consumers: ReadonlyArray<AnyConsumer>, asJson: boolean) {
  const described = consumers.map(describe)
  if (asJson) return yield* Console.log(JSON.stringify(described))
  const rows = described.map(({ group, patterns, topics }) => [group, [...topics, ...patterns].join(", ")])
  for (const line of table(["CONSUMER", "TOPICS"], rows)) yield* Console.log(line)
})

/** The retry topics and dead letter topics of a consumer's named topics; whether it makes missing ones. */
const failureTopics = Effect.fnUntraced(function*(consumer: AnyConsumer) {
  const { retries, topology, topics } = yield* Plan.make(consumer)
  const found = yield* Effect.forEach(topics, (topic) => topology.of(topic))
  const names = found.flatMap((source) =>
    source === undefined
      ? []
      : [
        ...source.tiers.map(({ name }) => name),
        ...(source.needsDeadLetter ? [source.deadLetter] : []),
        ...source.others
      ]
  )
  return { names: [...new Set(names)], makes: retries.topics !== "require" }
})

/** Says what would be consumed and how, and checks that it can be: settings, and that the topics exist. */
const dryRun = Effect.fnUntraced(function*(consumers: ReadonlyArray<AnyConsumer>, config: Config, asJson: boolean) {
  const described = yield* Effect.forEach(
    consumers,
    (consumer) =>
      Effect.map(failureTopics(consumer), ({ makes, names }) => ({ ...describe(consumer), failures: names, makes }))
  )
  const existing = yield* Effect.provide(
    Effect.flatMap(KafkaEngine.Service, (engine) => Effect.flatMap(engine.admin, (admin) => admin.listTopics)),
    config.engine
  )
  const names = existing.map(({ name }) => name)
  const missing = described.flatMap(({ failures, makes, topics }) =>
    [...topics, ...(makes ? [] : failures)].filter((topic) => !names.includes(topic))
  )
  if (asJson) yield* Console.log(JSON.stringify({ consumers: described, missing }))
  else {
    for (const { failures, group, makes, patterns, settings, topics } of described) {
      yield* Console.log(`consumer ${group}`)
      for (const topic of topics) yield* Console.log(`  topic    ${topic}${missing.includes(topic) ? "  MISSING" : ""}`)
      for (const topic of failures) {
        const state = names.includes(topic) ? "" : makes ? "  to be made" : "  MISSING"
        yield* Console.log(`  failures ${topic}${state}`)
      }
      for (const pattern of patterns) yield* Console.log(`  pattern  ${pattern}`)
      for (const [name, value] of Object.entries(settings)) {
        if (value !== undefined) {
          yield* Console.log(`  ${name} = ${typeof value === "object" ? JSON.stringify(value) : value}`)
        }
      }
    }
    for (const topic of missing) yield* Console.error(`topic "${topic}" does not exist`)
  }
  if (missing.length > 0) return yield* new WorkFailed({})
})

const consumeAll = (consumers: ReadonlyArray<AnyConsumer>, config: Config) =>
  Effect.gen(function*() {
    yield* worksOn
    const progress = new Progress()
    if (process.stderr.isTTY) {
      const line = yield* Effect.acquireRelease(
        Effect.sync(() => new BottomLine(process.stdout.isTTY ? [process.stderr, process.stdout] : [process.stderr])),
        (line) => Effect.sync(() => line.end())
      )
      yield* Effect.forkScoped(show(progress, (text) => line.set(text)))
    }
    yield* Effect.forEach(
      consumers,
      (consumer) =>
        Stream.runForEach(Consumer.outcomeBatches(consumer), (batch) => Effect.sync(() => progress.note(batch))),
      { concurrency: "unbounded", discard: true }
    )
  }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(config.layer, config.engine)))

/** Runs the config's consumers in this process. */
export const consume = Command.make(
  "consume",
  {
    names: Argument.String("consumer").pipe(
      Argument.withDescription("Only these consumers, by group"),
      Argument.variadic()
    ),
    list: Flag.Boolean("list").pipe(Flag.withDescription("List the consumers"), Flag.withDefault(false)),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Show settings and check that the topics exist, without consuming"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const consumers = yield* select(loaded, flags.names)
    if (flags.list) return yield* list(consumers, flags.json)
    if (flags.dryRun) return yield* dryRun(consumers, loaded, flags.json)
    // The config's types made sure that its layer provides what its consumers need.
    yield* consumeAll(consumers, loaded) as Effect.Effect<void, unknown>
  })
).pipe(
  Command.withDescription("Run consumers until stopped; Ctrl-C drains, a second one stops at once"),
  Command.withExamples([
    { command: "millrace consume", description: "Run every consumer of the config module" },
    { command: "millrace consume billing --dry-run", description: "Show what would run, and check it" }
  ])
)
