/** Records of a partition in offset order, with gaps, and how many bytes they have up to each of them. */
import type { RawRecord } from "../../KafkaEngine.ts"

/** What a read found: `from` and `to` are indexes, `to` is exclusive. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly bytes: number
}

/** An append-only array of records that can be cut and thinned out. Reading is two binary searches and a slice. */
export class RecordRun {
  records: Array<RawRecord>
  private sums: Array<number> = []

  constructor(records: Array<RawRecord>) {
    this.records = records
    this.sumUp()
  }

  get length(): number {
    return this.records.length
  }

  append(record: RawRecord): void {
    const { sums } = this
    sums.push((sums.length === 0 ? 0 : sums[sums.length - 1]!) + record.size)
    this.records.push(record)
  }

  /** The index of the first record at or after an offset. */
  indexOf(offset: number): number {
    const { records } = this
    if (records.length === 0 || offset <= records[0]!.offset) return 0
    // Offsets only ever skip forward, so the distance to the first one is an upper bound, and exact without gaps.
    let high = Math.min(offset - records[0]!.offset, records.length)
    if (high < records.length && records[high]!.offset === offset) return high
    let low = 0
    while (low < high) {
      const middle = (low + high) >>> 1
      if (records[middle]!.offset < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The records of `[offset, limit)` that fit. With `atLeastOne` the first one always does. */
  span(offset: number, limit: number, maxRecords: number, maxBytes: number, atLeastOne: boolean): Span {
    const from = this.indexOf(offset)
    let to = Math.min(from + maxRecords, this.records.length)
    if (to <= from) return { from, to: from, bytes: 0 }
    if (this.records[to - 1]!.offset >= limit) to = Math.max(from, this.indexOf(limit))
    const before = from === 0 ? 0 : this.sums[from - 1]!
    if (to > from && this.sums[to - 1]! - before > maxBytes) {
      let low = from
      let high = to
      while (low < high) {
        const middle = (low + high) >>> 1
        if (this.sums[middle]! - before <= maxBytes) low = middle + 1
        else high = middle
      }
      to = low === from && atLeastOne ? from + 1 : low
    }
    return { from, to, bytes: to === from ? 0 : this.sums[to - 1]! - before }
  }

  keep(wanted: (record: RawRecord) => boolean): void {
    this.records = this.records.filter(wanted)
    this.sumUp()
  }

  dropBefore(offset: number): void {
    this.records = this.records.slice(this.indexOf(offset))
    this.sumUp()
  }

  private sumUp(): void {
    let sum = 0
    this.sums = this.records.map((record) => sum += record.size)
  }
}
