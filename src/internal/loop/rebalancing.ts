/** Carries rebalances out, one after the other. Each is answered when everything that it asks for is done. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ConsumerClient, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Commits } from "./commits.ts"
import type { LoopContext } from "./loopContext.ts"
import type { Ownership } from "./ownership.ts"
import { tp } from "./ownership.ts"
import { drainStep, Rebalances, startDraining } from "./rebalanceQueue.ts"
import type { Pending, Rebalance } from "./rebalanceQueue.ts"
import { beginningOf, type Refusals } from "./refusals.ts"
import type { RunExit } from "./stopping.ts"

/** What rebalancing needs of the loop. */
export interface Hooks {
  readonly isStopping: () => boolean
  readonly stop: (exit: RunExit) => void
  /** Partitions were assigned: there may be something to read. */
  readonly assigned: () => void
  readonly wake: () => void
}

/** Owned by the run loop. */
export class Rebalancing {
  private readonly queue = new Rebalances()
  private readonly context: LoopContext
  private readonly ownership: Ownership
  private readonly commits: Commits
  private readonly refusals: Refusals
  private readonly hooks: Hooks

  constructor(context: LoopContext, ownership: Ownership, commits: Commits, refusals: Refusals, hooks: Hooks) {
    this.context = context
    this.ownership = ownership
    this.commits = commits
    this.refusals = refusals
    this.hooks = hooks
  }

  get isIdle(): boolean {
    return this.queue.isEmpty
  }

  /** Whether a partition is about to be given up. */
  takes(partition: TopicPartition): boolean {
    return this.queue.takes(partition)
  }

  /** The assignment that is being prepared. */
  get preparing(): Pending | undefined {
    return this.queue.head?.phase === "preparing" ? this.queue.head : undefined
  }

  /** Takes an event in. Lost partitions are fenced at once; everything else happens in its turn. */
  add(event: Rebalance): void {
    if (event.kind === "lost") {
      this.ownership.fence(event.partitions)
      this.commits.abandon(event.partitions)
    }
    this.queue.add(event)
    const { preparing } = this
    if (preparing === undefined || preparing.partitions.some((partition) => !this.takes(partition))) return
    // Nobody needs it any more, and it may take for ever.
    preparing.phase = "ready"
    preparing.cancel?.()
  }

  /** Carries on as far as possible without waiting. */
  readonly settle = Effect.fnUntraced({ self: this as Rebalancing }, function*() {
    while (true) {
      const pending = this.queue.head
      if (pending === undefined) return
      if (pending.phase === "queued") yield* this.begin(pending)
      if (pending.phase === "draining") this.drainRevoked(pending)
      if (pending.phase !== "ready") return
      yield* this.finish(pending)
      this.queue.settle()
    }
  })

  /** At the end of a run no rebalance may be left without its answer: closing the client would wait for it. */
  readonly answerRest = Effect.fnUntraced({ self: this as Rebalancing }, function*(client: ConsumerClient) {
    while (this.queue.head !== undefined) {
      const { cancel, id } = this.queue.head
      cancel?.()
      this.queue.settle()
      yield* this.disturbing(Effect.suspend(() => client.answer(id)))
    }
  })

  private begin(pending: Pending): Effect.Effect<void> {
    switch (pending.kind) {
      case "assign": {
        if (this.hooks.isStopping() || !this.context.needsStarts) {
          pending.phase = "ready"
          return Effect.void
        }
        pending.phase = "preparing"
        pending.startedAt = this.now()
        const prepared = this.context.prepareStarts(pending.partitions, (exit) => {
          if (pending.phase !== "preparing") return
          if (Exit.isSuccess(exit)) pending.starts = exit.value
          else this.hooks.stop(exit)
          pending.phase = "ready"
          this.hooks.wake()
        })
        return Effect.map(prepared, (fiber) => {
          pending.cancel = () => fiber.interruptUnsafe()
        })
      }
      case "revoke": {
        startDraining(pending, this.now(), this.context.plan.drainTimeout)
        for (const state of this.ownership.assignment.of(pending.partitions)) this.ownership.drain(state)
        return Effect.void
      }
      case "lost": {
        pending.phase = "ready"
        return Effect.void
      }
    }
  }

  private drainRevoked(pending: Pending): void {
    const { commits, ownership } = this
    const running = ownership.assignment.of(pending.partitions).filter((state) => !state.isDrained)
    const now = this.now()
    switch (drainStep(pending, now, running.length === 0 && !commits.isBusy(pending.partitions))) {
      case "wait":
        return
      case "interrupt":
        commits.abandon(pending.partitions)
        return ownership.interrupt(running, now - pending.startedAt, "after the drain budget")
      case "giveUp":
        // What they have finished may be committed; what they still do may not.
        ownership.store(running)
        ownership.fence(running)
    }
    pending.phase = "ready"
  }

  private finish(pending: Pending): Effect.Effect<void> {
    const { ownership } = this
    const { partitions } = pending
    switch (pending.kind) {
      case "assign":
        return Effect.matchCauseEffect(ownership.client.answer(pending.id, pending.starts?.positions), {
          onFailure: (cause) => Effect.sync(() => this.hooks.stop(Exit.failCause(cause))),
          onSuccess: () => this.startAssigned(pending)
        })
      case "revoke": {
        const states = ownership.assignment.of(partitions)
        ownership.store(states)
        const noted = ownership.noted(states)
        const duration = this.now() - pending.startedAt
        for (const state of states) {
          if (!pending.interrupted) {
            this.context.publish({ _tag: "Drained", ...tp(state), timedOut: false, reason: undefined, duration })
          }
          ownership.forget(state)
        }
        this.context.publish({ _tag: "Revoked", partitions })
        return Effect.andThen(
          this.disturbing(ownership.commitNoted(noted)),
          this.disturbing(ownership.client.answer(pending.id))
        )
      }
      case "lost": {
        // Fenced again: an assignment of these partitions may have been answered after the loss was taken in.
        ownership.fence(partitions)
        this.context.publish({ _tag: "Lost", partitions })
        return this.disturbing(ownership.client.answer(pending.id))
      }
    }
  }

  private startAssigned(pending: Pending): Effect.Effect<void> {
    this.context.publish({ _tag: "Assigned", partitions: pending.partitions })
    this.hooks.assigned()
    if (this.hooks.isStopping()) return Effect.void
    const { starts } = pending
    const wanted = pending.partitions.filter((partition) => !this.takes(partition))
    return Effect.forEach(wanted, (partition) => {
      const refused = starts?.refused.get(partition.topic)
      const beginning = beginningOf(starts, partition)
      if (refused !== undefined) return Effect.sync(() => this.refusals.hold(partition, refused, beginning))
      // Others of the topic may be held, from before it could be handled.
      this.refusals.hurry(partition)
      return this.ownership.start(partition, beginning)
    }, { discard: true })
  }

  private now(): number {
    return this.context.clock.currentTimeMillisUnsafe()
  }

  /** Runs a call of the client whose failure is published, but does not end the run. */
  private disturbing(effect: Effect.Effect<void, KafkaError>): Effect.Effect<void> {
    return Effect.catch(effect, (error) => Effect.sync(() => this.context.publish({ _tag: "Disturbed", error })))
  }
}
