/** Notices when too many records of a partition go to the dead letter topic. */
import type { DeadLetterLimit } from "../../RetryTopic.ts"

const defaultWindow = 1000

/** The count of one partition. A step: the number of records before a record. */
export class DeadLetterCount {
  private readonly limit: DeadLetterLimit
  private inARow = 0
  private last = -1
  /** Steps of the dead letters within the window, about in their order. */
  private readonly recent: Array<number> = []

  constructor(limit: DeadLetterLimit) {
    this.limit = limit
  }

  /** Why these would be too many, or `undefined`; then they are counted. */
  exceeds(steps: ReadonlyArray<number>): string | undefined {
    const { consecutive = Infinity, ratio, window = defaultWindow } = this.limit
    const newest = steps.reduce((a, b) => Math.max(a, b), 0)
    while (this.recent.length > 0 && this.recent[0]! <= newest - window) this.recent.shift()
    if (ratio !== undefined && this.recent.length + steps.length > ratio * window) {
      return `${this.recent.length} of the last ${window} records went to the dead letter topic`
    }
    let { inARow, last } = this
    for (const step of steps) {
      const { count, end } = step < last
        ? this.runAt(step)
        : { count: step <= last + 1 && last >= 0 ? inARow + 1 : 1, end: step }
      if (count > consecutive) return `${consecutive} records in a row went to the dead letter topic`
      if (end >= last) inARow = count
      last = Math.max(last, step)
    }
    this.inARow = inARow
    this.last = last
    for (const step of steps) this.recent.push(step)
    return undefined
  }

  /** How many in a row there are with a record that failed after some behind it, and the last of them. */
  private runAt(step: number): { readonly count: number; readonly end: number } {
    const known = new Set(this.recent)
    let [first, end] = [step, step]
    while (known.has(first - 1)) first--
    while (known.has(end + 1)) end++
    return { count: end - first + 1, end }
  }
}
