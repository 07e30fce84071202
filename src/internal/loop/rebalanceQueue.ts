/**
 * The rebalance events of one member. Each is answered once, in the order in which they came. Pure but for its queue:
 * the owner carries the events out and moves them from phase to phase.
 */
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"

/** What the client asked for. */
export interface Rebalance {
  readonly id: number
  readonly kind: "assign" | "revoke" | "lost"
  readonly partitions: ReadonlyArray<TopicPartition>
}

/** Where an assignment starts, where it ends if the read is bounded, and the metadata of its committed offsets. */
export interface Starts {
  readonly positions: ReadonlyArray<Position>
  readonly ends: ReadonlyArray<Position>
  readonly notes: ReadonlyArray<Position>
  /** Topics of the assignment that cannot be handled, and why. */
  readonly refused: ReadonlyMap<string, KafkaError>
}

/**
 * - `queued`: an earlier one is not answered yet.
 * - `preparing`: an assignment whose start offsets are being looked up.
 * - `draining`: a revoke whose handlers are finishing, until `deadline`; after it they are interrupted and get until
 *   `lastDeadline`.
 * - `ready`: to be answered.
 */
export interface Pending extends Rebalance {
  phase: "queued" | "preparing" | "draining" | "ready"
  startedAt: number
  deadline: number
  lastDeadline: number
  interrupted: boolean
  starts: Starts | undefined
  /** Gives the preparation up. */
  cancel: (() => void) | undefined
}

/** How long an interrupted handler may take to end, in milliseconds. Then its partition is given up all the same. */
export const interruptGrace = 1_000

/** The queue. */
export class Rebalances {
  private readonly queue: Array<Pending> = []

  add(rebalance: Rebalance): void {
    this.queue.push({
      ...rebalance,
      phase: "queued",
      startedAt: 0,
      deadline: Number.POSITIVE_INFINITY,
      lastDeadline: Number.POSITIVE_INFINITY,
      interrupted: false,
      starts: undefined,
      cancel: undefined
    })
  }

  /** The oldest event, which is the one under way. */
  get head(): Pending | undefined {
    return this.queue[0]
  }

  get isEmpty(): boolean {
    return this.queue.length === 0
  }

  /** Whether one of the events takes a partition away. */
  takes({ partition, topic }: TopicPartition): boolean {
    return this.queue.some(({ kind, partitions }) =>
      kind !== "assign" && partitions.some((taken) => taken.topic === topic && taken.partition === partition)
    )
  }

  /** Removes the head, after its answer. */
  settle(): void {
    this.queue.shift()
  }
}

/** Starts the clock of a revoke. */
export const startDraining = (pending: Pending, now: number, budget: number): void => {
  pending.phase = "draining"
  pending.startedAt = now
  pending.deadline = now + budget
}

/**
 * What a draining revoke needs now: `done` when every handler ended, `interrupt` once when the budget is over, `giveUp`
 * when a handler did not end even then, else `wait`.
 */
export const drainStep = (
  pending: Pending,
  now: number,
  drained: boolean
): "done" | "interrupt" | "giveUp" | "wait" => {
  if (drained) return "done"
  if (!pending.interrupted && now >= pending.deadline) {
    pending.interrupted = true
    pending.lastDeadline = now + interruptGrace
    return "interrupt"
  }
  return pending.interrupted && now >= pending.lastDeadline ? "giveUp" : "wait"
}
