/** The shutdown of a run: every partition drains until the deadline. */
import type * as Exit from "effect/Exit"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { interruptGrace } from "./rebalanceQueue.ts"

/** How a run ended. */
export type RunExit = Exit.Exit<void, KafkaError | HandlerFailed<unknown>>

/** A moment on the consumer's clock, and in real time: a test's clock may have stopped for good. */
export interface Moment {
  readonly clock: number
  readonly real: number
}

/** Made when the end begins. */
export class Stopping {
  readonly exit: RunExit
  readonly endTicks: () => void
  private readonly since: Moment
  private readonly budget: number
  private interrupted = false

  constructor(exit: RunExit, since: Moment, budget: number, endTicks: () => void) {
    this.exit = exit
    this.since = since
    this.budget = budget
    this.endTicks = endTicks
  }

  /**
   * What is to be done now: `interrupt` once when the budget is over, `done` when nothing runs any more, or still runs
   * although it was interrupted, else `wait`.
   */
  step(now: Moment, running: boolean): "wait" | "interrupt" | "done" {
    if (!running) return "done"
    const budget = this.interrupted ? this.budget + interruptGrace : this.budget
    if (now.clock - this.since.clock < budget && now.real - this.since.real < budget) return "wait"
    if (this.interrupted) return "done"
    this.interrupted = true
    return "interrupt"
  }
}
