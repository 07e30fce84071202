/** Topics that cannot be written to for now: their rows are left out, so that they do not hold up others. Pure. */

/** How long a topic is left out after its first failure, and at most, in milliseconds. */
const shortest = 1_000
const longest = 30_000

interface Pause {
  readonly millis: number
  readonly until: number
}

export class TopicPauses {
  private readonly pauses = new Map<string, Pause>()

  /**
   * Writing to a topic failed. Returns for how many milliseconds it is left out, each time twice as long, and
   * `undefined` if it is left out already.
   */
  failed(topic: string, now: number): number | undefined {
    const before = this.pauses.get(topic)
    if (before !== undefined && before.until > now) return undefined
    const millis = before === undefined ? shortest : Math.min(before.millis * 2, longest)
    this.pauses.set(topic, { millis, until: now + millis })
    return millis
  }

  /** Writing to a topic succeeded. */
  succeeded(topic: string): void {
    this.pauses.delete(topic)
  }

  /** The topics that are left out. */
  at(now: number): ReadonlyArray<string> {
    return [...this.pauses].flatMap(([topic, { until }]) => until > now ? [topic] : [])
  }
}
