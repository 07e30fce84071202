/** Decides how many records a reader gets at once. */

/** A reader that took fewer milliseconds than this gets more records the next time. */
const quick = 20

/** A reader that took more milliseconds than this gets fewer. */
const slow = 200

const most = 512

/**
 * Slow readers get few records at once: so a reader that hangs is noticed at its record, and is not mistaken for one
 * that handles many. Quick readers get many, because each portion costs a step of the stream.
 */
export class Pace {
  size = 1
  private at = 0

  /** Records are handed out now. */
  handed(now: number): void {
    this.at = now
  }

  /** The reader asks for more. */
  asked(now: number): void {
    const took = now - this.at
    if (took < quick) this.size = Math.min(most, this.size * 2)
    else if (took > slow) this.size = Math.max(1, Math.floor(this.size / 2))
  }
}
