/**
 * What every engine implements and everything else is built on. It belongs to no client library.
 *
 * A consumer client is driven by one owner (the run loop): `poll` never waits and hands out what is there, `onReady`
 * says when to look again, rebalances arrive as events that must be answered. Heartbeats, connections, sessions and the
 * timer that commits stored positions are the engine's own business.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as KafkaConfig from "../KafkaConfig.ts"
import type { KafkaError } from "../KafkaError.ts"
import type { AdminClient } from "./AdminClient.ts"
import type { Chunk, Delivery, Position, RawMessage, TopicPartition } from "./Model.ts"

export type * from "./AdminClient.ts"
export type * from "./Model.ts"

/**
 * What a consumer client tells its owner.
 *
 * - `Rebalance`: to be answered once, in order, by `answer(id)`. `assign` names the added partitions, `revoke` the ones
 *   to give up after draining, `lost` the ones that are gone already (an eager group names all of its partitions).
 * - `EndOfPartition`: the position reached the end of the log (only with `signalEnd`).
 * - `Committed` / `CommitFailed`: the broker's answer to a commit of stored positions.
 * - `OffsetReset`: the position was out of range (records may have been missed), or there was none, and `offsetReset`
 *   chose.
 * - `Disturbed`: something went wrong and the client goes on by itself (a broker is down, a topic is missing).
 * - `Failed`: the client is of no use any more.
 * - `Statistics`: the client's own figures, opt-in.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type ClientEvent =
  | {
    readonly _tag: "Rebalance"
    readonly id: number
    readonly kind: "assign" | "revoke" | "lost"
    readonly partitions: ReadonlyArray<TopicPartition>
  }
  | ({ readonly _tag: "EndOfPartition" } & Position)
  | { readonly _tag: "Committed"; readonly positions: ReadonlyArray<Position> }
  | { readonly _tag: "CommitFailed"; readonly positions: ReadonlyArray<Position>; readonly error: KafkaError }
  | ({ readonly _tag: "OffsetReset"; readonly outOfRange: boolean; readonly problem: string } & TopicPartition)
  | { readonly _tag: "Disturbed"; readonly error: KafkaError }
  | { readonly _tag: "Failed"; readonly error: KafkaError }
  | { readonly _tag: "Statistics"; readonly statistics: unknown }

/**
 * What a consumer client reads: topics and patterns as a member of a group, or fixed partitions without a group.
 * A pattern matches a whole topic name and follows topics that appear and disappear; internal topics (`__…`) never
 * match. A named topic that does not exist when the client is made fails with `UnknownTopic`, unless the cluster
 * creates topics by itself. On a real cluster the brokers have 5 seconds to learn of a topic that was just created.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Subscription =
  | {
    readonly _tag: "Group"
    readonly groupId: string
    readonly topics: ReadonlyArray<string>
    readonly patterns: ReadonlyArray<RegExp>
  }
  | { readonly _tag: "Manual"; readonly positions: ReadonlyArray<Position> }

/**
 * Whether a pattern matches the whole of a topic name, as every engine does it. Internal topics (`__…`) never match.
 *
 * @example
 * ```ts
 * import { KafkaEngine } from "millrace"
 *
 * console.log(KafkaEngine.matchesPattern(/orders\..+/, "orders.eu")) // true
 * console.log(KafkaEngine.matchesPattern(/orders/, "orders.eu")) // false
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category predicates
 */
export const matchesPattern = (regex: RegExp, name: string): boolean => {
  if (name.startsWith("__")) return false
  // Global and sticky patterns remember where they were.
  const flags = regex.flags.replace(/[gy]/g, "")
  return new RegExp(`^(?:${regex.source})$`, flags).test(name)
}

/**
 * How to make a consumer client. `onReady` and `onEvent` are called from the client's own callbacks: they may only note
 * what happened and wake the owner.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerClientOptions {
  readonly subscription: Subscription
  readonly offsetReset: KafkaConfig.OffsetReset
  readonly config: KafkaConfig.ConsumerConfig
  /** Whether `EndOfPartition` events are wanted. */
  readonly signalEnd: boolean
  /**
   * Whether a position that `offsetReset` chose is stored at once, and so committed with the next commit, at the latest
   * when the partition is given up: the next owner, and a restart, begin there and miss nothing (default `false`).
   */
  readonly commitResets?: boolean | undefined
  readonly onReady: () => void
  readonly onEvent: (event: ClientEvent) => void
}

/**
 * Identifies a member of a group to a transactional producer (KIP-447). Opaque: only the engine that made it can use
 * it, and for one call: with one engine it follows later rebalances, with another they make it stale.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface GroupMetadata {
  readonly groupId: string
  readonly "~millrace/engine/GroupMetadata": unknown
}

/**
 * A consumer client. Only its owner may call it; after `close` nothing may. Every position given to it is checked: what
 * is no offset fails with `InvalidSetting`, which names it.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ConsumerClient {
  /**
   * Returns at most `maxRecords` records and about `maxBytes` bytes (one record always fits), at once. To be called at
   * least once per `maxPollInterval`; with `maxRecords` 0 it counts as such and returns nothing. Records of a partition
   * in a pending revoke are not returned; records fetched before a pause may still be.
   */
  readonly poll: (maxRecords: number, maxBytes: number) => ReadonlyArray<Chunk>
  /**
   * Ends a rebalance event. For `assign`, `start` moves the named partitions to other offsets before the first record;
   * for `revoke` the engine commits the stored positions of these partitions first.
   */
  readonly answer: (id: number, start?: ReadonlyArray<Position>) => Effect.Effect<void, KafkaError>
  /**
   * Notes a finished position, to be committed by the timer, by a revoke and by `close`. `false`: the partition is not
   * assigned (any more) and nothing was noted.
   */
  readonly store: (position: Position) => boolean
  /** Commits exactly these positions, now, and ends when the broker acknowledged, also at an unchanged offset. */
  readonly commit: (positions: ReadonlyArray<Position>) => Effect.Effect<void, KafkaError>
  /** The group's committed positions; partitions without one are left out. */
  readonly committed: (
    partitions: ReadonlyArray<TopicPartition>
  ) => Effect.Effect<ReadonlyArray<Position>, KafkaError>
  /** Idempotent; an assignment starts unpaused. */
  readonly pause: (partitions: ReadonlyArray<TopicPartition>) => void
  /** Ends a pause. Idempotent. */
  readonly resume: (partitions: ReadonlyArray<TopicPartition>) => void
  /** Makes a partition go on from an offset; chunks polled before belong to the past. */
  readonly seek: (position: Position) => Effect.Effect<void, KafkaError>
  /** The last known end of the partition, for lag; `undefined` when unknown. */
  readonly highWatermark: (partition: TopicPartition) => number | undefined
  /** The membership as it is now, for one call of `sendOffsets`. */
  readonly groupMetadata: () => GroupMetadata
  /**
   * Commits stored positions, leaves the group and ends within the deadline, whatever happens. Rebalance events that
   * arrive while closing are answered by the engine.
   */
  readonly close: (deadline: Duration.Duration) => Effect.Effect<void, KafkaError>
  /**
   * How long, in milliseconds, its owner may go from now on without a `poll` while nothing is in work, if that is
   * longer than usual. Only an engine whose clock a test moves says so: days pass at once then.
   */
  readonly restsFor?: (() => number) | undefined
}

/**
 * Receives the fate of one record: an error, or the acknowledgement.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type DeliveryCallback = (error: KafkaError | undefined, delivery: Delivery | undefined) => void

/**
 * A producer client.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface ProducerClient {
  /**
   * Takes one record without waiting and calls `done` exactly once, later. `false`: the buffer is full, the record was
   * not taken and `done` is not called.
   */
  readonly produce: (message: RawMessage, done: DeliveryCallback) => boolean
  /** Ends when trying again makes sense. */
  readonly whenSpace: Effect.Effect<void>
  /** Ends when every record taken so far was acknowledged or failed; fails with `Timeout` after `timeout`. */
  readonly flush: (timeout: Duration.Duration) => Effect.Effect<void, KafkaError>
}

/**
 * A producer client with transactions (KIP-98). The transactional id is claimed when it is made: an older holder of the
 * id is fenced.
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export interface TransactionalClient extends ProducerClient {
  /** Opens a transaction; records taken from now on belong to it. */
  readonly begin: Effect.Effect<void, KafkaError>
  /** Makes the progress of a group part of the transaction. Fails when the member was fenced meanwhile. */
  readonly sendOffsets: (
    positions: ReadonlyArray<Position>,
    group: GroupMetadata
  ) => Effect.Effect<void, KafkaError>
  /** Ends the transaction: its records and offsets become visible together. */
  readonly commit: Effect.Effect<void, KafkaError>
  /** Ends the transaction: nothing of it becomes visible. */
  readonly abort: Effect.Effect<void, KafkaError>
}

/**
 * What not every engine can do. Using one that is missing fails with the reason `Unsupported`.
 *
 * - `configs`: describing and altering topic configurations
 * - `nullHeaders`: telling a header that is null from one that is empty, when records are read
 * - `timestampType`: telling who set a record's timestamp
 * - `kip848`: the group protocol `"consumer"`
 * - `transactions`: transactional producers
 *
 * @stability unstable
 * @since 0.1.0
 * @category models
 */
export type Capability = "configs" | "nullHeaders" | "timestampType" | "kip848" | "transactions"

/**
 * The service that every engine provides.
 *
 * @stability unstable
 * @since 0.1.0
 * @category services
 */
export class Service extends Context.Service<Service, {
  /** What the engine is called in errors and health. */
  readonly name: string
  /** What it can do of what not every engine can. */
  readonly capabilities: ReadonlySet<Capability>
  /** Lives as long as the engine's layer, for what users of the engine want to share for that time. */
  readonly scope: Scope.Scope
  /** Makes a client of its own each time, which lives as long as the caller's scope. */
  readonly consumer: (options: ConsumerClientOptions) => Effect.Effect<ConsumerClient, KafkaError, Scope.Scope>
  /** The shared producer: made on first use, flushed and ended with the layer. */
  readonly producer: Effect.Effect<ProducerClient, KafkaError>
  /** Makes a client of its own each time, which lives as long as the caller's scope. */
  readonly transactional: (
    transactionalId: string
  ) => Effect.Effect<TransactionalClient, KafkaError, Scope.Scope>
  /** The shared admin client: made on first use, ended with the layer. */
  readonly admin: Effect.Effect<AdminClient, KafkaError>
}>()("millrace/engine/KafkaEngine") {}
