/** `millrace retry`: what waits in retry topics, and the topics that policies need. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { neededOf } from "../internal/deadLetters/places.ts"
import { provision, type TopicState } from "../internal/retry/provision.ts"
import * as RetryTopics from "../RetryTopics.ts"
import { failAll, naming, UsageError, WorkFailed } from "./exit.ts"
import { orSay } from "./halfway.ts"
import { adopt, handBack } from "./retryAdopt.ts"
import { config, json } from "./root.ts"
import { ofEach, select } from "./selection.ts"
import { printTable } from "./table.ts"
import { timeOf } from "./values.ts"

const consumers = Argument.String("consumer").pipe(Argument.variadic())

const ls = Command.make(
  "ls",
  { consumers, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const selected = yield* select(loaded, flags.consumers)
    const lists = ofEach(selected, (one) => RetryTopics.list(one))
    const { failed, found: tiers } = yield* Effect.provide(lists, loaded.engine)
    if (flags.json) {
      yield* Console.log(JSON.stringify(tiers))
      return yield* failed
    }
    const rows = tiers.map(({ delay, nextDue, oldest, partitions, topic, waiting }) => [
      topic,
      partitions === undefined ? "MISSING" : partitions,
      delay === undefined ? "OLD" : `${delay / 1000} s`,
      waiting,
      timeOf(nextDue),
      timeOf(oldest)
    ])
    const header = ["TOPIC", "PARTITIONS", "DELAY", "WAITING", "NEXT DUE", "OLDEST"]
    yield* printTable(header, rows)
    yield* failed
  })
).pipe(Command.withDescription("List retry topics: how many records wait in them, and until when"))

const stateOf = ({ problems, status }: TopicState): string => [status, ...problems.map(({ words }) => words)].join("; ")

const topics = Command.make(
  "topics",
  {
    consumers,
    plan: Flag.Boolean("plan").pipe(Flag.withDescription("Only show them; the default"), Flag.withDefault(false)),
    create: Flag.Boolean("create").pipe(Flag.withDescription("Create what is missing"), Flag.withDefault(false)),
    json
  },
  Effect.fnUntraced(function*(flags) {
    if (flags.plan && flags.create) return yield* new UsageError({ problem: "--plan and --create exclude each other" })
    const loaded = yield* config
    const selected = yield* select(loaded, flags.consumers)
    const work = Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const admin = yield* engine.admin
      const exits = yield* Effect.forEach(
        selected,
        ({ consumer, name }) => Effect.exit(naming(name)(neededOf(consumer, admin)))
      )
      const needed = exits.flatMap((exit) => Exit.isSuccess(exit) ? exit.value : [])
      return {
        states: yield* flags.create
          ? orSay("some of the topics may have been created; `millrace retry topics` shows which")(
            provision(admin, engine.capabilities, needed, "create")
          )
          : provision(admin, engine.capabilities, needed, "plan"),
        failed: failAll(exits)
      }
    })
    const { failed, states } = yield* Effect.provide(work, loaded.engine)
    if (flags.json) {
      const shown = states.map((
        { partitions, problems, spec: { config, name, partitions: wanted, source }, status }
      ) => ({
        ...{ topic: name, source, partitions: partitions ?? wanted ?? null, config, status },
        problems: problems.map(({ words }) => words)
      }))
      yield* Console.log(JSON.stringify(shown))
    } else {
      const rows = states.map((state) => [
        state.spec.name,
        state.partitions ?? state.spec.partitions ?? "?",
        Object.entries(state.spec.config).map(([name, value]) => `${name}=${value}`).join(" "),
        stateOf(state)
      ])
      yield* printTable(["TOPIC", "PARTITIONS", "CONFIG", "STATE"], rows)
    }
    const missing = states.filter(({ status }) => status === "missing")
    yield* failed
    if (missing.length === 0) return
    if (!flags.create) return yield* Console.error(`${missing.length} are missing; add --create to make them`)
    const sources = [...new Set(missing.map(({ spec }) => spec.source))]
    yield* Console.error(
      `not created, because nobody knows how many partitions they need: create ${sources.join(", ")} first`
    )
    return yield* new WorkFailed({})
  })
).pipe(Command.withDescription("Show the retry and dead letter topics that the policies need, or create them"))

/** Everything about retry topics. */
export const retry = Command.make("retry").pipe(
  Command.withSubcommands([ls, topics, adopt, handBack]),
  Command.withDescription("Show retry topics and what waits in them; show or create the topics that policies need")
)
