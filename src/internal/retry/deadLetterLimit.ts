/** Notices when a partition is on the way into the dead letter topic as a whole. */
import type { DeadLetterLimit } from "../../RetryTopics.ts"

const defaultWindow = 1000

/** Of one partition. `step` counts its records that are done. */
export class DeadLetters {
  private readonly limit: DeadLetterLimit
  private inARow = 0
  private last = -1
  /** Steps of the dead letters within the window, oldest first. */
  private readonly recent: Array<number> = []

  constructor(limit: DeadLetterLimit) {
    this.limit = limit
  }

  /** Whether one more is one too many; if not it is counted. */
  exceeds(step: number): string | undefined {
    const { consecutive = Infinity, ratio = 1, window = defaultWindow } = this.limit
    const inARow = step <= this.last + 1 && this.last >= 0 ? this.inARow + 1 : 1
    while (this.recent.length > 0 && this.recent[0]! <= step - window) this.recent.shift()
    if (inARow > consecutive) return `${consecutive} records in a row went to the dead letter topic`
    if (this.limit.ratio !== undefined && this.recent.length + 1 > ratio * window) {
      return `${this.recent.length} of the last ${window} records went to the dead letter topic`
    }
    this.inARow = inARow
    this.last = step
    this.recent.push(step)
    return undefined
  }
}
