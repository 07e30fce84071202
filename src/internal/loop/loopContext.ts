/** What the run loop is given, and what it offers to the workers. */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as ConsumerEvent from "../../ConsumerEvent.ts"
import type { ConsumerClient, GroupDescription, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Assignment } from "../partition/assignment.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Zombies } from "../partition/zombies.ts"
import type { Plan } from "../plan/plan.ts"
import type { Signal } from "../shared/signal.ts"
import type { Starts } from "./rebalanceQueue.ts"
import type { Stall } from "./watch/stallGuard.ts"

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

/** An event whose group is filled in. */
export type GroupEvent = DistributiveOmit<ConsumerEvent.ConsumerEvent, "group">

/** What workers may call of the loop, from their own fibers. All of it is synchronous and cheap. */
export interface WorkerPort {
  /** Of this run alone. */
  readonly assignment: Assignment
  /** Gives back fetch budget. */
  readonly release: (state: PartitionState, records: number, bytes: number) => void
  /** Nothing more is fetched for this partition before something is given back. */
  readonly isFull: (state: PartitionState) => boolean
  /** Whether the partition is still this member's, in the assignment that the state belongs to. */
  readonly owns: (state: PartitionState) => boolean
  /** The position of this partition moved. */
  readonly progressed: (state: PartitionState) => void
  /** The policy stopped this partition while others of its records are still in work. */
  readonly failed: (state: PartitionState) => void
  /** A record begins to wait for its next attempt. */
  readonly waiting: (state: PartitionState) => void
}

/**
 * Starts the worker of a partition, which waits for the `previous` workers that have not ended: one owner at a time.
 */
export type StartWorker = (
  state: PartitionState,
  previous: ReadonlyArray<Fiber.Fiber<unknown, unknown>>
) => Effect.Effect<Fiber.Fiber<unknown, unknown>>

/** What a look-up found. */
export interface Found {
  /** Where partitions begin: what is committed, or what `offsetReset` chooses. */
  readonly starts: ReadonlyArray<Position>
  readonly ends: ReadonlyArray<Position>
}

/** What is known of a group. */
export interface GroupShare {
  readonly group: Pick<GroupDescription, "state" | "members"> | undefined
  /** What is still there of what a bounded read is to read. */
  readonly wanted: ReadonlyArray<TopicPartition>
}

/** What the run loop is given. */
export interface LoopContext {
  readonly plan: Plan
  readonly clock: Clock.Clock
  readonly client: ConsumerClient
  /** Whether a policy that says stop holds the partition instead of ending the run. */
  readonly holds: boolean
  /**
   * No partition comes any more: a bounded read is at its end, or the run was asked to stop. With it a bounded read
   * goes on until it is stopped: its reader may still have something to commit. May be called more than once.
   */
  readonly atEnd: (() => void) | undefined
  /** What is there when a bounded read starts, over all members of the group; empty for others. */
  readonly wanted: ReadonlyArray<TopicPartition>
  /** Looks up who has the partitions that a bounded read reads. */
  readonly lookAtGroup: (
    done: (exit: Exit.Exit<GroupShare, KafkaError>) => void
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
  /** Whether an assignment has to be prepared before it is answered, such as for own offsets or a bounded read. */
  readonly needsStarts: boolean
  /** Whether the number of attempts of failing records is committed with the offsets. */
  readonly keepsAttempts: boolean
  readonly prepareStarts: (
    partitions: ReadonlyArray<TopicPartition>,
    done: (exit: Exit.Exit<Starts, KafkaError | HandlerFailed<unknown>>) => void
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
  readonly zombies: Zombies
  /** Called once, by the loop. */
  readonly workers: (port: WorkerPort) => StartWorker
  readonly makeSignal: () => Signal
  /** Ticks in real time while a shutdown waits, because the clock of a test may stand still. Returns what ends it. */
  readonly tickInRealTime: (tick: () => void) => () => void
  readonly publish: (event: GroupEvent) => void
  readonly publishStored: (positions: ReadonlyArray<Position>) => void
  /** Passes published events on to the bus and the log. */
  readonly report: Effect.Effect<void>
  readonly held: (failure: HandlerFailed<unknown>) => void
  readonly released: (partition: TopicPartition) => void
  /** This member has no partition of a topic any more: nothing is kept of it. */
  readonly left: (topic: string) => void
  /** The partitions where nothing moves. */
  readonly stalled: (stalls: ReadonlyArray<Stall>) => void
  /** What keeps the whole member from working; `undefined` if nothing does. */
  readonly trouble: (problem: string | undefined) => void
  /** Looks up where partitions end, and where those of them begin that `starts` names. */
  readonly lookUp: (
    partitions: ReadonlyArray<TopicPartition>,
    starts: ReadonlyArray<TopicPartition>,
    done: (exit: Exit.Exit<Found, KafkaError>) => void
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
  /** Counts pauses by the fetch budget. */
  readonly paused: (partitions: number) => void
  readonly measure: (assignment: Assignment, lag: number | undefined) => void
}
