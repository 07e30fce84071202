/**
 * Decides when a bounded read is over: this member has read its partitions to their ends, and every other partition is
 * in the hands of another member. One that is on its way from one member to the next is nobody's for a while. If all
 * members that are done left then, nobody would read it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import type { Assignment } from "../partition/assignment.ts"
import type { GroupShare, LoopContext } from "./loopContext.ts"

/** How long to wait before the group is looked at again, in milliseconds. A first assignment comes by itself. */
const pauseMillis = 500
const firstMillis = 2_000

/** After this long without an answer about the group, it is enough that this member is done; in milliseconds. */
const giveUpMillis = 60_000

/** Whether a group is at rest, with exactly `own` in the hands of one member, and everything wanted in some hands. */
export const isShared = ({ group, wanted }: GroupShare, own: ReadonlyArray<TopicPartition>): boolean => {
  if (group === undefined || group.state !== "Stable") return false
  const taken = new Set(group.members.flatMap(({ assignment }) => assignment.map(format)))
  const mine = new Set(own.map(format))
  const isKnown = group.members.some(({ assignment }) =>
    assignment.length === mine.size && assignment.every((partition) => mine.has(format(partition)))
  )
  return isKnown && wanted.every((partition) => taken.has(format(partition)))
}

/** Owned by the run loop. */
export class BoundedRead {
  private readonly context: LoopContext
  private readonly assignment: Assignment
  private readonly wake: () => void
  private assigned = false
  private rebalances = 0
  private lookup: Fiber.Fiber<unknown, unknown> | undefined
  private lastLook: number
  private confirmed = 0
  private failingSince: number | undefined

  constructor(context: LoopContext, assignment: Assignment, wake: () => void) {
    this.context = context
    this.assignment = assignment
    this.wake = wake
    this.lastLook = context.clock.currentTimeMillisUnsafe()
  }

  /** A rebalance began: what was known of the group is out of date. */
  rebalanced(): void {
    this.rebalances++
    this.confirmed = 0
  }

  /** An assignment was made; it may be empty. */
  onAssigned(): void {
    this.assigned = true
  }

  /** Whether the read is over. Looks at the group where that is not clear without. */
  isOver(now: number): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      for (const state of this.assignment) {
        if (state.reachedEnd) continue
        this.confirmed = 0
        return Effect.succeed(false)
      }
      if (this.assigned && this.hasAll) return Effect.succeed(true)
      // Without partitions a member looks like another one that has none: some may be on their way to it.
      if (this.confirmed >= (this.assignment.size > 0 ? 1 : 2)) return Effect.succeed(true)
      if (this.failingSince !== undefined && now - this.failingSince >= giveUpMillis) return Effect.succeed(true)
      const pause = this.assigned ? pauseMillis : firstMillis
      if (this.lookup !== undefined || now - this.lastLook < pause) return Effect.succeed(false)
      return Effect.as(this.look(now), false)
    })
  }

  /** Ends a look-up under way: the client is about to be closed. */
  close(): void {
    this.lookup?.interruptUnsafe()
  }

  private get hasAll(): boolean {
    return this.context.wanted.every(({ partition, topic }) => this.assignment.get(topic, partition) !== undefined)
  }

  private look(now: number): Effect.Effect<void> {
    this.lastLook = now
    const { rebalances } = this
    const done = (exit: Exit.Exit<GroupShare, KafkaError>) => {
      this.lookup = undefined
      this.found(exit, now, rebalances === this.rebalances)
      this.wake()
    }
    return Effect.map(this.context.lookAtGroup(done), (fiber) => {
      if (fiber.pollUnsafe() === undefined) this.lookup = fiber
    })
  }

  private found(exit: Exit.Exit<GroupShare, KafkaError>, since: number, isCurrent: boolean): void {
    if (Exit.isSuccess(exit)) {
      this.failingSince = undefined
      if (isCurrent) this.confirmed = isShared(exit.value, [...this.assignment]) ? this.confirmed + 1 : 0
      return
    }
    const error = Cause.findErrorOption(exit.cause)
    if (error._tag === "None") return
    if (this.failingSince === undefined) this.context.publish({ _tag: "Disturbed", error: error.value })
    this.failingSince ??= since
  }
}
