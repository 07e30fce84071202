/**
 * Which position of a partition may be committed when records finish in any order: the end of the contiguous finished
 * prefix. Offsets may have gaps (compaction, control records); only delivered records count.
 */

/** A delivered record; who has it says later that it finished. */
export interface Ticket {
  /** Behind the record: `offset + 1`, or the chunk's `next` for its last record. */
  readonly position: number
  readonly leaderEpoch: number | undefined
}

interface Slot extends Ticket {
  finished: boolean
}

/** How many finished slots at the front are kept before the array is compacted. */
const compactAt = 1024

/** Tracks one partition within one assignment. Records are delivered in order. */
export class OffsetTracker {
  private readonly slots: Array<Slot> = []
  /** Slots before it are finished. */
  private head = 0
  private last: Slot | undefined

  /** Notes a delivered record. */
  deliver(position: number, leaderEpoch: number | undefined): Ticket {
    const slot: Slot = { position, leaderEpoch, finished: false }
    this.slots.push(slot)
    return slot
  }

  /** Notes that a record is done; returns whether the committable position moved. */
  finish(ticket: Ticket): boolean {
    // Tickets are made here alone.
    ;(ticket as Slot).finished = true
    const { slots } = this
    let { head } = this
    while (head < slots.length && slots[head]!.finished) head++
    if (head === this.head) return false
    this.head = head
    this.last = slots[head - 1]
    if (head >= compactAt && head * 2 >= slots.length) {
      slots.splice(0, head)
      this.head = 0
    }
    return true
  }

  /** The position that may be committed, or `undefined` while nothing contiguous finished. */
  get position(): number | undefined {
    return this.last?.position
  }

  /** The leader epoch of the record before {@link position}. */
  get leaderEpoch(): number | undefined {
    return this.last?.leaderEpoch
  }

  /** Delivered and not finished, or finished behind a gap. */
  get pending(): number {
    return this.slots.length - this.head
  }
}
