/**
 * What happens inside of consumers, as data. Logging, metrics and tests all read it.
 *
 * @stability unstable
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as PubSub from "effect/PubSub"
import * as Stream from "effect/Stream"
import type { Position, TopicPartition } from "./engine/KafkaEngine.ts"
import type { HandlerFailed } from "./HandlerFailed.ts"
import type { KafkaError } from "./KafkaError.ts"
import type { Outcome } from "./Outcome.ts"

/**
 * An event of the consumer group `group`. Durations are in milliseconds.
 *
 * - `Started`, `Stopped`: the consumer's client lives between them.
 * - `Assigned`, `Revoked`, `Lost`: what a rebalance did to this member.
 * - `Drained`: a partition given up; with `timedOut` its handler was interrupted after the drain budget, `reason` says
 *   at which offset it was.
 * - `Stored`: finished positions handed to the client; `Committed`, `CommitFailed`: the broker's answer.
 * - `Skipped`: a record was skipped by policy. `Waiting`: a record failed and is handled again in place, at `until`
 *   (milliseconds since the epoch). `Routed`: copies of failed records are acknowledged in retry or dead letter topics,
 *   told once per step.
 * - `Held`: a partition stopped by policy, `Resumed` when it goes on.
 * - `Stalled`: a handler made no progress for so long.
 * - `Reset`: `offsetReset` chose a new position. `Paused`: the fetch budget or the user paused a partition.
 * - `Disturbed`: the client met an error and goes on. `Failed`: the consumer ended with an error.
 * - `Statistics`: the client's own figures.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ConsumerEvent =
  & { readonly group: string }
  & (
    | { readonly _tag: "Started" }
    | { readonly _tag: "Stopped" }
    | { readonly _tag: "Assigned" | "Revoked" | "Lost"; readonly partitions: ReadonlyArray<TopicPartition> }
    | (
      & { readonly _tag: "Drained"; readonly timedOut: boolean; readonly reason: string | undefined }
      & { readonly duration: number }
      & TopicPartition
    )
    | { readonly _tag: "Stored" | "Committed"; readonly positions: ReadonlyArray<Position> }
    | { readonly _tag: "CommitFailed"; readonly positions: ReadonlyArray<Position>; readonly error: KafkaError }
    | ({ readonly _tag: "Skipped"; readonly offset: number; readonly cause: Cause.Cause<unknown> } & TopicPartition)
    | (
      & { readonly _tag: "Waiting"; readonly offset: number; readonly attempts: number; readonly until: number }
      & { readonly cause: Cause.Cause<unknown> }
      & TopicPartition
    )
    | ({ readonly _tag: "Routed"; readonly outcomes: ReadonlyArray<Outcome> } & TopicPartition)
    | ({ readonly _tag: "Held"; readonly error: HandlerFailed<unknown> } & TopicPartition)
    | ({ readonly _tag: "Stalled"; readonly offset: number; readonly stalledMs: number } & TopicPartition)
    | ({ readonly _tag: "Reset"; readonly outOfRange: boolean; readonly problem: string } & TopicPartition)
    | { readonly _tag: "Paused" | "Resumed"; readonly partitions: ReadonlyArray<TopicPartition> }
    | { readonly _tag: "Disturbed"; readonly error: KafkaError }
    | { readonly _tag: "Failed"; readonly error: KafkaError | HandlerFailed<unknown> }
    | { readonly _tag: "Statistics"; readonly statistics: unknown }
  )

/** A slow subscriber loses old events, never memory. */
const capacity = 4096

/**
 * The bus that consumers publish to. The default one is shared by the whole process; provide another to keep the events
 * of a test apart.
 *
 * @stability unstable
 * @since 0.1.0
 * @category references
 */
export const Bus = Context.Reference<PubSub.PubSub<ConsumerEvent>>("millrace/ConsumerEvent/Bus", {
  defaultValue: () => Effect.runSync(PubSub.sliding<ConsumerEvent>(capacity))
})

/**
 * A bus of its own.
 *
 * @stability unstable
 * @since 0.1.0
 * @category constructors
 */
export const makeBus: Effect.Effect<PubSub.PubSub<ConsumerEvent>> = PubSub.sliding<ConsumerEvent>(capacity)

/**
 * The events of all consumers on the current bus, from now on.
 *
 * @example
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { ConsumerEvent } from "millrace"
 *
 * export const logRebalances = ConsumerEvent.stream.pipe(
 *   Stream.filter((event) => event._tag === "Assigned" || event._tag === "Revoked"),
 *   Stream.runForEach((event) => Effect.log(event.group, event._tag))
 * )
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category streams
 */
export const stream: Stream.Stream<ConsumerEvent> = Stream.unwrap(
  Effect.map(Effect.service(Bus), (bus) => Stream.fromPubSub(bus))
)
