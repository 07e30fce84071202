/** How many records a reader gets at once. */

/** A reader that was done within this many milliseconds gets more the next time. */
const quick = 20

/** One that took longer than this many gets less. */
const slow = 200

const most = 512

/**
 * Small amounts for slow readers: one that hangs is noticed at its record, and not taken for one that works through
 * many. Large amounts for quick ones, since each costs a step of the stream.
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
