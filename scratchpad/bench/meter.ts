/** What is measured beside the rate: how late timers fire, and memory. */

export const percentile = (sorted: ReadonlyArray<number>, p: number): number =>
  sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]!

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const period = 5

/**
 * A timer of 5 ms that notes how late it fires. A stall swallows the samples that would have been late as well: they
 * are added (coordinated omission), so that one second of stall counts as 200 late samples and not as one.
 */
export class LateTimer {
  private readonly lates: Array<number> = []
  private due = 0
  private timer: NodeJS.Timeout | undefined

  start(): void {
    this.due = performance.now() + period
    this.timer = setTimeout(this.fire, period)
  }

  stop(): { readonly p99: number; readonly max: number } {
    clearTimeout(this.timer)
    this.note(performance.now() - this.due)
    const sorted = this.lates.toSorted((a, b) => a - b)
    return { p99: percentile(sorted, 0.99), max: sorted.at(-1) ?? 0 }
  }

  private note(late: number): void {
    for (let rest = late; rest > 0; rest -= period) this.lates.push(rest)
  }

  private readonly fire = (): void => {
    const now = performance.now()
    const late = Math.max(0, now - this.due)
    if (late === 0) this.lates.push(0)
    this.note(late)
    this.due = now + period
    this.timer = setTimeout(this.fire, period)
  }
}

export const maxRssMb = (): number => process.resourceUsage().maxRSS / 1024

export const rssMb = (): number => process.memoryUsage.rss() / 1_048_576
