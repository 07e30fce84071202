/** Seeks: each waits until the worker of its partition has ended, then the partition goes on at another offset. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { monotonicMillis } from "../shared/times.ts"
import type { LoopContext } from "./loopContext.ts"
import type { Ownership } from "./ownership.ts"
import type { RunExit } from "./stopping.ts"

type Done = Deferred.Deferred<void, KafkaError>

interface Seek {
  readonly state: PartitionState
  position: Position
  /** When the handler is interrupted, once. */
  deadline: number
  /** All seeks of the partition that wait; the last one decides the offset. */
  readonly done: Array<Done>
}

/** What seeking needs of the loop. */
export interface Hooks {
  readonly isStopping: () => boolean
  readonly stop: (exit: RunExit) => void
  /** Whether a partition is about to be given up. */
  readonly isLeaving: (partition: TopicPartition) => boolean
  /** There may be something to read. */
  readonly moved: () => void
}

const notAssigned = ({ partition, topic }: Position): KafkaError =>
  Errors.make("seek", new Errors.UnknownTopic({ topic, partition }))

const closed: KafkaError = Errors.make("seek", new Errors.Closed({ client: "consumer" }))

const finish = ({ done }: Seek, exit: Exit.Exit<void, KafkaError>): Effect.Effect<void> =>
  Effect.forEach(done, (each) => Deferred.done(each, exit), { discard: true })

/** Owned by the run loop. */
export class Seeks {
  private waiting: Array<Seek> = []
  private readonly context: LoopContext
  private readonly ownership: Ownership
  private readonly hooks: Hooks

  constructor(context: LoopContext, ownership: Ownership, hooks: Hooks) {
    this.context = context
    this.ownership = ownership
    this.hooks = hooks
  }

  get isIdle(): boolean {
    return this.waiting.length === 0
  }

  /** Drains a partition for a seek, which is done when the partition goes on from there. */
  add(position: Position, done: Done): Effect.Effect<unknown> {
    return Effect.suspend(() => {
      const state = this.ownership.assignment.get(position.topic, position.partition)
      if (this.hooks.isStopping()) return Deferred.fail(done, closed)
      if (state === undefined || this.hooks.isLeaving(position)) return Deferred.fail(done, notAssigned(position))
      const earlier = this.waiting.find((seek) => seek.state === state)
      if (earlier !== undefined) {
        earlier.position = position
        earlier.done.push(done)
        return Effect.void
      }
      this.ownership.drain(state)
      const deadline = monotonicMillis(this.context.clock) + this.context.plan.drainTimeout
      this.waiting.push({ state, position, deadline, done: [done] })
      return Effect.void
    })
  }

  /** Moves the partitions whose handler ended; interrupts those that take too long. */
  readonly settle = Effect.fnUntraced({ self: this as Seeks }, function*() {
    const now = monotonicMillis(this.context.clock)
    const waiting: Array<Seek> = []
    for (const seek of this.waiting) {
      if (this.hooks.isStopping()) {
        yield* finish(seek, Exit.fail(closed))
      } else if (!this.ownership.assignment.owns(seek.state) || this.hooks.isLeaving(seek.position)) {
        yield* finish(seek, Exit.fail(notAssigned(seek.position)))
      } else if (seek.state.ended) {
        yield* finish(seek, yield* Effect.exit(this.move(seek.state, seek.position)))
      } else {
        if (now >= seek.deadline) {
          seek.deadline = Number.POSITIVE_INFINITY
          this.ownership.interrupt([seek.state], this.context.plan.drainTimeout, "after the drain budget of a seek")
        }
        waiting.push(seek)
      }
    }
    this.waiting = waiting
  })

  /** Fails the seeks that still wait: the run is over. */
  readonly failRest = Effect.suspend(() =>
    Effect.forEach(this.waiting.splice(0), (seek) => finish(seek, Exit.fail(closed)), { discard: true })
  )

  private readonly move = Effect.fnUntraced({ self: this as Seeks }, function*(
    old: PartitionState,
    position: Position
  ) {
    const { ownership } = this
    const { paused, suspended } = old
    const sought = yield* Effect.exit(ownership.client.seek(position))
    if (Exit.isFailure(sought)) {
      // The worker has ended and the queue is gone, so this partition cannot go on, and the run ends; unless the client
      // does not have the partition any more: then a rebalance is on its way.
      const error = Exit.findErrorOption(sought)
      if (error._tag === "None" || error.value.reason._tag !== "UnknownTopic") this.hooks.stop(sought)
      return yield* sought
    }
    ownership.forget(old)
    ownership.client.store(position)
    if (paused && !suspended) ownership.client.resume([{ topic: position.topic, partition: position.partition }])
    const state = yield* ownership.start(position, { from: position, end: old.end })
    state.suspend(suspended)
    state.pause(paused && suspended)
    this.hooks.moved()
  })
}
