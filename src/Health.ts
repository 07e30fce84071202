/**
 * The health of the consumers of this process, for readiness probes and dashboards.
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
  readonly offset: number
  readonly error: HandlerFailed<unknown>
}

/**
 * How a consumer is doing.
 *
 * - `status`: `"starting"` until the client is made, `"running"`, `"restarting"` after an engine error, `"stopped"`
 *   when it ended as asked, `"failed"` when it ended with `lastError`, `"off"` when it was not started because
 *   consuming is switched off ({@link Switches.Switches}), or, for the group of retry topics, because there are none.
 * - `healthy`: running and nothing held or stalled, or switched off.
 * - `assignment`: the partitions of this member. `lag`: records behind the end, over all of them, as far as is known.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerHealth {
  readonly group: string
  readonly status: "starting" | "running" | "restarting" | "stopped" | "failed" | "off"
  readonly healthy: boolean
  readonly assignment: ReadonlyArray<TopicPartition>
  readonly held: ReadonlyArray<HeldPartition>
  readonly stalled: ReadonlyArray<TopicPartition>
  readonly lag: number | undefined
  readonly lastError: KafkaError | HandlerFailed<unknown> | undefined
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
 * The health of every consumer that is, or was last, running in this process.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Health } from "millrace"
 *
 * export const ready = Effect.map(Health.all, (consumers) => consumers.every((consumer) => consumer.healthy))
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
