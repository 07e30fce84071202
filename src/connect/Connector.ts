/**
 * Connectors as values: what Kafka Connect should run, declared next to the topics that it feeds.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Config from "effect/Config"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Redacted from "effect/Redacted"
import * as Fields from "../internal/shared/fields.ts"
import { Proto } from "../internal/shared/proto.ts"
import type { ConnectorOffset } from "./ConnectModel.ts"
import { isName, isOffset, markerKey } from "./given.ts"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export const TypeId = "~millrace/Connector"

/**
 * @stability unstable
 * @since 0.1.0
 * @category type IDs
 */
export type TypeId = typeof TypeId

/**
 * A value of a setting as it is written down. Numbers, booleans and lists become Connect's texts; `undefined` leaves
 * the setting out; what is `Redacted` is never shown.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Plain =
  | string
  | number
  | bigint
  | boolean
  | ReadonlyArray<string | number>
  | Redacted.Redacted
  | undefined

/**
 * A value of a setting, or the `Config` that gives it when the connector is published. A text may be a reference to a
 * provider of the worker: `${file:/secrets.properties:password}`.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Value = Plain | Config.Config<Plain>

/**
 * What a connector should do.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type DesiredState = "running" | "paused" | "stopped"

/**
 * The settings of {@link make}.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The Java class of the plugin: `connector.class`. */
  readonly plugin: string
  /** The settings of the plugin and of Connect, `tasks.max` for example. */
  readonly config: Readonly<Record<string, Value>>
  /** What the connector should do (default: it runs when it is new, and stays as it is later). */
  readonly state?: DesiredState | undefined
  /**
   * Where a new connector begins: it is created stopped, its offsets are set, and then it goes on (KIP-875). Those of
   * one that exists are left alone, since they move (default: where the plugin begins).
   */
  readonly offsets?: ReadonlyArray<ConnectorOffset> | undefined
}

/**
 * A connector that Connect should run.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Declared extends Pipeable, Options {
  readonly [TypeId]: TypeId
  readonly _tag: "Declared"
  /** Its name, before the prefix of {@link make}'s reader is put in front. */
  readonly name: string
}

/**
 * A connector that Connect should no longer run.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Removed extends Pipeable {
  readonly [TypeId]: TypeId
  readonly _tag: "Removed"
  /** Its name, without the prefix. */
  readonly name: string
}

/**
 * A connector that should run, or should no longer.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Connector = Declared | Removed

const DeclaredProto = {
  ...Proto,
  [TypeId]: TypeId,
  _tag: "Declared" as const,
  // Settings may be secret.
  toJSON(this: Declared) {
    return { _id: "Connector", name: this.name, plugin: this.plugin, settings: Object.keys(this.config) }
  }
}

const RemovedProto = {
  ...Proto,
  [TypeId]: TypeId,
  _tag: "Removed" as const,
  toJSON(this: Removed) {
    return { _id: "Connector", name: this.name, removed: true }
  }
}

const kinds: Fields.Kinds = {
  plugin: { words: "the Java class of a connector", is: (value) => typeof value === "string" && value !== "" },
  config: { words: "an object of settings", is: (value) => Predicate.isObject(value) && !Array.isArray(value) },
  state: { words: "\"running\", \"paused\" or \"stopped\"", is: (value) => states.includes(value) },
  offsets: {
    words: "a list of { partition, offset }, of objects (or null for the offset)",
    is: (value) => Array.isArray(value) && value.every(isOffset)
  }
}
const states: ReadonlyArray<unknown> = ["running", "paused", "stopped"]
const required = ["plugin", "config"] as const

const checkName = (name: string): void => {
  if (isName(name)) return
  throw new Error(
    "a connector has a name without slashes, control characters and spaces around it, other than . and .., and this "
      + `is ${Fields.shown(name)}`
  )
}

const checkOptions = (name: string, options: Options): void => {
  const fail = (field: string, problem: string): never => {
    throw new Error(`connector "${name}", ${field}: ${problem}`)
  }
  const problem = Fields.problemOf("options", options, kinds)
  if (problem !== undefined) fail(problem.field, problem.problem)
  for (const field of required) {
    if (options[field] === undefined) fail(field, `it is missing, and is ${kinds[field]!.words}`)
  }
  if ("connector.class" in options.config) fail("config", "connector.class is what plugin says; leave it out")
  const spaced = Object.keys(options.config).find((key) => key === "" || key.trim() !== key)
  if (spaced !== undefined) fail("config", `the setting ${Fields.shown(spaced)} is empty, or has spaces around it`)
  if (Object.hasOwn(options.config, "__proto__")) fail("config", "__proto__ is no name of a setting")
  if (markerKey in options.config) {
    fail("config", `${markerKey} is where publishing keeps the hashes of secrets; leave it out`)
  }
  if ("name" in options.config) fail("config", "name is the name of the connector; leave it out")
}

/**
 * Declares a connector. It is checked by its plugin when it is planned; a wrong name, or a setting that is misspelt,
 * throws here.
 *
 * **When to use**: for any plugin; `Debezium` and the other helpers make the configuration for common ones.
 *
 * @example
 * ```ts
 * import { Config } from "effect"
 * import { Connector } from "millrace/connect"
 *
 * export const orders = Connector.make("orders-source", {
 *   plugin: "io.debezium.connector.postgresql.PostgresConnector",
 *   config: {
 *     "tasks.max": 1,
 *     "database.hostname": Config.String("DB_HOST"),
 *     "database.password": Config.Redacted("DB_PASSWORD"),
 *     "table.include.list": ["public.orders", "public.items"],
 *     "topic.prefix": "shop"
 *   }
 * })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const make = (name: string, options: Options): Declared => {
  checkName(name)
  checkOptions(name, options)
  return Object.assign(Object.create(DeclaredProto), { ...options, name })
}

/**
 * Says that a connector should no longer run: publishing deletes it, if it is there.
 *
 * @example
 * ```ts
 * import { Connector } from "millrace/connect"
 *
 * console.log(Connector.remove("orders-source-2023").name) // orders-source-2023
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const remove = (name: string): Removed => {
  checkName(name)
  return Object.assign(Object.create(RemovedProto), { name })
}

/**
 * Whether a value is a {@link Connector}.
 *
 * @example
 * ```ts
 * import { Connector } from "millrace/connect"
 *
 * console.log(Connector.isConnector(Connector.remove("old"))) // true
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category guards
 */
export const isConnector = (u: unknown): u is Connector => Predicate.hasProperty(u, TypeId)
