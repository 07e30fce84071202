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
 * What every event says.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Event<Tag extends string> {
  /** What happened. */
  readonly _tag: Tag
  /** The consumer group that it happened in. */
  readonly group: string
}

/**
 * `Started`: the consumer's client was made. `Stopped`: it ended as asked; with a `cause` it ended because of a defect,
 * which is a bug in a callback or in Millrace.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface LifeEvent extends Event<"Started" | "Stopped"> {
  /** The defect that ended it; `undefined` if none did. */
  readonly cause?: Cause.Cause<unknown> | undefined
}

/**
 * `Assigned`: this member got partitions. `Revoked`: it gave them up, drained. `Lost`: they are another member's
 * already. `Paused` and `Resumed`: by the fetch budget, or by the user.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface PartitionsEvent extends Event<"Assigned" | "Revoked" | "Lost" | "Paused" | "Resumed"> {
  /** Which ones. */
  readonly partitions: ReadonlyArray<TopicPartition>
}

/**
 * A partition was given up.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Drained extends Event<"Drained">, TopicPartition {
  /** Whether its handler was interrupted because the drain budget was over. */
  readonly timedOut: boolean
  /** With `timedOut`, at which offset the handler was. */
  readonly reason: string | undefined
  /** How long it took, in milliseconds. */
  readonly duration: number
}

/**
 * `Stored`: finished positions were handed to the client. `Committed`: the broker has them.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface PositionsEvent extends Event<"Stored" | "Committed"> {
  /** The positions: of each partition the offset of the next record. */
  readonly positions: ReadonlyArray<Position>
}

/**
 * The broker refused a commit.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface CommitFailed extends Event<"CommitFailed"> {
  /** What was to be committed. */
  readonly positions: ReadonlyArray<Position>
  /** Why it was not. */
  readonly error: KafkaError
}

/**
 * A record was skipped by its policy, or by hand.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Skipped extends Event<"Skipped">, TopicPartition {
  /** The record's offset. */
  readonly offset: number
  /** Why it failed. */
  readonly cause: Cause.Cause<unknown>
}

/**
 * A record failed and is handled again in place.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Waiting extends Event<"Waiting">, TopicPartition {
  /** The record's offset. */
  readonly offset: number
  /** How many times its handler ran. */
  readonly attempts: number
  /** When it runs again, in milliseconds since the epoch. */
  readonly until: number
  /** Why it failed last. */
  readonly cause: Cause.Cause<unknown>
}

/**
 * Copies of failed records are acknowledged in retry or dead letter topics; one event for each step.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Routed extends Event<"Routed">, TopicPartition {
  /** What became of the records. */
  readonly outcomes: ReadonlyArray<Outcome>
}

/**
 * A partition waits for the copy of a failed record, which no broker has acknowledged for half a minute. Reported again
 * every ten minutes; health is red meanwhile.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Unsent extends Event<"Unsent">, TopicPartition {
  /** The offset of the record that failed. */
  readonly offset: number
  /** The retry or dead letter topic that its copy is for. */
  readonly to: string
  /** For how long the partition has waited, in milliseconds. */
  readonly waitedMs: number
  /** Why the copy was refused last; `undefined` while no broker answered. */
  readonly error: KafkaError | undefined
}

/**
 * A partition stopped by its policy. `Resumed` follows when it goes on.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Held extends Event<"Held">, TopicPartition {
  /** Which record stopped it, and why. */
  readonly error: HandlerFailed<unknown>
}

/**
 * A partition has made no progress for a minute although there is something to do: a handler hangs, an earlier handler
 * of the partition has not ended, `startOffsets` has not returned, no records arrive, … `Resumed` follows when it goes
 * on. A handler is reported after `reportHandlerStall`; without progress for `maxHandlerStall` it ends the consumer.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Stalled extends Event<"Stalled">, TopicPartition {
  /** The record in work, or where the partition goes on; -1 where that is not known. */
  readonly offset: number
  /** For how long, in milliseconds. */
  readonly stalledMs: number
  /** What it waits for, in words. */
  readonly problem: string
}

/**
 * `offsetReset` chose a position.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Reset extends Event<"Reset">, TopicPartition {
  /** Whether there was a position, and its record is gone: records may have been missed. */
  readonly outOfRange: boolean
  /** What happened, in words. */
  readonly problem: string
}

/**
 * The client met an error and goes on.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Disturbed extends Event<"Disturbed"> {
  /** What it met. */
  readonly error: KafkaError
}

/**
 * The consumer ended with an error.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Failed extends Event<"Failed"> {
  /** Why it ended. */
  readonly error: KafkaError | HandlerFailed<unknown>
}

/**
 * The client's own figures, when the engine is asked for them.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface Statistics extends Event<"Statistics"> {
  /** In the form of the client library. */
  readonly statistics: unknown
}

/**
 * An event of a consumer group.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ConsumerEvent =
  | LifeEvent
  | PartitionsEvent
  | Drained
  | PositionsEvent
  | CommitFailed
  | Skipped
  | Waiting
  | Routed
  | Held
  | Unsent
  | Stalled
  | Reset
  | Disturbed
  | Failed
  | Statistics

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
 * A bus of its own. A subscriber that falls behind by more than 4096 events loses the oldest.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { ConsumerEvent } from "millrace"
 *
 * export const withOwnEvents = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
 *   Effect.provideServiceEffect(effect, ConsumerEvent.Bus, ConsumerEvent.makeBus)
 * ```
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
