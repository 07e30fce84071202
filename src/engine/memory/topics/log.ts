/** The log of one partition: offsets, transactions and their markers, retention and compaction. Pure but for itself. */
import type { RawHeader, RawRecord, TimestampType } from "../../KafkaEngine.ts"
import { sizeOf } from "./message.ts"
import { RecordRun } from "./recordRun.ts"

/** A record on its way into a log. */
export interface NewRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: ReadonlyArray<RawHeader> | undefined
  readonly timestamp: number
  readonly timestampType: TimestampType
}

/** Whether records of open and aborted transactions are seen. */
export type Isolation = "read_committed" | "read_uncommitted"

/** What a read found, and where to go on: behind gaps and markers too. */
export interface Read {
  readonly records: ReadonlyArray<RawRecord>
  readonly bytes: number
  readonly next: number
}

const leaderEpoch = 0

// One character for each byte, so equal texts are equal keys.
const latin1 = new TextDecoder("latin1")
const keyText = (key: Uint8Array): string => latin1.decode(key)

/** One incarnation of one partition. Records are shared with all readers and never changed. */
export class PartitionLog {
  readonly topic: string
  readonly partition: number
  /** The topic was deleted; its name may have a new log by now. */
  deleted = false
  private start = 0
  private end = 0
  private readonly all = new RecordRun([])
  /** The records without aborted ones. The same object as `all` until a transaction is aborted for the first time. */
  private committed = this.all
  /** The first offset of each open transaction, by producer. */
  private readonly open = new Map<number, number>()
  private readonly transactional = new Map<number, Array<number>>()
  private readonly readers = new Set<() => void>()

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /** The first offset that may be read. */
  get startOffset(): number {
    return this.start
  }

  /** The offset of the next record: the high watermark of a cluster with one broker. */
  get endOffset(): number {
    return this.end
  }

  /** Where a reader with this isolation has to stop: before the first open transaction (KIP-98), or at the end. */
  limit(isolation: Isolation): number {
    if (isolation === "read_uncommitted") return this.end
    let limit = this.end
    for (const first of this.open.values()) if (first < limit) limit = first
    // Records of an open transaction can be deleted too.
    return Math.max(limit, this.start)
  }

  /** Appends a record, in the open transaction of a producer if there is one named. */
  append(record: NewRecord, producerId?: number): RawRecord {
    const { headers, key, timestamp, timestampType, value } = record
    const size = sizeOf(record)
    const { partition, topic } = this
    const offset = this.end++
    const raw: RawRecord = {
      topic,
      partition,
      offset,
      timestamp,
      timestampType,
      key,
      value,
      headers,
      leaderEpoch,
      size
    }
    this.all.append(raw)
    if (this.committed !== this.all) this.committed.append(raw)
    if (producerId !== undefined) {
      if (!this.open.has(producerId)) this.open.set(producerId, offset)
      const offsets = this.transactional.get(producerId)
      if (offsets === undefined) this.transactional.set(producerId, [offset])
      else offsets.push(offset)
    }
    return raw
  }

  /** Ends the transaction of a producer with a marker, which takes an offset. */
  finish(producerId: number, outcome: "commit" | "abort"): void {
    if (!this.open.delete(producerId)) return
    const offsets = this.transactional.get(producerId) ?? []
    this.transactional.delete(producerId)
    this.end++
    if (outcome === "commit") return
    if (this.committed === this.all) this.committed = new RecordRun([...this.all.records])
    const aborted = new Set(offsets)
    this.committed.keep((record) => !aborted.has(record.offset))
  }

  read(isolation: Isolation, offset: number, maxRecords: number, maxBytes: number, atLeastOne: boolean): Read {
    const run = isolation === "read_committed" ? this.committed : this.all
    const limit = this.limit(isolation)
    const { bytes, from, to } = run.span(offset, limit, maxRecords, maxBytes, atLeastOne)
    const following = run.records[to]?.offset ?? limit
    return { records: run.records.slice(from, to), bytes, next: Math.max(offset, Math.min(following, limit)) }
  }

  /** Whether there is a record to be read at or after an offset. */
  hasRecords(isolation: Isolation, offset: number): boolean {
    const run = isolation === "read_committed" ? this.committed : this.all
    const next = run.records[run.indexOf(offset)]
    return next !== undefined && next.offset < this.limit(isolation)
  }

  /** The offset of the first record at or after a time, or the end. */
  offsetAt(isolation: Isolation, timestamp: number): number {
    const limit = this.limit(isolation)
    const run = isolation === "read_committed" ? this.committed : this.all
    const found = run.records.find((record) => record.timestamp >= timestamp)
    return found === undefined ? limit : Math.min(found.offset, limit)
  }

  /** Removes everything before an offset. */
  truncate(offset: number): void {
    this.start = Math.min(Math.max(this.start, offset), this.end)
    this.all.dropBefore(this.start)
    if (this.committed !== this.all) this.committed.dropBefore(this.start)
  }

  /** Removes old records from the front, as the settings of the topic say. Returns how many. */
  retain(oldest: number, maxBytes: number): number {
    const { records } = this.all
    let bytes = records.reduce((sum, record) => sum + record.size, 0)
    let kept = 0
    while (kept < records.length) {
      const record = records[kept]!
      const tooOld = record.timestamp < oldest
      if (!tooOld && bytes <= maxBytes) break
      if (record.offset >= this.limit("read_committed")) break
      bytes -= record.size
      kept++
    }
    if (kept > 0) this.truncate(records[kept]?.offset ?? this.end)
    return kept
  }

  /**
   * Keeps the last record of each key, which leaves gaps. Tombstones older than `tombstonesBefore` go too, and so do
   * aborted records; nothing behind an open transaction is touched. Returns how many.
   */
  compact(tombstonesBefore: number): number {
    const limit = this.limit("read_committed")
    const last = new Map<string, number>()
    for (const { key, offset } of this.committed.records) {
      if (offset < limit && key !== null) last.set(keyText(key), offset)
    }
    const before = this.all.length
    const wanted = ({ key, offset, timestamp, value }: RawRecord): boolean => {
      if (offset >= limit || key === null) return true
      if (last.get(keyText(key)) !== offset) return false
      return value !== null || timestamp >= tombstonesBefore
    }
    const visible = new Set(this.committed.records)
    this.all.keep((record) => (record.offset >= limit || visible.has(record)) && wanted(record))
    if (this.committed !== this.all) this.committed.keep(wanted)
    return before - this.all.length
  }

  /** Calls a reader whenever there are new records. Returns what ends that. */
  watch(reader: () => void): () => void {
    this.readers.add(reader)
    return () => {
      this.readers.delete(reader)
    }
  }

  /** Tells the readers, once per batch rather than per record. */
  announce(): void {
    for (const reader of this.readers) reader()
  }
}
