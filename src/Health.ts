/**
 * The health of the consumers and background services of this process, for readiness probes and dashboards.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { TopicPartition } from "./engine/KafkaEngine.ts"
import type { HandlerFailed } from "./HandlerFailed.ts"
import type { KafkaError } from "./KafkaError.ts"

/**
 * A partition that stopped at a record while its consumer goes on.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface HeldPartition extends TopicPartition {
  /** Where it stopped; nothing at or behind it is committed. */
  readonly offset: number
  /** Why it stopped. */
  readonly error: HandlerFailed<unknown>
}

/**
 * A partition where nothing has moved for a minute.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface StalledPartition extends TopicPartition {
  /** The record in work, or where the partition goes on; -1 where that is not known. */
  readonly offset: number
  /** What it waits for, in words. */
  readonly problem: string
}

/**
 * A partition that waits for the copy of a failed record.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface UnsentCopy extends TopicPartition {
  /** The offset of the record that failed. */
  readonly offset: number
  /** The retry or dead letter topic that its copy is for. */
  readonly to: string
  /** Why the copy was refused last; `undefined` while no broker answered. */
  readonly error: KafkaError | undefined
}

/**
 * How a consumer is doing.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerHealth {
  /** The consumer's group. A consumer with retry topics has a second entry, for `<group>.retry`. */
  readonly group: string
  /**
   * `"starting"` until the client is made, `"running"`, `"restarting"` after an engine error, `"stopped"` when it ended
   * as asked, `"failed"` when it ended with `lastError`, `"off"` when it was not started because consuming is switched
   * off ({@link Switches.Switches}), or, for the group of retry topics, because there are none.
   */
  readonly status: "starting" | "running" | "restarting" | "stopped" | "failed" | "off"
  /** Running, nothing held, stalled or unsent, and no `problem`; or switched off. */
  readonly healthy: boolean
  /** The partitions of this member. */
  readonly assignment: ReadonlyArray<TopicPartition>
  /** The partitions that stopped at a record. */
  readonly held: ReadonlyArray<HeldPartition>
  /** Where nothing has moved for a minute although there is something to do, and nothing waits as asked. */
  readonly stalled: ReadonlyArray<StalledPartition>
  /** The partitions that have waited half a minute for the copy of a failed record to be acknowledged. */
  readonly unsent: ReadonlyArray<UnsentCopy>
  /**
   * What keeps the whole member from working: its start takes longer than 50 seconds, it is given no partitions because
   * of an error, was started again after an error and has not joined its group yet, reaches no broker, its commits are
   * refused, or a bug ended it.
   */
  readonly problem: string | undefined
  /** What somebody should look at, although nothing stands still: rows of a sync that wait long. Not unhealthy. */
  readonly hints: ReadonlyArray<string>
  /** How many records behind the end it is, over all partitions of this member; `undefined` until it is known. */
  readonly lag: number | undefined
  /**
   * The last error that it met, also one that it went on after, and one that kept it from starting. It stays when its
   * reason is over: what is wrong now is in `healthy`, `held`, `stalled`, `unsent` and `problem`.
   */
  readonly lastError: KafkaError | HandlerFailed<unknown> | undefined
}

/**
 * How a service is doing: something other than a consumer that works in the background, such as the relay of an outbox.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ServiceHealth {
  /** What it is, such as `"relay of millrace.outbox"`. Two of the same outbox have an entry each. */
  readonly name: string
  /**
   * `"starting"` until it has looked for work once, `"running"`, `"restarting"` after a bug ended it, `"failed"` when
   * it ended with an error: that entry stays until one of the same name starts. One that ended as asked is not listed.
   */
  readonly status: "starting" | "running" | "restarting" | "failed"
  /** Running, and no `problems`. */
  readonly healthy: boolean
  /** What has kept it from its work, or from a part of it, for at least 10 seconds, and why. */
  readonly problems: ReadonlyArray<string>
  /** How long the oldest of what waits for it has waited, in milliseconds; `undefined` until it is known. */
  readonly lagMillis: number | undefined
}

/**
 * Where consumers register. The default one is shared by the whole process.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Registry = Context.Reference<Set<() => ConsumerHealth>>("millrace/Health/Registry", {
  defaultValue: () => new Set()
})

/**
 * Where services register. The default one is shared by the whole process.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const ServiceRegistry = Context.Reference<Set<() => ServiceHealth>>("millrace/Health/ServiceRegistry", {
  defaultValue: () => new Set()
})

/**
 * The health of every consumer that is, or was last, running in this process.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Health } from "millrace"
 *
 * export const program = Effect.flatMap(
 *   Health.all,
 *   Effect.forEach(({ group, lag, status }) => Console.log(`${group}: ${status}, ${lag ?? "?"} records behind`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const all: Effect.Effect<ReadonlyArray<ConsumerHealth>> = Effect.map(
  Effect.service(Registry),
  (registry) => Array.from(registry, (read) => read())
)

/**
 * The health of every service of this process, consumers aside.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Health } from "millrace"
 *
 * export const program = Effect.flatMap(
 *   Health.services,
 *   Effect.forEach(({ name, problems, status }) => Console.log(`${name}: ${[status, ...problems].join("; ")}`))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const services: Effect.Effect<ReadonlyArray<ServiceHealth>> = Effect.map(
  Effect.service(ServiceRegistry),
  (registry) => Array.from(registry, (read) => read())
)

/**
 * Whether this process should get work: there is a consumer or a service, and every one is healthy. Without any it is
 * `false`: a process whose consumers were never started, or whose layer failed, is not ready.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Health } from "millrace"
 *
 * export const status = Effect.map(Health.ready, (ready) => ready ? 200 : 503)
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category getters
 */
export const ready: Effect.Effect<boolean> = Effect.zipWith(
  all,
  services,
  (consumers, services) =>
    consumers.length + services.length > 0 && [...consumers, ...services].every(({ healthy }) => healthy)
)
