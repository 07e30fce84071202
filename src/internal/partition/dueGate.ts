/** Hands out the records of a retry topic when they are due. Records that are not due are kept, not fetched again. */
import type { Chunk, RawRecord } from "../../engine/KafkaEngine.ts"

/** Between the queue of a partition and its worker. */
export class DueGate {
  private readonly next: () => Chunk | undefined
  private readonly dueOf: (record: RawRecord, now: number) => number
  private readonly late: (millis: number) => void
  /** What was not handed out yet. */
  private chunk: Chunk | undefined
  private headDue: number | undefined
  private forced = -1
  /** Offsets of records that an operator skips; removed when that is done. */
  readonly skips = new Set<number>()

  constructor(
    next: () => Chunk | undefined,
    dueOf: (record: RawRecord, now: number) => number,
    late: (millis: number) => void
  ) {
    this.next = next
    this.dueOf = dueOf
    this.late = late
  }

  /** When the first record that is held back is due. */
  get dueAt(): number | undefined {
    return this.headDue
  }

  /** The record that is held back. */
  get held(): RawRecord | undefined {
    return this.headDue === undefined ? undefined : this.chunk?.records[0]
  }

  /** Lets the record that is held back go now. */
  force(): void {
    this.forced = this.held?.offset ?? -1
  }

  /** Lets the record that is held back go now, not to be handled. */
  skip(): void {
    const { held } = this
    if (held === undefined) return
    this.skips.add(held.offset)
    this.force()
  }

  /** The records of one chunk that are due now. */
  take(now: number): Chunk | undefined {
    this.chunk ??= this.next()
    const { chunk } = this
    if (chunk === undefined) return undefined
    const { records } = chunk
    let end = 0
    for (; end < records.length; end++) {
      const record = records[end]!
      // Once per record: the bound of a wrong header moves with the time.
      this.headDue ??= this.dueOf(record, now)
      if (this.headDue > now && record.offset !== this.forced) break
      this.late(Math.max(0, now - this.headDue))
      this.headDue = undefined
    }
    if (end === 0) return undefined
    if (end === records.length) {
      this.chunk = undefined
      return chunk
    }
    const part = records.slice(0, end)
    const bytes = Math.min(part.reduce((sum, { size }) => sum + size, 0), chunk.bytes)
    this.chunk = { ...chunk, records: records.slice(end), bytes: chunk.bytes - bytes }
    return { ...chunk, records: part, bytes, next: part[part.length - 1]!.offset + 1 }
  }
}
