/**
 * The rebalance events of one member, answered once each and in the order they came. Pure but for its own queue: what
 * is to be done is the owner's business, who reports when it is done.
 */
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"

/** What the client asked for. */
export interface Rebalance {
  readonly id: number
  readonly kind: "assign" | "revoke" | "lost"
  readonly partitions: ReadonlyArray<TopicPartition>
}

/** Where an assignment starts and, for a bounded read, ends; and what was noted with its committed offsets. */
export interface Starts {
  readonly positions: ReadonlyArray<Position>
  readonly ends: ReadonlyArray<Position>
  readonly notes: ReadonlyArray<Position>
}

/**
 * - `queued`: an earlier one is not answered yet.
 * - `preparing`: an assignment whose start offsets are being asked for.
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

/** How long an interrupted handler may take to end before its partition is given up all the same, in milliseconds. */
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

  /** The one to be worked on. */
  get head(): Pending | undefined {
    return this.queue[0]
  }

  get isEmpty(): boolean {
    return this.queue.length === 0
  }

  /** Whether a partition is to be given up by one of them. */
  takes({ partition, topic }: TopicPartition): boolean {
    return this.queue.some(({ kind, partitions }) =>
      kind !== "assign" && partitions.some((taken) => taken.topic === topic && taken.partition === partition)
    )
  }

  /** Takes the head out, after its answer. */
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
 * when even that did not help, else `wait`.
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
