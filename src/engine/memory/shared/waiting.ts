/** Fibers that wait until the cluster is in a certain state. */
import * as Effect from "effect/Effect"

interface Waiter {
  readonly ready: () => boolean
  readonly resume: () => void
}

/** Looked through whenever something changed; there are few waiters and their questions are cheap. */
export class Waiting {
  private waiters: Array<Waiter> = []

  /** Ends as soon as the answer is yes. */
  until(ready: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() =>
      ready() ? Effect.void : Effect.callback<void>((resume) => {
        const waiter: Waiter = { ready, resume: () => resume(Effect.void) }
        this.waiters.push(waiter)
        return Effect.sync(() => {
          this.waiters = this.waiters.filter((other) => other !== waiter)
        })
      })
    )
  }

  get isEmpty(): boolean {
    return this.waiters.length === 0
  }

  check(): void {
    const ready = this.waiters.filter((waiter) => waiter.ready())
    if (ready.length === 0) return
    this.waiters = this.waiters.filter((waiter) => !ready.includes(waiter))
    for (const waiter of ready) waiter.resume()
  }
}
