/**
 * Partitions of topics that cannot be handled: the retry topics of a new topic of a pattern cannot be made, or two
 * patterns match it. They are held while the others go on, and prepared again now and then.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { LoopContext } from "./loopContext.ts"
import { type Beginning, type Ownership, tp } from "./ownership.ts"
import type { Starts } from "./rebalanceQueue.ts"
import type { RunExit } from "./stopping.ts"

/** What refusing needs of the loop. */
export interface Hooks {
  readonly stop: (exit: RunExit) => void
  /** There may be something to read. */
  readonly moved: () => void
  readonly wake: () => void
}

/** How long until a topic is prepared again, in milliseconds. */
const againAfter = 30_000

interface Refused {
  readonly topic: string
  readonly error: KafkaError
  /** When it is tried again; for ever later while that is under way. */
  dueAt: number
}

/** Where to begin, of those positions that name the partition. */
export const at = (
  positions: ReadonlyArray<Position> | undefined,
  { partition, topic }: TopicPartition
): Position | undefined => positions?.find((position) => position.topic === topic && position.partition === partition)

/** How a partition begins that was prepared. */
export const beginningOf = (starts: Starts | undefined, partition: TopicPartition): Beginning => {
  const note = at(starts?.notes, partition)
  return { from: at(starts?.positions, partition) ?? note, end: at(starts?.ends, partition)?.offset, note }
}

/** Owned by the run loop. */
export class Refusals {
  private readonly topics = new Map<string, Refused>()
  private readonly prepared: Array<readonly [refused: Refused, starts: Starts]> = []
  private readonly context: LoopContext
  private readonly ownership: Ownership
  private readonly hooks: Hooks

  constructor(context: LoopContext, ownership: Ownership, hooks: Hooks) {
    this.context = context
    this.ownership = ownership
    this.hooks = hooks
  }

  /** Why a partition is not handled, if it is not. */
  of({ topic }: TopicPartition): KafkaError | undefined {
    return this.topics.get(topic)?.error
  }

  /** Takes a partition in, and holds it. */
  hold(partition: TopicPartition, error: KafkaError, beginning: Beginning): void {
    const { topic } = partition
    if (!this.topics.has(topic)) this.topics.set(topic, { topic, error, dueAt: this.now() + againAfter })
    const failure = new HandlerFailed<unknown>({
      ...tp(partition),
      group: this.context.plan.group,
      offset: beginning.from?.offset ?? -1,
      cause: Cause.fail(error)
    })
    this.ownership.setPaused([this.ownership.startHeld(partition, beginning, failure)], true)
    this.context.held(failure)
  }

  /** The user wants a partition to go on: its topic is prepared again with the next tick. */
  hurry({ topic }: TopicPartition): void {
    const refused = this.topics.get(topic)
    if (refused !== undefined) refused.dueAt = Math.min(refused.dueAt, this.now())
  }

  /** Prepares again what is due. */
  tryAgain(): Effect.Effect<void> {
    if (this.topics.size === 0) return Effect.void
    const now = this.now()
    return Effect.forEach([...this.topics.values()], (refused) => {
      const { topic } = refused
      const partitions = this.partitionsOf(topic)
      if (partitions.length === 0) this.topics.delete(topic)
      if (partitions.length === 0 || now < refused.dueAt) return Effect.void
      refused.dueAt = Number.POSITIVE_INFINITY
      return this.context.prepareStarts(partitions.map(tp), (exit) => {
        const failed = Exit.isFailure(exit) || exit.value.refused.has(topic)
        if (failed) refused.dueAt = this.now() + againAfter
        else this.prepared.push([refused, exit.value])
        this.hooks.wake()
      })
    }, { discard: true })
  }

  /** Lets go on what could be prepared. */
  readonly settle = Effect.fnUntraced({ self: this as Refusals }, function*() {
    for (const [{ topic }, starts] of this.prepared.splice(0)) {
      this.topics.delete(topic)
      for (const state of this.partitionsOf(topic)) {
        const began = yield* Effect.exit(this.begin(state, starts))
        if (Exit.isFailure(began)) this.hooks.stop(began)
      }
    }
  })

  /** Whether any topic is refused, and waits to be prepared again. */
  get any(): boolean {
    return this.topics.size > 0
  }

  get isIdle(): boolean {
    return this.prepared.length === 0
  }

  private begin(held: PartitionState, starts: Starts): Effect.Effect<void, KafkaError> {
    const { client } = this.ownership
    const beginning = beginningOf(starts, held)
    // What came before the client paused it is gone.
    const offset = at(starts.positions, held)?.offset ?? held.firstDropped
    return Effect.gen({ self: this }, function*() {
      if (offset !== undefined) yield* client.seek({ ...tp(held), offset })
      this.ownership.forget(held)
      const state = yield* this.ownership.start(held, { ...beginning, end: beginning.end ?? held.end })
      state.suspend(held.suspended)
      this.ownership.setPaused([state], held.suspended)
      this.context.publish({ _tag: "Resumed", partitions: [tp(held)] })
      this.hooks.moved()
    })
  }

  private partitionsOf(topic: string): ReadonlyArray<PartitionState> {
    return [...this.ownership.assignment].filter((state) => state.topic === topic && state.phase === "held")
  }

  private now(): number {
    return this.context.clock.currentTimeMillisUnsafe()
  }
}
