/** What the cluster tells its clients, in order and never inside of a call: owners may be in the middle of a step. */
import type { SchedulerDispatcher } from "effect/Scheduler"

/** One queue for all clients; a task of the scheduler hands it out. */
export class Mail {
  private letters: Array<() => void> = []
  /** How many letters there were so far. */
  posted = 0
  private scheduled = false
  private readonly dispatcher: SchedulerDispatcher

  constructor(dispatcher: SchedulerDispatcher) {
    this.dispatcher = dispatcher
  }

  post(letter: () => void): void {
    this.letters.push(letter)
    this.posted++
    if (this.scheduled) return
    this.scheduled = true
    this.dispatcher.scheduleTask(this.deliver, 0)
  }

  private readonly deliver = (): void => {
    this.scheduled = false
    const letters = this.letters
    this.letters = []
    for (const letter of letters) letter()
  }
}
