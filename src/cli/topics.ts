/** `millrace topics`: the topics of the cluster, and making those that the config knows. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as KafkaEngine from "../engine/KafkaEngine.ts"
import { unknown } from "../internal/shared/suggestions.ts"
import * as Topic from "../Topic.ts"
import { type Asked, differencesOf } from "../TopicAdmin.ts"
import type { Config } from "./Config.ts"
import { optional } from "./dltFilter.ts"
import { UsageError } from "./exit.ts"
import { config, json } from "./root.ts"
import { printTable } from "./table.ts"

const list = Effect.fnUntraced(function*(flags: { readonly all: boolean; readonly json: boolean }) {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  const shown = (yield* admin.listTopics)
    .filter((topic) => flags.all || !(topic.internal || topic.name.startsWith("__")))
    .map(({ name, partitions }) => ({
      topic: name,
      partitions: partitions.length,
      replicas: partitions[0]?.replicas.length ?? 0
    }))
    .sort((a, b) => a.topic < b.topic ? -1 : 1)
  if (flags.json) return yield* Console.log(JSON.stringify(shown))
  const rows = shown.map(({ partitions, replicas, topic }) => [topic, partitions, replicas])
  yield* printTable(["TOPIC", "PARTITIONS", "REPLICAS"], rows)
})

/** The topics that the config names, or those of them that were asked for. */
const named = Effect.fnUntraced(function*({ consumers, topics }: Config, wanted: ReadonlyArray<string>) {
  const handled = consumers.flatMap(({ handlers }) => handlers).flatMap(({ source }) =>
    source.match._tag === "Name" ? [source.match.name] : []
  )
  const all = [...new Set([...topics.map(({ name }) => name), ...handled])].sort()
  const missing = wanted.find((name) => !all.includes(name))
  if (missing !== undefined) return yield* new UsageError({ problem: unknown("topic", missing, all) })
  if (all.length === 0) return yield* new UsageError({ problem: "the config module names no topics" })
  return wanted.length === 0 ? all : [...new Set(wanted)]
})

/** A topic of the config: how it should be, as far as that is said, and how it is. */
interface State {
  readonly topic: string
  readonly status: "exists" | "missing" | "created"
  readonly partitions: number | undefined
  readonly replication: number | undefined
  readonly differences: ReadonlyArray<Topic.Difference>
}

type Wanted = readonly [name: string, shape: Asked]

const look = Effect.fnUntraced(function*(wanted: ReadonlyArray<Wanted>) {
  const engine = yield* KafkaEngine.Service
  const admin = yield* engine.admin
  const found = new Map((yield* admin.describeTopics(wanted.map(([name]) => name))).map((one) => [one.name, one]))
  return yield* Effect.forEach(
    wanted,
    Effect.fnUntraced(function*([topic, shape]) {
      const description = found.get(topic)
      const state: State = {
        topic,
        status: description === undefined ? "missing" : "exists",
        partitions: description?.partitions.length ?? shape.partitions,
        replication: description?.partitions[0]?.replicas.length ?? shape.replication,
        differences: description === undefined ? [] : yield* differencesOf(engine, description, shape)
      }
      return state
    }),
    { concurrency: 4 }
  )
})

/** Creates what is missing; `onFailure` gets what was done before one could not be created. */
const create = Effect.fnUntraced(function*<E, R>(
  wanted: ReadonlyArray<Wanted>,
  onFailure: (states: ReadonlyArray<State>) => Effect.Effect<void, E, R>
) {
  const before = yield* look(wanted)
  const missing = wanted.filter((_, i) => before[i]!.status === "missing")
  const unclear = missing.flatMap(([name, { partitions }]) => partitions === undefined ? [name] : [])
  if (unclear.length > 0) {
    return yield* new UsageError({
      problem: `how many partitions does ${unclear.join(", ")} have? Say it by --partitions, or in the config's shapes`
    })
  }
  const made = new Set<string>()
  const marked = (states: ReadonlyArray<State>) =>
    states.map((state): State => made.has(state.topic) ? { ...state, status: "created" } : state)
  return yield* Effect.gen(function*() {
    for (const [name, shape] of missing) {
      const [one] = yield* Topic.ensure([{ name }], { ...shape, partitions: shape.partitions! }).pipe(
        Effect.onInterrupt(() => Console.error(`interrupted while "${name}" was created: it may be there`)),
        Effect.tapError(({ reason }) =>
          reason._tag === "Timeout"
            ? Console.error(`"${name}": the cluster did not answer, it may be there`)
            : Effect.void
        )
      )
      if (one?.created) made.add(name)
    }
    return marked(missing.length === 0 ? before : yield* look(wanted))
  }).pipe(Effect.onError(() => Effect.ignore(onFailure(marked(before)))))
})

const stateOf = ({ differences, status }: State): string =>
  [status, ...differences.map(({ found, wanted, what }) => `${what} is ${found ?? "unset"}, not ${wanted}`)].join("; ")

const report = Effect.fnUntraced(function*(states: ReadonlyArray<State>, asJson: boolean) {
  if (asJson) return yield* Console.log(JSON.stringify(states))
  const rows = states.map((state) => [
    state.topic,
    state.partitions ?? "?",
    state.replication ?? "default",
    stateOf(state)
  ])
  yield* printTable(["TOPIC", "PARTITIONS", "REPLICATION", "STATE"], rows)
})

const settingsOf = (given: ReadonlyArray<string>): Effect.Effect<Topic.Shape["config"], UsageError> =>
  Effect.gen(function*() {
    const pairs = yield* Effect.forEach(given, (text) => {
      const [, name, value] = /^([^=]+)=(.*)$/.exec(text) ?? []
      return name === undefined
        ? Effect.fail(new UsageError({ problem: `--set ${text} is not name=value` }))
        : Effect.succeed([name, value!] as const)
    })
    return pairs.length === 0 ? undefined : Object.fromEntries(pairs)
  })

/** Lists the topics of the cluster; plans and makes those of the config. */
export const topics = Command.make(
  "topics",
  {
    names: Argument.String("topic").pipe(
      Argument.withDescription("With --plan or --create: only these topics of the config"),
      Argument.variadic()
    ),
    json,
    all: Flag.Boolean("all").pipe(Flag.withDescription("Internal topics too"), Flag.withDefault(false)),
    plan: Flag.Boolean("plan").pipe(
      Flag.withDescription("Show which topics of the config are missing or differ"),
      Flag.withDefault(false)
    ),
    create: Flag.Boolean("create").pipe(
      Flag.withDescription("Create the topics of the config that are missing"),
      Flag.withDefault(false)
    ),
    partitions: optional.number(
      "partitions",
      "With --plan or --create: how many partitions a topic without a shape in the config has"
    ),
    replication: optional.number(
      "replication",
      "With --plan or --create: its replication; unless given, the cluster's setting"
    ),
    set: Flag.String("set").pipe(
      Flag.withDescription("With --plan or --create: a setting of the topic, name=value; may be repeated"),
      Flag.atLeast(0)
    )
  },
  Effect.fnUntraced(function*(flags) {
    if (flags.plan && flags.create) return yield* new UsageError({ problem: "--plan and --create exclude each other" })
    const loaded = yield* config
    if (!flags.plan && !flags.create) {
      const isShaped = Option.isSome(flags.partitions) || Option.isSome(flags.replication) || flags.set.length > 0
      if (isShaped || flags.names.length > 0) {
        return yield* new UsageError({
          problem: "topics, --partitions, --replication and --set need --plan or --create"
        })
      }
      return yield* Effect.provide(list(flags), loaded.engine)
    }
    // Also where the topic is there, or has a shape: a plan that takes them would fail as soon as one is missing.
    for (const name of ["partitions", "replication"] as const) {
      const count = Option.getOrUndefined(flags[name])
      if (count !== undefined && count < 1) return yield* new UsageError({ problem: `--${name} ${count} is below 1` })
    }
    const given = {
      partitions: Option.getOrUndefined(flags.partitions),
      replication: Option.getOrUndefined(flags.replication),
      config: yield* settingsOf(flags.set)
    }
    const wanted = (yield* named(loaded, flags.names)).map((name): Wanted => [name, loaded.shapes[name] ?? given])
    const states = yield* Effect.provide(
      flags.create ? create(wanted, (states) => report(states, flags.json)) : look(wanted),
      loaded.engine
    )
    yield* report(states, flags.json)
    const missing = states.filter(({ status }) => status === "missing").length
    if (missing > 0) yield* Console.error(`${missing} are missing; add --create to make them`)
  })
).pipe(
  Command.withDescription("List the topics of the cluster; show which topics of the config are missing, or create them")
)
