/** A sticky wake-up for one waiting fiber, raised from anywhere, also from callbacks of a native client. */
import * as Effect from "effect/Effect"
import type { SchedulerDispatcher } from "effect/Scheduler"

/**
 * A raise while no fiber waits is remembered for the next wait. The waiter goes on in a later task, never inside of
 * `raise`, whose caller may be in the middle of a change.
 */
export class Signal {
  private raised = false
  private waiter: (() => void) | undefined
  private readonly dispatcher: SchedulerDispatcher

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  raise(): void {
    this.raised = true
    if (this.waiter === undefined) return
    const waiter = this.waiter
    this.waiter = undefined
    this.dispatcher.scheduleTask(waiter, 0)
  }

  /** Ends at the next raise, or at once when there was one since the last wait. */
  readonly wait: Effect.Effect<void> = Effect.suspend(() => {
    if (this.raised) {
      this.raised = false
      return Effect.void
    }
    return Effect.callback<void>((resume) => {
      let gone = false
      const waiter = () => {
        // The waiter was interrupted before its task ran: the raise stays for the next wait.
        if (gone) return
        this.raised = false
        resume(Effect.void)
      }
      this.waiter = waiter
      return Effect.sync(() => {
        gone = true
        if (this.waiter === waiter) this.waiter = undefined
      })
    })
  })
}

/** A signal whose waiter runs on the caller's scheduler. */
export const make: Effect.Effect<Signal> = Effect.withFiberSucceed((fiber) => new Signal(fiber.currentDispatcher))

/** Makes signals whose waiters run on the caller's scheduler. */
export const maker: Effect.Effect<() => Signal> = Effect.withFiberSucceed((fiber) => {
  const dispatcher = fiber.currentDispatcher
  return () => new Signal(dispatcher)
})
