/** A consumer's settings, checked and with their defaults: all that a run needs to know. */
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Settings } from "../../ConsumerSettings.ts"
import type * as Handler from "../../Handler.ts"
import * as KafkaConfig from "../../KafkaConfig.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { invalidSetting } from "../../KafkaError.ts"
import type * as OnFailure from "../../OnFailure.ts"
import type * as RetryTopics from "../../RetryTopic.ts"
import * as Source from "../../Source.ts"
import type { Decode } from "../codec/decoding.ts"
import * as Decoding from "../codec/decoding.ts"
import type { Limits } from "../partition/fetchBudget.ts"
import type { Topology } from "../retry/topology.ts"
import * as HandedIn from "./handedIn.ts"
import { topologyOf } from "./retryPlanning.ts"
import { settingsProblem } from "./settingsProblem.ts"

/** The defaults of the settings that no engine knows. */
export const defaults = {
  drainTimeout: "30 seconds",
  closeTimeout: "30 seconds",
  reportHandlerStall: "50 seconds",
  chunkRecords: 300,
  bufferRecords: 20_000,
  bufferBytes: 67_108_864
} as const

/** A handler with its policy: its own, or that of the consumer. What users wrote in it needs `Plan.services`. */
export interface PlannedHandler {
  readonly source: Handler.Handler<any, any>["source"]
  readonly call: Handler.Call<never>
  readonly onFailure: OnFailure.OnFailure<unknown>
  /** Prepares the codecs for one of its topics. */
  readonly decoder: (topic: string) => Effect.Effect<Decode>
}

/** The checked consumer. Durations are in milliseconds. */
export interface Plan {
  /** The group id in Kafka: the consumer's own group, or the one that reads its retry topics. */
  readonly group: string
  /** Whether it reads the retry topics of a consumer, not its source topics. */
  readonly retrying: boolean
  readonly topology: Topology
  readonly retries: RetryTopics.Options
  readonly offsetReset: KafkaConfig.OffsetReset
  readonly config: KafkaConfig.ConsumerConfig
  readonly handlers: ReadonlyArray<PlannedHandler>
  readonly topics: ReadonlyArray<string>
  readonly patterns: ReadonlyArray<RegExp>
  readonly limits: Limits
  readonly drainTimeout: number
  readonly closeTimeout: Duration.Duration
  readonly maxHandlerStall: number
  readonly reportHandlerStall: number
  readonly bounded: boolean
  readonly traced: boolean
  /**
   * The services that handlers, policies and codecs need, captured once. A caller provides these to its
   * fiber as a whole, not to each call. That is why nothing inside has requirements.
   */
  readonly services: Context.Context<never>
}

/** The source topic of a topic: of a retry topic, the one that its records were first read from. */
export const sourceTopic = (plan: Plan, topic: string): string =>
  plan.retrying ? plan.topology.placeOf(topic)?.source ?? topic : topic

/** The handler of a topic. There is at most one: a topic with two was refused when the plan was made. */
export const handlerFor = (plan: Plan, topic: string): PlannedHandler | undefined => {
  const source = sourceTopic(plan, topic)
  return plan.handlers.find((handler) => Source.matches(handler.source, source))
}

const millis = (setting: string, input: Duration.Input): Effect.Effect<number, KafkaError> =>
  Effect.suspend(() => {
    const duration = Duration.fromInput(input)
    return duration._tag === "Some" && Duration.toMillis(duration.value) >= 0
      ? Effect.succeed(Duration.toMillis(duration.value))
      : Effect.fail(invalidSetting(setting, `${JSON.stringify(input)} is not a duration; write e.g. "30 seconds"`))
  })

const whole = (setting: string, value: number, least: number): Effect.Effect<number, KafkaError> =>
  Number.isSafeInteger(value) && value >= least
    ? Effect.succeed(value)
    : Effect.fail(invalidSetting(setting, `${value} is not a whole number of at least ${least}`))

/** What is wrong with the handlers as a set, or `undefined`. */
const subscriptionProblem = (handlers: ReadonlyArray<PlannedHandler>): string | undefined => {
  if (handlers.length === 0) return "a consumer without handlers would consume nothing; add one with Topic.handle"
  const names = new Set<string>()
  for (const { source } of handlers) {
    if (source.match._tag === "Pattern") continue
    const { name } = source.match
    if (names.has(name)) {
      return `topic "${name}" has two handlers; put what both do into one, or use two groups`
    }
    names.add(name)
  }
  const patterns = new Set<string>()
  for (const { source } of handlers) {
    if (source.match._tag !== "Pattern") continue
    const { regex } = source.match
    if (patterns.has(String(regex))) return `pattern ${regex} has two handlers; put what both do into one`
    patterns.add(String(regex))
    for (const name of names) {
      if (Source.matches(source, name)) {
        return `topic "${name}" has a handler of its own and also matches pattern ${regex}; make the pattern narrower`
      }
    }
  }
  return undefined
}

/** Two names that differ by "." and "_" alone: Kafka's metrics mix them up, so brokers refuse to create the second. */
const collision = (handlers: ReadonlyArray<PlannedHandler>): string | undefined => {
  const names = handlers.flatMap(({ source }) => source.match._tag === "Name" ? [source.match.name] : [])
  for (const name of names) {
    const other = names.find((other) => Source.collide(name, other))
    if (other !== undefined) {
      return `topics "${name}" and "${other}" differ by "." and "_" alone; Kafka cannot have both`
    }
  }
  return undefined
}

const concurrencyProblem = (call: Handler.Call): string | undefined => {
  if (call._tag === "Stream") return undefined
  if (call._tag !== "Record") {
    if (!Number.isSafeInteger(call.maxSize) || call.maxSize <= 0) {
      return `maxSize ${call.maxSize} is not a whole number of at least 1`
    }
    const maxWait = Duration.fromInput(call.maxWait)
    return maxWait._tag === "Some" && Duration.toMillis(maxWait.value) >= 0
      ? undefined
      : `maxWait ${JSON.stringify(call.maxWait)} is not a duration; write e.g. "50 millis"`
  }
  if (call.concurrency === "partition") return undefined
  if (!Predicate.isObject(call.concurrency) || Object.keys(call.concurrency).length > 1) {
    return `concurrency ${JSON.stringify(call.concurrency)} is not "partition", { keys: n } or { unordered: n }`
  }
  const lanes = "keys" in call.concurrency ? call.concurrency.keys : call.concurrency.unordered
  return Number.isSafeInteger(lanes) && lanes > 0
    ? undefined
    : `concurrency ${lanes} is not a whole number of at least 1`
}

/** The border where requirements end, and errors lose their type: `Plan.services` has what is required. */
const planned = (
  { call, onFailure, source }: Handler.Handler<any, any>,
  otherwise: OnFailure.Any
): PlannedHandler => ({
  source,
  call: call as Handler.Call<never>,
  onFailure: (onFailure ?? otherwise) as OnFailure.OnFailure<unknown>,
  decoder: (topic) => Decoding.prepare(source.codecs, topic) as Effect.Effect<Decode>
})

/** Checks a consumer before anything is connected. Fails with `InvalidSetting`, which names the setting. */
export const make = Effect.fnUntraced(function*(consumer: {
  readonly group: string
  readonly settings: Settings
  readonly handlers: ReadonlyArray<Handler.Handler<any, any>>
  readonly onFailure: OnFailure.Any
}): Effect.fn.Return<Plan, KafkaError> {
  const { group, settings } = consumer
  // Callers without types may leave it out.
  if (typeof group !== "string" || group.trim() === "") {
    return yield* invalidSetting("group", "a consumer needs a group id that is not empty")
  }
  if (settings.offsetReset === undefined) {
    return yield* invalidSetting("offsetReset", "undefined is not \"earliest\" or \"latest\" or \"none\"")
  }
  const wrong = settingsProblem(settings)
  if (wrong !== undefined) return yield* wrong
  const notOurs = HandedIn.problemOf(consumer)
  if (notOurs !== undefined) return yield* notOurs
  const handlers = consumer.handlers.map((handler) => planned(handler, consumer.onFailure))
  const problem = subscriptionProblem(handlers)
  if (problem !== undefined) return yield* invalidSetting("handlers", problem)
  for (const { call, source } of handlers) {
    const unusable = concurrencyProblem(call)
    if (unusable !== undefined) return yield* invalidSetting("handlers", `${Source.show(source)}: ${unusable}`)
  }
  const colliding = collision(handlers)
  if (colliding !== undefined) yield* Effect.logWarning(colliding)
  const maxPollInterval = yield* millis(
    "maxPollInterval",
    settings.maxPollInterval ?? KafkaConfig.consumerDefaults.maxPollInterval
  )
  const drainTimeout = yield* millis("drainTimeout", settings.drainTimeout ?? defaults.drainTimeout)
  if (drainTimeout >= maxPollInterval) {
    return yield* invalidSetting(
      "drainTimeout",
      `${drainTimeout} ms is not below maxPollInterval (${maxPollInterval} ms): the broker would throw the member out `
        + "of the group before its handlers are drained"
    )
  }
  const closeTimeout = yield* millis("closeTimeout", settings.closeTimeout ?? defaults.closeTimeout)
  const maxHandlerStall = yield* millis("maxHandlerStall", settings.maxHandlerStall ?? maxPollInterval)
  if (maxHandlerStall === 0) {
    return yield* invalidSetting("maxHandlerStall", "0 would end the consumer at its first record; leave it out")
  }
  const { reportHandlerStall: reportAfter = defaults.reportHandlerStall } = settings
  const wanted = yield* millis("reportHandlerStall", reportAfter)
  const reportHandlerStall = settings.reportHandlerStall === undefined ? Math.min(wanted, maxHandlerStall) : wanted
  if (reportHandlerStall === 0 || reportHandlerStall > maxHandlerStall) {
    return yield* invalidSetting(
      "reportHandlerStall",
      `${reportHandlerStall} ms is not between 1 ms and maxHandlerStall (${maxHandlerStall} ms)`
    )
  }
  const chunkRecords = yield* whole("chunkRecords", settings.chunkRecords ?? defaults.chunkRecords, 1)
  const bufferRecords = yield* whole("bufferRecords", settings.bufferRecords ?? defaults.bufferRecords, chunkRecords)
  return {
    group,
    retrying: false,
    topology: yield* topologyOf(group, handlers, settings.retries ?? {}),
    retries: settings.retries ?? {},
    offsetReset: settings.offsetReset,
    config: settings,
    handlers,
    topics: handlers.flatMap(({ source }) => source.match._tag === "Name" ? [source.match.name] : []),
    patterns: handlers.flatMap(({ source }) => source.match._tag === "Pattern" ? [Source.regexOf(source.match)] : []),
    limits: {
      chunkRecords,
      maxRecords: bufferRecords,
      maxBytes: yield* whole("bufferBytes", settings.bufferBytes ?? defaults.bufferBytes, 1)
    },
    drainTimeout,
    closeTimeout: Duration.millis(closeTimeout),
    maxHandlerStall,
    reportHandlerStall,
    bounded: settings.until === "end",
    traced: settings.tracing === "record",
    services: yield* Effect.context<never>()
  }
})
