/**
 * Which position of a partition may be committed when records finish in any order: the end of the contiguous finished
 * prefix. Offsets may have gaps (compaction, control records); only delivered records count.
 */

/** How many finished slots at the front are kept before the arrays are compacted. */
const compactAt = 1024

/** Tracks one partition within one assignment. Tickets are handed out in delivery order. */
export class OffsetTracker {
  /** Position behind each delivered record: `offset + 1`, or the chunk's `next` for its last record. */
  private positions: Array<number> = []
  private epochs: Array<number | undefined> = []
  private finished: Array<boolean> = []
  /** The ticket of slot 0. */
  private base = 0
  /** Slots before it are finished. */
  private head = 0
  private committable: number | undefined
  private committableEpoch: number | undefined

  /** Notes a delivered record; the ticket says later that it finished. */
  deliver(position: number, leaderEpoch: number | undefined): number {
    this.positions.push(position)
    this.epochs.push(leaderEpoch)
    this.finished.push(false)
    return this.base + this.positions.length - 1
  }

  /** Notes that a record is done. Answers whether the committable position moved. */
  finish(ticket: number): boolean {
    const slot = ticket - this.base
    this.finished[slot] = true
    if (slot !== this.head) return false
    let head = slot + 1
    while (head < this.finished.length && this.finished[head]) head++
    this.head = head
    this.committable = this.positions[head - 1]!
    this.committableEpoch = this.epochs[head - 1]
    if (head >= compactAt && head * 2 >= this.finished.length) this.compact()
    return true
  }

  /** The position that may be committed, or `undefined` while nothing contiguous finished. */
  get position(): number | undefined {
    return this.committable
  }

  /** The leader epoch of the record before {@link position}. */
  get leaderEpoch(): number | undefined {
    return this.committableEpoch
  }

  /** Delivered and not finished, or finished behind a gap. */
  get pending(): number {
    return this.finished.length - this.head
  }

  private compact(): void {
    this.positions.splice(0, this.head)
    this.epochs.splice(0, this.head)
    this.finished.splice(0, this.head)
    this.base += this.head
    this.head = 0
  }
}
