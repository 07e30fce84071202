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

/** Whether a budget is over, on one of the two clocks. */
export const isOver = (since: Moment, budget: number, now: Moment): boolean =>
  now.clock - since.clock >= budget || now.real - since.real >= budget

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

  /** Whether the time for draining is over. */
  isOver(now: Moment): boolean {
    return isOver(this.since, this.interrupted ? this.budget + interruptGrace : this.budget, now)
  }

  /**
   * What is to be done now: `interrupt` once when the budget is over, `done` when nothing runs any more, or still runs
   * although it was interrupted, else `wait`.
   */
  step(now: Moment, running: boolean): "wait" | "interrupt" | "done" {
    if (!running) return "done"
    if (!this.isOver(now)) return "wait"
    if (this.interrupted) return "done"
    this.interrupted = true
    return "interrupt"
  }
}
