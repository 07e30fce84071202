/** A rate limit: tokens arrive evenly over time, and at most a second's worth is kept. Pure but for its own state. */

/** At most this many seconds' tokens are kept: enough to reach the rate although each batch waits for the broker. */
const keptSeconds = 1

/** A waiter waits until there are tokens for this many seconds, so that it sends batches. */
const batchSeconds = 0.1

/** Begins with one token, so that the first record is sent at once. */
export class TokenBucket {
  private readonly perMilli: number
  private readonly capacity: number
  private readonly batch: number
  private tokens = 1
  private at: number

  constructor(perSecond: number, now: number) {
    this.perMilli = perSecond / 1000
    this.capacity = Math.max(1, perSecond * keptSeconds)
    this.batch = Math.max(1, Math.floor(perSecond * batchSeconds))
    this.at = now
  }

  /** Takes at most this many tokens and returns how many it took. `now` is in milliseconds. */
  take(wanted: number, now: number): number {
    this.fill(now)
    const taken = Math.min(wanted, Math.floor(this.tokens))
    this.tokens -= taken
    return taken
  }

  /** How long, in whole milliseconds, until there are this many tokens, or enough for a batch. */
  wait(wanted: number, now: number): number {
    this.fill(now)
    const missing = Math.max(1, Math.min(wanted, this.batch)) - this.tokens
    return missing <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.perMilli))
  }

  private fill(now: number): void {
    // If the clock was set back no tokens arrive, and none are lost.
    if (now > this.at) this.tokens = Math.min(this.capacity, this.tokens + (now - this.at) * this.perMilli)
    this.at = now
  }
}
