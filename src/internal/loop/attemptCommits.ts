/** Commits how often waiting records have failed: at a tick, and one commit at a time. */
import * as Effect from "effect/Effect"
import type { KafkaError } from "../../KafkaError.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Signal } from "../shared/signal.ts"
import type { LoopContext } from "./loopContext.ts"
import type { Ownership } from "./ownership.ts"

/** Owned by the run loop. */
export class AttemptCommits {
  private readonly waiting = new Set<PartitionState>()
  private readonly ownership: Ownership
  private readonly context: LoopContext
  private readonly signal: Signal
  private committing = false

  constructor(ownership: Ownership, context: LoopContext, signal: Signal) {
    this.ownership = ownership
    this.context = context
    this.signal = signal
  }

  /** A record of this partition begins to wait. */
  add(state: PartitionState): void {
    this.waiting.add(state)
  }

  get isIdle(): boolean {
    return this.committing || this.waiting.size === 0
  }

  /** Begins a commit. Records that begin to wait meanwhile are in the next one. */
  begin(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const positions = this.ownership.noted([...this.waiting])
      this.waiting.clear()
      if (positions.length === 0) return Effect.void
      this.committing = true
      const commit = Effect.match(this.context.client.commit(positions), {
        onFailure: (error) => this.done(error),
        onSuccess: () => this.done(undefined)
      })
      // It must begin in the loop's own step: later the partitions may be lost, or the client closed.
      return Effect.asVoid(Effect.forkDetach(commit, { startImmediately: true }))
    })
  }

  private done(error: KafkaError | undefined): void {
    this.committing = false
    if (error !== undefined) this.context.publish({ _tag: "Disturbed", error })
    this.signal.raise()
  }
}
