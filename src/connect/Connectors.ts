/**
 * Keeps Kafka Connect running what is declared: a plan that tells what differs, and the plan carried out.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { declaredSecrets } from "./config/render.ts"
import {
  checkConnectors,
  checkLayer,
  checkPlan,
  checkPlanning,
  checkPublishing,
  checkSaved,
  checkSettling,
  checkWatching
} from "./config/settings.ts"
import type { ConnectError } from "./ConnectError.ts"
import type { Status } from "./ConnectModel.ts"
import type { Connector } from "./Connector.ts"
import { Service } from "./KafkaConnect.ts"
import * as PlanFile from "./plan/planFile.ts"
import * as Planning from "./plan/planning.ts"
import * as Publishing from "./plan/publishing.ts"
import type { Plan, Published, Settings, SettleOptions } from "./PlanModel.ts"
import * as Reporting from "./watch/reporting.ts"
import * as Watching from "./watch/watching.ts"
import type { Watched, WatchOptions } from "./WatchModel.ts"

export type * from "./PlanModel.ts"
export type * from "./WatchModel.ts"

/**
 * Finds out what is to be done, and changes nothing: each plugin is asked what it says about its configuration, and
 * what Connect has is compared with what is declared. Both sides are brought into one spelling before: what a
 * distribution adds and what equals a default is no difference, nor are spaces in lists, or `"True"` for `true`.
 *
 * A value that is missing in the environment fails with the connector, the setting and the variable, and so do two
 * connectors of one name. What a plugin refuses is part of the plan.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Connector, Connectors } from "millrace/connect"
 *
 * const orders = Connector.make("orders-file", {
 *   plugin: "org.apache.kafka.connect.file.FileStreamSourceConnector",
 *   config: { "tasks.max": 1, file: "/data/orders.txt", topic: "orders" }
 * })
 *
 * export const program = Effect.gen(function*() {
 *   const plan = yield* Connectors.plan([orders])
 *   for (const { changes, name } of plan.entries) {
 *     for (const { from, key, to } of changes) yield* Effect.log(`${name}: ${key} ${from} -> ${to}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category planning
 */
export const plan = (
  connectors: ReadonlyArray<Connector>,
  settings: Settings = {}
): Effect.Effect<Plan, ConnectError, Service> => {
  checkConnectors("Connectors.plan", connectors)
  checkPlanning(settings)
  return Effect.flatMap(Service, (connect) => Planning.make(connect, connectors, settings))
}

/**
 * Whether a plan has nothing to do and nothing that is refused.
 *
 * @example
 * ```ts
 * import { Connectors } from "millrace/connect"
 *
 * console.log(Connectors.isUpToDate({ kafkaClusterId: "c", entries: [] })) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category planning
 */
export const isUpToDate = (plan: Plan): boolean => {
  checkPlan("Connectors.isUpToDate", plan)
  return plan.entries.every(({ problems, steps }) => steps.length === 0 && problems.length === 0)
}

/**
 * A plan as a text, to be looked at and published later. It has no secrets, but a salted hash of each.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Connectors } from "millrace/connect"
 *
 * const text = await Effect.runPromise(Connectors.save({ kafkaClusterId: "c", entries: [] }))
 * console.log(JSON.parse(text).format) // millrace-connect-plan/1
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category planning
 */
export const save = (plan: Plan): Effect.Effect<string> => {
  checkPlan("Connectors.save", plan)
  return Effect.flatMap(Planning.newSalt, (salt) => PlanFile.save(plan, salt))
}

/**
 * Makes a plan again, and returns it if it does what a saved one does. Fails with `StalePlan` if the cluster or the
 * declared connectors have changed since, or if the text was edited.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Connectors } from "millrace/connect"
 *
 * declare const text: string
 *
 * export const program = Effect.flatMap(Connectors.restore(text, []), (plan) => Connectors.publish(plan))
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category planning
 */
export const restore = (
  text: string,
  connectors: ReadonlyArray<Connector>,
  settings: Settings = {}
): Effect.Effect<Plan, ConnectError, Service> => {
  checkSaved(text)
  return Effect.tap(plan(connectors, settings), (fresh) => PlanFile.verify(text, fresh))
}

/**
 * Carries a plan out: creates and changes first, and deletes last. An error of one connector stops no other; it is in
 * its result. If a plugin refuses a configuration, nothing is done at all, unless `ignoreFailures`.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Connector, Connectors } from "millrace/connect"
 *
 * export const program = Effect.gen(function*() {
 *   const plan = yield* Connectors.plan([Connector.remove("orders-2023")])
 *   for (const { error, name } of yield* Connectors.publish(plan)) {
 *     if (error !== undefined) yield* Effect.logError(`${name}: ${error.message}`)
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category publishing
 */
export const publish = (
  plan: Plan,
  options: { readonly ignoreFailures?: boolean | undefined } = {}
): Effect.Effect<ReadonlyArray<Published>, never, Service> => {
  checkPlan("Connectors.publish", plan)
  checkPublishing(options)
  return Effect.flatMap(Service, (connect) => Publishing.publish(connect, plan, options))
}

/**
 * Waits until a connector and all of its tasks do what the connector was asked to, at most `within`. Fails if one of
 * them has failed, with the first line of its trace. Either has to hold for a second (see {@link SettleOptions}).
 *
 * @example
 * ```ts
 * import { Connectors } from "millrace/connect"
 *
 * export const running = Connectors.settled("orders-file", "60 seconds")
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category publishing
 */
export const settled = (
  name: string,
  within: Duration.Input,
  options: SettleOptions = {}
): Effect.Effect<Status, ConnectError, Service> => {
  checkSettling(name, within, options)
  const { connector } = options
  return Effect.gen(function*() {
    const secrets = connector?._tag === "Declared" ? yield* declaredSecrets(connector) : []
    return yield* Publishing.settle(yield* Service, name, within, options, secrets)
  })
}

const watchOf = (
  connectors: ReadonlyArray<Connector>,
  options: WatchOptions
): Stream.Stream<Watched, never, Service> =>
  Stream.unwrap(Effect.gen(function*() {
    const connect = yield* Service
    const last = new Map<string, Watched>()
    const names = namesOf(connectors, options.prefix)
    const secrets = new Map<string, ReadonlyArray<string>>()
    for (const each of connectors) {
      if (each._tag === "Declared") secrets.set(`${options.prefix ?? ""}${each.name}`, yield* declaredSecrets(each))
    }
    const looks = Stream.fromEffectSchedule(
      Effect.tap(Watching.watcher(connect, names, secrets, options), Reporting.measure),
      Schedule.spaced(Watching.everyOf(options))
    )
    return Stream.flatMap(looks, (all) => {
      const news = all.filter((each) => Reporting.isNews(last.get(each.name), each))
      for (const each of all) last.set(each.name, each)
      return Stream.fromIterable(news)
    })
  }))

const namesOf = (connectors: ReadonlyArray<Connector>, prefix = ""): ReadonlyArray<string> =>
  connectors.filter(({ _tag }) => _tag === "Declared").map(({ name }) => prefix + name)

/**
 * Looks at connectors from time to time, restarts what failed, and emits what it sees: of each connector first, and
 * then whenever its health changes. The restarts have a budget for each cause (the messages of the traces), after which
 * the connector is given up: a restart that does not help only fills the log of the workers.
 *
 * The stream never ends and never fails; while no worker answers, all connectors are `unreachable`.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Connector, Connectors, KafkaConnect } from "millrace/connect"
 *
 * const program = Connectors.watch([Connector.make("orders", { plugin: "com.example.Orders", config: {} })]).pipe(
 *   Stream.take(1),
 *   Stream.runForEach(({ health, name }) => Effect.log(`${name} is ${health}`)), // orders is missing
 *   Effect.provide(KafkaConnect.layerMemory)
 * )
 *
 * await Effect.runPromise(program)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category watching
 */
export const watch = (
  connectors: ReadonlyArray<Connector>,
  options: WatchOptions = {}
): Stream.Stream<Watched, never, Service> => {
  checkConnectors("Connectors.watch", connectors)
  checkWatching(options)
  return watchOf(connectors, options)
}

/**
 * What is seen of the connectors of {@link layer}: `current` by name, for a readiness probe; `changes` as it changes.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class Watcher extends Context.Service<Watcher, {
  /** What was seen last of each connector. Empty until the first look. */
  readonly current: Effect.Effect<ReadonlyMap<string, Watched>>
  /** What was seen last, and then all that changes. */
  readonly changes: Stream.Stream<ReadonlyMap<string, Watched>>
}>()("millrace/Connectors/Watcher") {}

/**
 * Watches connectors for as long as the layer lives, with lines in the log, metrics and {@link Watcher}; with
 * `publish: true` it publishes them first, and fails if one of them cannot be published. See {@link watch}.
 *
 * **When to use**: `publish` where one program owns its connectors; where several instances start at once, publish in
 * the deploy pipeline (`millrace connect publish`).
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { Connector, Connectors, KafkaConnect } from "millrace/connect"
 *
 * const orders = Connector.make("orders-file", {
 *   plugin: "org.apache.kafka.connect.file.FileStreamSourceConnector",
 *   config: { file: "/data/orders.txt", topic: "orders" }
 * })
 *
 * export const connectors = Connectors.layer([orders], { publish: true, every: "30 seconds" }).pipe(
 *   Layer.provide(KafkaConnect.layer({ url: "http://connect:8083" })),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  connectors: ReadonlyArray<Connector>,
  options: WatchOptions & Settings & { readonly publish?: boolean | undefined } = {}
): Layer.Layer<Watcher, ConnectError, Service> => {
  checkConnectors("Connectors.layer", connectors)
  checkLayer(options)
  const { every, forgetAfter, publish: publishes, restart, ...planning } = options
  const { prefix } = planning
  return Layer.effect(
    Watcher,
    Effect.gen(function*() {
      if (publishes === true) {
        for (const { error } of yield* publish(yield* plan(connectors, planning))) {
          if (error !== undefined) return yield* Effect.fail(error)
        }
      }
      const seen = yield* SubscriptionRef.make<ReadonlyMap<string, Watched>>(new Map())
      yield* watch(connectors, { every, forgetAfter, prefix, restart }).pipe(
        Stream.tap(Reporting.log),
        Stream.runForEach((each) => SubscriptionRef.update(seen, (all) => new Map(all).set(each.name, each))),
        Effect.forkScoped
      )
      return { current: SubscriptionRef.get(seen), changes: SubscriptionRef.changes(seen) }
    })
  )
}
