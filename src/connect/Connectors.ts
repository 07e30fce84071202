/**
 * Keeps Kafka Connect running what is declared: a plan that tells what differs, and the plan carried out.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ConnectError } from "./ConnectError.ts"
import type { Status } from "./ConnectModel.ts"
import type { Connector } from "./Connector.ts"
import { Service } from "./KafkaConnect.ts"
import * as Planning from "./plan/planning.ts"
import * as Publishing from "./plan/publishing.ts"
import type { Plan, Published, Settings } from "./PlanModel.ts"

export type * from "./PlanModel.ts"

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
): Effect.Effect<Plan, ConnectError, Service> =>
  Effect.flatMap(Service, (connect) => Planning.make(connect, connectors, settings))

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
export const isUpToDate = ({ entries }: Plan): boolean =>
  entries.every(({ problems, steps }) => steps.length === 0 && problems.length === 0)

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
): Effect.Effect<ReadonlyArray<Published>, never, Service> =>
  Effect.flatMap(Service, (connect) => Publishing.publish(connect, plan, options))

/**
 * Waits until a connector and all of its tasks do what the connector was asked to, at most `within`. Fails as soon as
 * one of them has failed, with the first line of its trace.
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
export const settled = (name: string, within: Duration.Input): Effect.Effect<Status, ConnectError, Service> =>
  Effect.flatMap(Service, (connect) => Publishing.settle(connect, name, within))
