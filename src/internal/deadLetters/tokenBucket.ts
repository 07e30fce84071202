/** A rate limit: tokens come evenly with the time, and few are kept. Pure but for its own state. */

/** While a slow broker acknowledges, tokens are kept for so long, or the rate would not be reached. */
const keptSeconds = 1

/** Tokens are waited for until there are enough for a batch of so long. */
const batchSeconds = 0.1

/** Begins with one token, so that the first record goes at once. */
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

  /** Takes up to so many tokens (milliseconds as `now`) and answers how many it were. */
  take(wanted: number, now: number): number {
    this.fill(now)
    const taken = Math.min(wanted, Math.floor(this.tokens))
    this.tokens -= taken
    return taken
  }

  /** How long, in whole milliseconds, until there are so many tokens, or enough for a batch. */
  wait(wanted: number, now: number): number {
    this.fill(now)
    const missing = Math.max(1, Math.min(wanted, this.batch)) - this.tokens
    return missing <= 0 ? 0 : Math.max(1, Math.ceil(missing / this.perMilli))
  }

  private fill(now: number): void {
    // A clock that was set back gives nothing, and takes nothing away.
    if (now > this.at) this.tokens = Math.min(this.capacity, this.tokens + (now - this.at) * this.perMilli)
    this.at = now
  }
}
