/** The operations of Connect as requests. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HttpClient } from "effect/http/HttpClient"
import * as Schedule from "effect/Schedule"
import * as Bodies from "../../rest/bodies.ts"
import type { Call, Service } from "../../rest/restModel.ts"
import * as Transport from "../../rest/transport.ts"
import { plain, secretsOf, texts } from "../config/secrets.ts"
import { optionsProblem } from "../config/settings.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect, ConnectorConfig, Options } from "../ConnectModel.ts"
import * as Responses from "./responses.ts"
import * as Traces from "./traces.ts"

const { path } = Transport

type ConnectCall = Call & Responses.Asked

const defaults: Transport.Defaults = {
  timeout: "60 seconds",
  // A rebalance takes seconds, and a worker that restarts some ten.
  retry: Schedule.exponential("250 millis").pipe(
    (schedule) => Schedule.min([schedule, Schedule.spaced("5 seconds")]),
    Schedule.jittered,
    Schedule.upTo({ times: 8 })
  )
}

/** What waits for no other worker and no rebalance; a worker itself gives its health up after 10 seconds. */
const atOnce = Duration.seconds(15)

const service: Service<ConnectError, ConnectCall> = {
  accept: "application/json",
  mediaType: "application/json",
  unavailable: (operation, problem, details) => Errors.make(operation, new Errors.Unavailable({ problem }), details),
  unauthorized: (operation, status, problem, details) =>
    Errors.make(operation, new Errors.Unauthorized({ status, problem }), details),
  unexpected: (operation, status, problem, details) =>
    Errors.make(operation, new Errors.Unexpected({ status, problem }), details),
  setting: (problem) => Errors.make("configuration", new Errors.InvalidSetting({ problem })),
  refused: (call, response, details) => Errors.make(call.operation, Responses.reasonOf(response, call), details),
  isRetryable: (error) => error.isRetryable,
  isUndone: ({ reason }) => reason._tag === "Rebalancing"
}

const nothing = (): void => {}

export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Connect, ConnectError, HttpClient> {
  const wrong = optionsProblem(options)
  if (wrong !== undefined) return yield* service.setting(`setting \`${wrong.field}\`: ${wrong.problem}`)
  const transport = yield* Transport.make(service, options, defaults)
  const ask = <A>(call: ConnectCall, read: (body: unknown) => A): Effect.Effect<A, ConnectError> =>
    Transport.ask(transport, service, call, read)

  const of = (connector: string, ...rest: ReadonlyArray<string | number>) => ({
    connector,
    path: path("connectors", connector, ...rest)
  })
  const put = (operation: string, verb: string) => (connector: string) =>
    ask({ operation, method: "PUT", ...of(connector, verb) }, nothing)

  const worker = ask({ operation: "get the worker", method: "GET", path: "/", within: atOnce }, (body) => ({
    version: Bodies.textOf(body, "version"),
    kafkaClusterId: Bodies.textOf(body, "kafka_cluster_id")
  }))

  const listed = (expand: "info" | "status") =>
    ask({ operation: "list connectors", method: "GET", path: "/connectors", query: { expand } }, (body) => body)

  const pluginIn = (config: ConnectorConfig) =>
    config["connector.class"] === undefined
      ? Effect.fail(
        Errors.make("validate", new Errors.InvalidSetting({ problem: "the configuration has no connector.class" }))
      )
      : Effect.succeed(plain(config["connector.class"]))

  const get: Connect["get"] = (name) =>
    ask({ operation: "get a connector", method: "GET", ...of(name) }, Responses.infoOf)

  const definitions: Connect["definitions"] = (plugin) =>
    ask(
      {
        operation: "get settings of a plugin",
        method: "GET",
        path: path("connector-plugins", plugin, "config"),
        plugin
      },
      (body) => Bodies.listOf(body, Responses.definitionOf)
    )

  const traces = Traces.make({ definitions, get })

  return {
    url: transport.url,
    worker,
    isHealthy: ask(
      { operation: "get the health", method: "GET", path: "/health", within: atOnce },
      (body) => Bodies.textOf(body, "status") === "healthy"
    ).pipe(
      Effect.catchIf(
        // A worker that starts or hangs returns 503 or 500 with a status.
        ({ reason }) => reason._tag === "Unavailable" && reason.problem.startsWith("status "),
        () => Effect.succeed(false)
      ),
      Effect.catchIf(
        ({ reason }) => reason._tag === "Unexpected" && reason.status === 404,
        () => Effect.as(worker, true)
      )
    ),
    connectors: Effect.flatMap(
      Effect.all([listed("info"), listed("status")]),
      ([infos, statuses]) => Effect.forEach(Responses.describedOf(infos, statuses), traces.ofDescribed)
    ),
    get,
    status: (name) =>
      Effect.flatMap(
        ask({ operation: "get a status", method: "GET", ...of(name, "status") }, Responses.statusOf),
        traces.ofStatus
      ),
    create: (name, config, { initialState } = {}) =>
      ask({
        operation: "create a connector",
        method: "POST",
        path: path("connectors"),
        connector: name,
        creates: true,
        onceOnly: true,
        secrets: secretsOf(config),
        body: { name, config: texts(config), ...(initialState === undefined ? {} : { initial_state: initialState }) }
      }, Responses.infoOf),
    update: (name, config) =>
      ask({
        operation: "update a connector",
        method: "PUT",
        ...of(name, "config"),
        secrets: secretsOf(config),
        body: texts(config)
      }, Responses.infoOf),
    patch: (name, changes) =>
      ask({
        operation: "change a connector",
        method: "PATCH",
        ...of(name, "config"),
        secrets: secretsOf(changes),
        body: texts(changes)
      }, Responses.infoOf),
    delete: (name) => ask({ operation: "delete a connector", method: "DELETE", ...of(name) }, nothing),
    pause: put("pause", "pause"),
    resume: put("resume", "resume"),
    stop: put("stop", "stop"),
    restart: (name, { tasks } = {}) =>
      ask({
        operation: "restart",
        method: "POST",
        ...of(name, "restart"),
        query: tasks === undefined ? {} : { includeTasks: true, onlyFailed: tasks === "failed" },
        onceOnly: true
      }, nothing),
    restartTask: (name, task) =>
      ask({
        operation: "restart a task",
        method: "POST",
        ...of(name, "tasks", task, "restart"),
        onceOnly: true
      }, nothing),
    offsets: (name) => ask({ operation: "get offsets", method: "GET", ...of(name, "offsets") }, Responses.offsetsOf),
    alterOffsets: (name, offsets) =>
      ask({ operation: "alter offsets", method: "PATCH", ...of(name, "offsets"), body: { offsets } }, nothing),
    resetOffsets: (name) => ask({ operation: "reset offsets", method: "DELETE", ...of(name, "offsets") }, nothing),
    topics: (name) => ask({ operation: "get topics", method: "GET", ...of(name, "topics") }, Responses.topicsOf(name)),
    resetTopics: (name) => ask({ operation: "reset topics", method: "PUT", ...of(name, "topics", "reset") }, nothing),
    plugins: ({ all = false } = {}) =>
      ask(
        { operation: "list plugins", method: "GET", path: "/connector-plugins", query: { connectorsOnly: !all } },
        (body) => Bodies.listOf(body, Responses.pluginOf)
      ),
    definitions,
    validate: (config) =>
      Effect.flatMap(pluginIn(config), (plugin) =>
        ask({
          operation: "validate",
          method: "PUT",
          path: path("connector-plugins", plugin, "config", "validate"),
          plugin,
          secrets: secretsOf(config),
          body: texts(config)
        }, Responses.validationOf(config))),
    loggers: ask({ operation: "get loggers", method: "GET", path: "/admin/loggers" }, Responses.loggersOf),
    setLogger: (logger, level, { scope = "worker" } = {}) =>
      ask({
        operation: "set a logger",
        method: "PUT",
        path: path("admin", "loggers", logger),
        query: { scope },
        body: { level }
      }, nothing)
  }
})
