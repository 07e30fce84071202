/** Connect without a worker: connectors that are kept and have states, and move no data. */
import * as Effect from "effect/Effect"
import { closeTo } from "../client/responses.ts"
import { isRemembered } from "../config/marker.ts"
import { plain, redacting, scrub, secretsOf, texts } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { Connect, ConnectorConfig, ConnectorOffset, Info, State, Status } from "../ConnectModel.ts"
import { isSameClass } from "../plan/normal.ts"
import { definitionsOf, type MemoryPlugin, validatedBy } from "./plugins.ts"

interface Kept {
  readonly name: string
  plugin: MemoryPlugin
  config: Readonly<Record<string, string>>
  state: "RUNNING" | "PAUSED" | "STOPPED"
  offsets: ReadonlyArray<ConnectorOffset>
  /** Of tasks that failed, until they are restarted. */
  trace: string | undefined
}

const worker = "memory:8083"

const samePlace = (a: ConnectorOffset, b: ConnectorOffset): boolean =>
  JSON.stringify(a.partition) === JSON.stringify(b.partition)

const stringsOf = (config: ConnectorConfig): Record<string, string> => texts(config) as Record<string, string>

const isPasswordOf = ({ settings }: MemoryPlugin) => (key: string): boolean =>
  settings.some(({ name, type }) => name === key && type === "PASSWORD")

export const make = (plugins: ReadonlyArray<MemoryPlugin>): Connect => {
  const connectors = new Map<string, Kept>()
  /** A source's offsets outlive it. */
  const left = new Map<string, ReadonlyArray<ConnectorOffset>>()
  let loggers: Readonly<Record<string, string>> = { root: "INFO" }

  const find = (operation: string, name: string) =>
    Effect.suspend(() => {
      const kept = connectors.get(name)
      return kept === undefined
        ? Effect.fail(Errors.make(operation, new Errors.ConnectorNotFound({ connector: name })))
        : Effect.succeed(kept)
    })

  const pluginOf = (operation: string, wanted: string | undefined) => {
    const plugin = plugins.find((each) => wanted !== undefined && isSameClass(each.class, wanted))
    if (plugin !== undefined) return Effect.succeed(plugin)
    const reason = wanted === undefined
      ? new Errors.InvalidSetting({ problem: "the configuration has no connector.class" })
      : new Errors.UnknownPlugin({ plugin: wanted, close: closeTo(wanted, plugins.map((each) => each.class)) })
    return Effect.fail(Errors.make(operation, reason))
  }

  const isOne = ({ plugin }: Kept): boolean => plugin.type === "source"
  const tasksOf = (kept: Kept): number =>
    kept.state === "STOPPED" ? 0 : isOne(kept) ? 1 : Number(kept.config["tasks.max"] ?? 1)

  const infoOf = (kept: Kept): Info => ({
    name: kept.name,
    type: kept.plugin.type,
    config: redacting(kept.config, isRemembered(kept.config)),
    tasks: Array.from({ length: tasksOf(kept) }, (_, id) => id)
  })

  const statusOf = (kept: Kept): Status => {
    const state: State = kept.trace === undefined || kept.state !== "RUNNING" ? kept.state : "FAILED"
    return {
      name: kept.name,
      type: kept.plugin.type,
      state: kept.state,
      worker,
      trace: undefined,
      tasks: Array.from({ length: tasksOf(kept) }, (_, id) => ({ id, state, worker, trace: kept.trace }))
    }
  }

  const start = (kept: Kept): void => {
    const trace = kept.plugin.fails?.(kept.config)
    // As from a worker: traces quote values of settings.
    kept.trace = trace === undefined
      ? undefined
      : scrub(trace, secretsOf(infoOf(kept).config, isPasswordOf(kept.plugin)))
  }

  const put = Effect.fnUntraced(function*(
    operation: string,
    name: string,
    given: ConnectorConfig,
    state: Kept["state"]
  ) {
    const config: Record<string, string> = { ...stringsOf(given), name }
    const plugin = yield* pluginOf(operation, config["connector.class"])
    const secrets = secretsOf(given)
    const problems = validatedBy(plugin, config).filter(({ errors }) => errors.length > 0)
    if (problems.length > 0) {
      return yield* Errors.make(
        operation,
        new Errors.InvalidConfig({
          connector: name,
          problems: problems.map(({ errors, key }) => ({ key, messages: errors.map((each) => scrub(each, secrets)) }))
        })
      )
    }
    const kept: Kept = connectors.get(name)
      ?? { name, plugin, config, state, offsets: left.get(name) ?? [], trace: undefined }
    kept.plugin = plugin
    kept.config = config
    connectors.set(name, kept)
    start(kept)
    return infoOf(kept)
  })

  const tell = (operation: string, state: Kept["state"]) => (name: string) =>
    Effect.map(find(operation, name), (kept) => {
      kept.state = state
      if (state === "RUNNING") start(kept)
    })

  const stopped = (operation: string, name: string) =>
    Effect.flatMap(find(operation, name), (kept) =>
      kept.state === "STOPPED"
        ? Effect.succeed(kept)
        : Effect.fail(Errors.make(operation, new Errors.NotStopped({ connector: name }))))

  return {
    url: undefined,
    worker: Effect.succeed({ version: "memory", kafkaClusterId: "memory" }),
    isHealthy: Effect.succeed(true),
    connectors: Effect.sync(() =>
      [...connectors.values()]
        .map((kept) => ({ info: infoOf(kept), status: statusOf(kept) }))
        .sort((a, b) => a.info.name < b.info.name ? -1 : 1)
    ),
    get: (name) => Effect.map(find("get a connector", name), infoOf),
    status: (name) => Effect.map(find("get a status", name), statusOf),
    create: (name, config, { initialState = "RUNNING" } = {}) =>
      Effect.suspend(() =>
        connectors.has(name)
          ? Effect.fail(Errors.make("create a connector", new Errors.ConnectorExists({ connector: name })))
          : put("create a connector", name, config, initialState)
      ),
    update: (name, config) => Effect.suspend(() => put("update a connector", name, config, "RUNNING")),
    patch: (name, changes) =>
      Effect.flatMap(find("change a connector", name), ({ config, state }) => {
        const next: Record<string, string> = { ...config }
        for (const [key, value] of Object.entries(changes)) {
          if (value === null) delete next[key]
          else next[key] = plain(value)
        }
        return put("change a connector", name, next, state)
      }),
    delete: (name) =>
      Effect.map(find("delete a connector", name), ({ offsets, plugin }) => {
        if (plugin.type === "source") left.set(name, offsets)
        connectors.delete(name)
      }),
    pause: tell("pause", "PAUSED"),
    resume: tell("resume", "RUNNING"),
    stop: tell("stop", "STOPPED"),
    restart: (name, { tasks } = {}) =>
      Effect.map(find("restart", name), (kept) => {
        if (tasks !== undefined) start(kept)
      }),
    restartTask: (name) => Effect.map(find("restart a task", name), start),
    offsets: (name) => Effect.map(find("get offsets", name), ({ offsets }) => offsets),
    alterOffsets: (name, changed) =>
      Effect.map(stopped("alter offsets", name), (kept) => {
        const others = kept.offsets.filter((each) => !changed.some((other) => samePlace(each, other)))
        kept.offsets = [...others, ...changed.filter(({ offset }) => offset !== null)]
      }),
    resetOffsets: (name) =>
      Effect.map(stopped("reset offsets", name), (kept) => {
        kept.offsets = []
      }),
    topics: (name) =>
      Effect.map(
        find("get topics", name),
        ({ config, plugin }) =>
          (plugin.type === "sink" ? (config["topics"] ?? "").split(",") : [config["topic"] ?? ""])
            .map((topic) => topic.trim()).filter((topic) => topic !== "").sort()
      ),
    resetTopics: (name) => Effect.asVoid(find("reset topics", name)),
    plugins: () =>
      Effect.succeed(plugins.map((plugin) => ({ class: plugin.class, type: plugin.type, version: "memory" }))),
    definitions: (plugin) => Effect.map(pluginOf("get settings of a plugin", plugin), definitionsOf),
    validate: (given) =>
      Effect.suspend(() => {
        const config = stringsOf(given)
        return Effect.map(pluginOf("validate", config["connector.class"]), (plugin) => {
          const secrets = secretsOf(given)
          const settings = validatedBy(plugin, config)
            .map((each) => ({ ...each, errors: each.errors.map((error) => scrub(error, secrets)) }))
          return { plugin: plugin.class, isValid: settings.every(({ errors }) => errors.length === 0), settings }
        })
      }),
    loggers: Effect.sync(() => loggers),
    setLogger: (logger, level) =>
      Effect.sync(() => {
        loggers = { ...loggers, [logger]: level }
      })
  }
}
