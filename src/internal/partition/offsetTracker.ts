/**
 * Which position of a partition may be committed when records finish in any order: the end of the contiguous finished
 * prefix. Offsets may have gaps (compaction, control records); only delivered records count.
 */

/** Offsets from `from` on and before `to`. */
export interface Run {
  readonly from: number
  readonly to: number
}

/** A delivered record; its holder says later that it finished. */
export interface Ticket {
  readonly isFinished: boolean
  readonly isBegun: boolean
}

/** One record, or finished ones that follow each other. */
interface Slot extends Ticket {
  isFinished: boolean
  isBegun: boolean
  readonly from: number
  /** Behind the last record: `offset + 1`, or the chunk's `next` for its last record. */
  position: number
  leaderEpoch: number | undefined
  lastOffset: number
  records: number
}

/** With fewer slots compacting is not worth it. */
const fewSlots = 1024

/** Tracks one partition within one assignment. Records are delivered in order. */
export class OffsetTracker {
  private slots: Array<Slot> = []
  /** Slots before it are finished. */
  private head = 0
  private last: Slot | undefined
  private compactAt = fewSlots
  private delivered = 0
  private inPrefix = 0
  private done = 0

  /** Notes a delivered record. `position` is the one behind it. */
  deliver(offset: number, position: number, leaderEpoch: number | undefined): Ticket {
    if (this.slots.length >= this.compactAt) this.compact()
    const slot: Slot = {
      isFinished: false,
      isBegun: false,
      from: offset,
      position,
      leaderEpoch,
      lastOffset: offset,
      records: 1
    }
    this.slots.push(slot)
    this.delivered++
    return slot
  }

  /** Notes that a record is in work. */
  begin(ticket: Ticket): void {
    // Tickets are made here alone.
    ;(ticket as Slot).isBegun = true
  }

  /** Whether the first record that is not finished was begun. */
  get isFirstBegun(): boolean {
    return this.slots[this.head]?.isBegun === true
  }

  /** Notes that a record is done; returns whether the committable position moved. */
  finish(ticket: Ticket): boolean {
    // Tickets are made here alone.
    ;(ticket as Slot).isFinished = true
    this.done++
    const { slots } = this
    let { head } = this
    while (head < slots.length && slots[head]!.isFinished) this.inPrefix += slots[head++]!.records
    if (head === this.head) return false
    this.head = head
    this.last = slots[head - 1]
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

  /** The offset of the record before {@link position}. */
  get lastOffset(): number | undefined {
    return this.last?.lastOffset
  }

  /** How many records are in the finished prefix. */
  get passed(): number {
    return this.inPrefix
  }

  /** Delivered and not finished, or finished behind a gap. */
  get pending(): number {
    return this.delivered - this.inPrefix
  }

  /** How many records are finished. */
  get finishedCount(): number {
    return this.done
  }

  /** Whether records behind the prefix are finished. */
  get isAhead(): boolean {
    return this.done > this.inPrefix
  }

  /** Behind the last record that was delivered. */
  get end(): number | undefined {
    return this.slots[this.slots.length - 1]?.position ?? this.last?.position
  }

  /** What is finished behind the prefix, in order. What lies between two records of a run was never delivered. */
  *finished(): Generator<Run> {
    let from: number | undefined
    let to = 0
    for (let i = this.head; i < this.slots.length; i++) {
      const slot = this.slots[i]!
      if (slot.isFinished) {
        from ??= slot.from
        to = slot.position
      } else if (from !== undefined) {
        yield { from, to }
        from = undefined
      }
    }
    if (from !== undefined) yield { from, to }
  }

  /** Drops the prefix and makes one slot of finished ones that follow each other. */
  private compact(): void {
    const slots: Array<Slot> = []
    let run: Slot | undefined
    for (let i = this.head; i < this.slots.length; i++) {
      const slot = this.slots[i]!
      if (run === undefined || !slot.isFinished) {
        slots.push(slot)
        run = slot.isFinished ? slot : undefined
        continue
      }
      run.position = slot.position
      run.leaderEpoch = slot.leaderEpoch
      run.lastOffset = slot.lastOffset
      run.records += slot.records
    }
    this.slots = slots
    this.head = 0
    this.compactAt = Math.max(fewSlots, 2 * slots.length)
  }
}
