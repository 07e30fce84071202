/** Hands out the records of one partition to its reader on request. */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { Pending } from "../../Codec.ts"
import type { Chunk, RawRecord } from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { Poison } from "../../Poison.ts"
import type { Next, Reading, Uncommitted } from "../partition/reading.ts"
import { notOurs } from "../shared/notOurs.ts"
import type { Work } from "./workerHost.ts"

/**
 * Hands out records of a partition until it is given up, and accepts commits while the partition is this member's. What
 * was handed out counts as buffered until the reader asks for more.
 */
export class PartitionReader implements Reading {
  readonly topic: string
  readonly partition: number
  wake: () => void = () => {}
  isOutside = false
  private readonly work: Work
  private chunk: Chunk | undefined
  private at = 0
  private taken = 0
  /** Handed out, and not given back to the fetch budget. */
  private records = 0
  private bytes = 0
  /** The offset after the last record that was handed out. */
  private handedTo: number | undefined
  private first: number | undefined
  /** {@link handedTo} before what was handed out at last. */
  private before: number | undefined
  /** What was handed out at last, until the reader asks for more: it may have left before it saw all of it. */
  private last: ReadonlyArray<Uncommitted> = []
  /** What is handed out again, to a reader that left and came back. */
  private again: ReadonlyArray<Uncommitted> = []
  private isOpen = false
  private over = false
  private left = false
  private inHand = 0

  constructor(work: Work) {
    this.work = work
    this.topic = work.state.topic
    this.partition = work.state.partition
    work.state.isUnread = true
  }

  readonly next = (most: number): Next => {
    const { state } = this.work
    state.rest()
    if (this.over) return "over"
    if (!state.goesOn) return this.end()
    if (state.suspended) return "nothing"
    if (Arr.isReadonlyArrayNonEmpty(this.again)) return this.handAgain(this.again, most)
    this.before = this.handedTo
    this.last = []
    const chunk = this.chunk ?? this.take()
    if (chunk === undefined) {
      if (this.isAtEnd) return this.end()
      this.giveBack()
      return "nothing"
    }
    this.giveBack()
    state.begin(chunk.records[this.at]!.offset)
    const handed: Array<Uncommitted> = []
    while (handed.length < most && this.at < chunk.records.length) {
      const raw = chunk.records[this.at]!
      let record: Uncommitted["record"] | Pending<Uncommitted["record"]>
      try {
        record = this.work.decode(raw)
      } catch (poison) {
        if (handed.length === 0) return this.poisoned(raw, poison as Poison)
        break
      }
      if (record instanceof Pending) {
        if (handed.length === 0) return this.awaited(raw, record)
        break
      }
      handed.push(this.hand(chunk, raw, record))
    }
    this.last = handed
    return Arr.isReadonlyArrayNonEmpty(handed) ? handed : "nothing"
  }

  private handAgain(again: Arr.NonEmptyReadonlyArray<Uncommitted>, most: number): Next {
    this.work.state.begin(again[0].record.offset)
    const handed = Arr.take(again, most)
    this.again = Arr.drop(again, most)
    return Arr.isArrayNonEmpty(handed) ? handed : "nothing"
  }

  readonly open: Effect.Effect<void> = Effect.suspend(() => {
    const problem = this.openingProblem
    if (problem !== undefined) return Effect.die(new Error(`the stream of ${this.topic}/${this.partition} ${problem}`))
    this.again = this.last.filter(({ record }) => !this.isCommitted(record.offset + 1))
    this.isOpen = true
    this.attend()
    this.enter()
    return Effect.void
  })

  /** Why records would be lost if a reader began now. */
  private get openingProblem(): string | undefined {
    if (this.isOpen) return "is read twice at once, so each reader would miss records: share it by Stream.broadcast"
    if (!this.work.state.goesOn || this.before === undefined || this.isCommitted(this.before)) return undefined
    return `was left and is read again, but offset ${this.openOffset} is not committed, and would be passed over: ` +
      "commit what was read before, or read on in one stream"
  }

  private get isAllCommitted(): boolean {
    return this.handedTo === undefined || this.isCommitted(this.handedTo)
  }

  /** Whether everything before an offset is committed. */
  private isCommitted(before: number): boolean {
    const { position } = this.work.state
    return position !== undefined && position >= before
  }

  readonly sleep: Effect.Effect<void> = Effect.suspend(() => this.work.state.signal.wait)

  readonly attend = (): void => {
    this.work.state.isUnread = false
  }

  readonly enter = (): void => {
    this.inHand++
    this.work.state.isLent = this.isOutside
  }

  readonly leave = (): void => {
    this.inHand--
    if (this.inHand === 0) this.work.state.isLent = false
    this.work.state.signal.raise()
  }

  readonly close = (): void => {
    this.isOpen = false
    this.leave()
    // For the stall guard a reader that does not read on is a handler that makes no progress.
    if (!this.over && this.inHand === 0) this.work.state.begin(this.handedTo ?? 0)
  }

  readonly abandon = (): void => {
    this.left = true
    this.end()
    this.work.state.signal.raise()
  }

  /** Nothing is handed out from now on. */
  readonly end = (): "over" => {
    if (!this.over) {
      this.over = true
      this.chunk = undefined
      this.last = []
      this.again = []
      this.wake()
      this.work.state.signal.raise()
    }
    return "over"
  }

  private giveBack(): void {
    if (this.records === 0) return
    this.work.host.release(this.work.state, this.records, this.bytes)
    this.records = 0
    this.bytes = 0
  }

  readonly given: Effect.Effect<void> = Effect.suspend(() =>
    Effect.whileLoop({
      while: () => !this.isGiven,
      body: () => this.work.state.signal.wait,
      step: () => this.wake()
    })
  )

  readonly returned: Effect.Effect<void> = Effect.suspend(() => {
    this.end()
    return Effect.whileLoop({
      while: () => this.inHand > 0 && !this.left,
      body: () => this.work.state.signal.wait,
      step: () => {}
    })
  })

  private get isGiven(): boolean {
    if (this.left) return true
    if (this.over) this.giveBack()
    const { phase } = this.work.state
    if (phase === "active" || phase === "held") return false
    this.end()
    return this.inHand === 0 && this.isAllCommitted
  }

  /** The first offset that is not committed, as far as it is known. */
  get openOffset(): number {
    return this.work.state.position ?? this.first ?? -1
  }

  private take(): Chunk | undefined {
    this.at = 0
    this.taken = 0
    return this.chunk = this.work.state.take()
  }

  /** Nothing is left to read: the stream has ended, or everything up to the end of a bounded read is committed. */
  get isDone(): boolean {
    if (this.over) return true
    return this.chunk === undefined && this.isAtEnd && this.isAllCommitted
  }

  /** Everything before the end of a bounded read was taken from the queue. */
  private get isAtEnd(): boolean {
    const { state } = this.work
    return !state.hasQueued && state.isDelivered
  }

  private hand(chunk: Chunk, raw: RawRecord, record: Uncommitted["record"]): Uncommitted {
    const isLast = ++this.at === chunk.records.length
    const position = isLast ? chunk.next : raw.offset + 1
    const size = isLast ? chunk.bytes - this.taken : raw.size
    this.taken += raw.size
    this.records++
    this.bytes += size
    this.first ??= raw.offset
    this.handedTo = position
    if (isLast) this.chunk = undefined
    return { record, commit: this.commit(raw, position) }
  }

  private commit(raw: RawRecord, position: number): Effect.Effect<void, KafkaError> {
    const { host, state } = this.work
    return Effect.suspend(() => {
      if (state.position !== undefined && state.position >= position) return Effect.void
      if (!host.owns(state)) return Effect.fail(this.gone(raw))
      state.advance(position, raw.leaderEpoch)
      state.finished(raw.offset)
      host.progressed(state)
      if (!state.goesOn) state.signal.raise()
      return Effect.void
    })
  }

  private gone({ offset }: RawRecord): KafkaError {
    return notOurs(this.work.host.group, this, `offset ${offset} is not committed`)
  }

  private awaited(raw: RawRecord, { effect }: Pending<Uncommitted["record"]>): Effect.Effect<Next, Poison> {
    const { chunk } = this
    // `Decode` turns every failure of a pending part into poison.
    const decoded = this.work.state.decoding(raw.offset, effect) as Effect.Effect<Uncommitted["record"], Poison>
    return Effect.matchEffect(decoded, {
      onFailure: (poison) => this.over ? Effect.succeed<Next>("over") : this.poisoned(raw, poison),
      onSuccess: (record) => Effect.sync((): Next => this.over ? "over" : this.handOne(chunk!, raw, record))
    })
  }

  private handOne(chunk: Chunk, raw: RawRecord, record: Uncommitted["record"]): Next {
    const handed: Arr.NonEmptyReadonlyArray<Uncommitted> = [this.hand(chunk, raw, record)]
    this.last = handed
    return handed
  }

  /** Stops the partition before the record: nothing more is fetched until a seek moves it or it is assigned again. */
  private poisoned(raw: RawRecord, poison: Poison): Effect.Effect<never, Poison> {
    return Effect.suspend(() => {
      const { host, state } = this.work
      const { offset, partition, topic } = raw
      state.stopAt(new HandlerFailed({ group: host.group, topic, partition, offset, cause: Cause.fail(poison) }))
      state.fail()
      this.end()
      host.failed(state)
      return Effect.fail(poison)
    })
  }
}
