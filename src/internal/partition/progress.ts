/** How far one partition is, within one assignment: what can be committed, and what is kept with it. */
import type { Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { Failings } from "./failings.ts"
import * as OffsetNotes from "./offsetNotes.ts"
import { OffsetTracker, type Run } from "./offsetTracker.ts"

/** How much a broker lets be kept with an offset, as far as is known; 0: nothing is kept. One for all of a run. */
export interface NotesLimit {
  characters: number
}

const nothing: ReadonlyArray<Run> = []

/** Owned by one partition's state. */
export class Progress {
  /** Of records that finish in any order. */
  readonly tracker = new OffsetTracker()
  readonly failings: Failings
  private readonly place: TopicPartition
  private readonly limit: NotesLimit
  private readonly committed: Position | undefined
  /** What an earlier owner finished behind the position that it committed. */
  private earlier: ReadonlyArray<Run>
  private passed = 0
  private position: number | undefined = undefined
  private leaderEpoch: number | undefined = undefined
  private storedTo: number | undefined = undefined
  private storedMetadata: string | undefined
  private firstTaken: number | undefined = undefined
  /** How many more records may be begun before the room is to be measured again. */
  private credit = 0
  private isPinned = false
  /** How many records were finished when there was no room. */
  private fullAt = -1

  constructor(
    place: TopicPartition,
    failings: Failings,
    limit: NotesLimit,
    committed: Position | undefined,
    finished: ReadonlyArray<Run>
  ) {
    this.place = place
    this.failings = failings
    this.limit = limit
    this.committed = committed
    this.storedTo = committed?.offset
    this.storedMetadata = committed?.metadata
    this.earlier = finished
  }

  /** The first record was taken. */
  took(offset: number): void {
    if (this.firstTaken !== undefined) return
    this.firstTaken = offset
    // It was moved back to be read again, or the log is another one.
    if (this.committed !== undefined && offset < this.committed.offset) this.forget()
  }

  /** What is known of an earlier owner's work is not about these records. */
  forget(): void {
    this.earlier = nothing
  }

  get knowsEarlier(): boolean {
    return this.earlier.length > 0
  }

  /** Whether an earlier owner finished a record. Asked in the order of offsets. */
  wasFinished(offset: number): boolean {
    const { earlier } = this
    while (this.passed < earlier.length && earlier[this.passed]!.to <= offset) this.passed++
    return this.passed < earlier.length && earlier[this.passed]!.from <= offset
  }

  advance(position: number, leaderEpoch: number | undefined): void {
    this.position = position
    this.leaderEpoch = leaderEpoch
  }

  /** There is no record before `next` but those that are finished. */
  pass(next: number): void {
    this.position = next
  }

  get at(): number | undefined {
    return this.position
  }

  /** Whether anything is to be kept with the position. */
  get hasNotes(): boolean {
    return !this.failings.isEmpty || this.tracker.isAhead || this.earlier.length > 0
  }

  /** The position to be stored, when it moved since the last time, or what is kept with it changed. */
  get unstored(): Position | undefined {
    if (this.isPinned) return undefined
    const { hasNotes, storedMetadata, storedTo } = this
    const position = this.position ?? (hasNotes ? this.firstTaken : undefined)
    if (position === undefined || !hasNotes && storedMetadata === undefined && position === storedTo) return undefined
    const metadata = this.metadataAt(position)
    return position === storedTo && metadata === storedMetadata ? undefined : this.placed(position, metadata)
  }

  /** The position with what is to be kept with it; also when nothing is finished yet. */
  get noted(): Position | undefined {
    if (this.isPinned) return undefined
    const position = this.position ?? this.firstTaken
    return position === undefined ? undefined : this.placed(position, this.metadataAt(position))
  }

  /** A transaction commits the position, or not: meanwhile nobody else does, and takes the group back. */
  pin(pinned: boolean): void {
    this.isPinned = pinned
  }

  /** What the client has now. */
  get stored(): number | undefined {
    return this.storedTo
  }

  wasStored({ metadata, offset }: Position): void {
    this.storedTo = offset
    this.storedMetadata = metadata
  }

  /**
   * Whether another record may be begun in addition to the `open` ones: what may become known of all of them has to fit
   * into what is kept with the position.
   */
  hasRoom(open: number): boolean {
    const start = this.position ?? this.firstTaken
    const { characters } = this.limit
    if (this.credit > 0 || characters === 0 || start === undefined) return true
    // Notes grow a little with each attempt.
    const most = characters * 7 / 8
    const { areKept, count } = this.failings
    const attempts = areKept ? OffsetNotes.attemptsReserve : 0
    const bits = OffsetNotes.lengthOfBits((this.tracker.end ?? start) - start)
    if (bits + (open + 1) * attempts <= most) return true
    // Nothing makes room but records that finish.
    if (this.tracker.finishedCount === this.fullAt) return false
    const length = this.metadataAt(start)?.length ?? 0
    const each = attempts + OffsetNotes.finishedReserve
    this.credit = Math.max(0, Math.floor((most - length - open * each + Math.min(count, open) * attempts) / each))
    if (this.credit > 0) return true
    this.fullAt = this.tracker.finishedCount
    return false
  }

  /** Another record was begun. */
  began(): void {
    if (this.credit > 0) this.credit--
  }

  private metadataAt(position: number): string | undefined {
    if (!this.hasNotes) return undefined
    const notes = { attempts: this.failings.at(position), finished: this.finishedFrom(position) }
    return OffsetNotes.encode(notes, position, this.limit.characters)
  }

  private finishedFrom(position: number): ReadonlyArray<Run> {
    const { earlier, tracker } = this
    const from = Math.max(position, tracker.end ?? position)
    const finished = tracker.isAhead ? [...tracker.finished()] : []
    for (const run of earlier) if (run.to > from) finished.push({ from: Math.max(run.from, from), to: run.to })
    // What was finished earlier is done with when the position is behind it.
    if (earlier.length > 0 && earlier[earlier.length - 1]!.to <= from) this.forget()
    return finished
  }

  private placed(offset: number, metadata: string | undefined): Position {
    const { leaderEpoch, place: { partition, topic } } = this
    return metadata === undefined
      ? { topic, partition, offset, leaderEpoch }
      : { topic, partition, offset, leaderEpoch, metadata }
  }
}
