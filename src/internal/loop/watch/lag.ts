/**
 * How far each partition is behind its end, from its assignment on. Fetched records do not say everything, so the rest
 * is looked up: where a partition begins before its first record arrives, and where one ends that is not fetched
 * because it waits or is paused.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Position, TopicPartition } from "../../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import type { Assignment } from "../../partition/assignment.ts"
import type { PartitionState } from "../../partition/partitionState.ts"
import type { Found, LoopContext } from "../loopContext.ts"
import { tp } from "../ownership.ts"

/** How long a look-up is valid, in milliseconds. */
const freshFor = 10_000
const freshForAll = 30_000

/** Owned by the run loop. */
export class Lag {
  private readonly context: LoopContext
  private readonly assignment: Assignment
  private readonly ends = new WeakMap<PartitionState, number>()
  private lookup: Fiber.Fiber<unknown, unknown> | undefined
  private lastLook = Number.NEGATIVE_INFINITY
  private lastFull = Number.NEGATIVE_INFINITY
  private lastError: KafkaError | undefined
  private failingSince: number | undefined

  constructor(context: LoopContext, assignment: Assignment) {
    this.context = context
    this.assignment = assignment
  }

  /** How many records a partition is behind, if that is known. */
  of(state: PartitionState): number | undefined {
    const position = state.position ?? state.start
    const end = this.endOf(state)
    return end === undefined || position === undefined ? undefined : Math.max(0, end - position)
  }

  /** How many records all partitions together are behind; `undefined` until it is known of each. */
  get total(): number | undefined {
    let total = 0
    for (const state of this.assignment) {
      const behind = this.of(state)
      if (behind === undefined) return undefined
      total += behind
    }
    return total
  }

  /** Why the last look-up failed, if it did. */
  get error(): KafkaError | undefined {
    return this.lastError
  }

  /** For how long look-ups have failed, in milliseconds. */
  failingFor(now: number): number {
    return this.failingSince === undefined ? 0 : now - this.failingSince
  }

  /** Something may be wrong with any partition: the next look-up asks for all of them, without waiting for its time. */
  suspect(): void {
    if (this.lastError === undefined) this.lastFull = this.lastLook = Number.NEGATIVE_INFINITY
  }

  /** Begins a look-up if one is due. */
  lookUp(now: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.lookup !== undefined || this.assignment.size === 0) return Effect.void
      const isFull = now - this.lastFull >= freshForAll
      const states = [...this.assignment].filter((state) => isFull || this.isUnknown(state) || state.paused)
      if (states.length === 0 || !states.some((state) => this.isNew(state)) && now - this.lastLook < freshFor) {
        return Effect.void
      }
      this.lastLook = now
      if (isFull) this.lastFull = now
      for (const state of states) this.asked.add(state)
      const unstarted = states.filter(({ position, start }) => position === undefined && start === undefined)
      const done = (exit: Exit.Exit<Found, KafkaError>) => this.found(states, exit)
      return Effect.map(this.context.lookUp(states.map(tp), unstarted.map(tp), done), (fiber) => {
        if (fiber.pollUnsafe() === undefined) this.lookup = fiber
      })
    })
  }

  /** Ends a look-up under way: the client is about to be closed. */
  close(): void {
    this.lookup?.interruptUnsafe()
  }

  /** The partitions that were looked up. */
  private readonly asked = new WeakSet<PartitionState>()

  private isUnknown(state: PartitionState): boolean {
    return this.of(state) === undefined
  }

  private isNew(state: PartitionState): boolean {
    return this.isUnknown(state) && !this.asked.has(state)
  }

  /** The higher of the looked-up end and the client's, which does not move while a partition is paused. */
  private endOf(state: PartitionState): number | undefined {
    const end = this.context.client.highWatermark(state)
    const found = this.ends.get(state)
    return end === undefined || found === undefined ? end ?? found : Math.max(end, found)
  }

  private found(states: ReadonlyArray<PartitionState>, exit: Exit.Exit<Found, KafkaError>): void {
    this.lookup = undefined
    if (Exit.isFailure(exit)) {
      const error = Cause.findErrorOption(exit.cause)
      if (error._tag === "None") return
      this.lastError = error.value
      this.failingSince ??= this.lastLook
      return
    }
    this.lastError = this.failingSince = undefined
    const at = (positions: ReadonlyArray<Position>, { partition, topic }: TopicPartition) =>
      positions.find((position) => position.topic === topic && position.partition === partition)?.offset
    for (const state of states) {
      const end = at(exit.value.ends, state)
      if (end !== undefined) this.ends.set(state, end)
      const start = at(exit.value.starts, state)
      if (start !== undefined) state.startsAt(start)
    }
  }
}
