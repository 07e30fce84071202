/** The reference for the run loop: what handlers did, and what the client was told, checked while it happens. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { OnFailure, Topic } from "millrace"
import type { Position, TopicPartition } from "../../../src/engine/KafkaEngine.ts"
import type { Assignment } from "../../../src/internal/partition/assignment.ts"
import * as OffsetNotes from "../../../src/internal/partition/offsetNotes.ts"
import { format } from "../../../src/TopicPartition.ts"
import type { Script } from "../../kit/scriptedEngine.ts"
import type { Behaviour } from "./behaviour.ts"
import { behaviourOf, bodyOf } from "./behaviour.ts"
import type { Generation, Running } from "./generation.ts"
import { generationFrom } from "./generation.ts"
import type { HandlerKind, Kind } from "./kinds.ts"
import { isStream, Records } from "./kinds.ts"
import { randomOf } from "./random.ts"

export const drainTimeout = 5_000
/** The size of the largest record. */
export const largest = 50
const lanesOf = 4

/** The fetch budget. */
interface Budget {
  readonly records: number
  readonly bytes: number
}

/** What is known of one run. */
export class Reference {
  readonly violations: Array<string> = []
  now = 0
  /** The client failed: what was not stored by then is nobody's fault. */
  mayFail = false
  storesRefused = false
  /** The end of the run was asked for. */
  stopping = false
  /** A reader failed or ended as drawn: that may end the run. */
  broke = false
  readonly revokedAt = new Map<number, number>()
  private readonly script: Script
  private readonly seed: number
  private readonly kind: Kind
  private readonly generations = new Map<string, Generation>()
  private readonly everDone = new Map<string, Set<number>>()
  private readonly running = new Map<string, Set<Running>>()
  private readonly own = new Map<string, Position>()
  private readonly copies = new Map<string, Generation>()
  /** Partitions in which a handler hung: that may end the run. */
  readonly hung = new Set<string>()
  private readonly movedAt = new Map<string, number>()
  private readonly mayHang: boolean
  private readonly preparation: number
  private head: { readonly id: number; readonly since: number } | undefined

  constructor(script: Script, seed: number, kind: Kind, budget: Budget, assignment: () => Assignment | undefined) {
    this.script = script
    this.seed = seed
    this.kind = kind
    const random = randomOf(seed + 0.25)
    this.mayHang = random.chance(0.15)
    this.preparation = random.pick([0, 10, 700, 4_000])
    script.observer = {
      assigned: (partition, offset) => this.begin(partition, offset, this.finishedBefore(partition, offset)),
      sought: (position) => this.begin(position, position.offset),
      positioned: (position, delivered) => this.checkPosition(position, delivered),
      revoked: ({ id, partitions }, committed) => {
        if (this.mayFail || this.now - (this.revokedAt.get(id) ?? 0) >= drainTimeout) return
        for (const partition of partitions) {
          this.checkCommitted(partition, committed(partition), "revoked")
          this.checkLeft(partition)
        }
      },
      polled: () => {
        const { head } = script
        if (head !== undefined) this.isHeadForATick(head.id)
        const present = assignment()
        if (present === undefined) return
        this.checkBuffer(present, budget)
        this.checkOwned(present)
      }
    }
  }

  /** Whether everything of a partition was handled since it was assigned, or sought. */
  isWorkedOff(partition: TopicPartition): boolean {
    const generation = this.generations.get(format(partition))
    if (generation === undefined || isStream(this.kind) && (this.running.get(format(partition))?.size ?? 0) > 0) {
      return false
    }
    // What a reader keeps before it commits is up to it.
    const { done, received, start } = generation
    return this.script.log(partition).every(({ offset }) => offset < start || done.has(offset) || received.has(offset))
  }

  /** Whether a handler that never returns, or a reader, keeps the rest of a partition from being handled. */
  hangs(partition: TopicPartition): boolean {
    if (isStream(this.kind)) return this.kind === "records" ? this.hung.size > 0 : this.hung.has(format(partition))
    const running = this.running.get(format(partition)) ?? []
    return [...running].some(({ offset }) => this.behaviour(partition, offset).kind === "hangs")
  }

  /** The partitions with records to handle in which nothing has moved for so many milliseconds. */
  quiet(partitions: ReadonlyArray<TopicPartition>, millis: number): ReadonlyArray<TopicPartition> {
    return partitions.filter((partition) => {
      const since = this.movedAt.get(format(partition))
      return this.script.isAssigned(partition) && !this.isWorkedOff(partition) && since !== undefined
        && this.script.time - since >= millis
    })
  }

  /** A partition is to be given up, or to go on elsewhere. */
  drains(partition: TopicPartition): void {
    const generation = this.generations.get(format(partition))
    if (generation !== undefined) generation.drainsSince ??= this.script.time
  }

  /** Something happened in a partition, or there is more to do. */
  moved(partition: TopicPartition): void {
    this.movedAt.set(format(partition), this.script.time)
  }

  // What the handlers do.

  behaviour(partition: TopicPartition, offset: number): Behaviour {
    return behaviourOf(this.seed, this.mayHang, isStream(this.kind), partition, offset)
  }

  /** Of the partition's present assignment. */
  generationOf(partition: TopicPartition): Generation | undefined {
    return this.generations.get(format(partition))
  }

  private laneOf(offset: number): string {
    return this.kind === "keys" ? `k${randomOf(offset).between(0, 5)}` : this.kind === "unordered" ? `${offset}` : ""
  }

  /** Records get into work: checks that they may. */
  begins(partition: TopicPartition, offsets: ReadonlyArray<number>): ReadonlyArray<Running> {
    const key = format(partition)
    const generation = this.generations.get(key)!
    const all = this.running.get(key) ?? new Set()
    this.running.set(key, all)
    const { head } = this.script
    const leaving = head?.kind === "revoke" && head.partitions.some((one) => format(one) === key)
    // Where records were sent elsewhere, the owner of the offsets is told without any, also at the very end. The reader
    // of a partition gets several records at once.
    if (leaving && offsets.length > 0 && this.kind !== "runPartitions" && this.isHeadForATick(head.id)) {
      this.violate(`${key}: ${offsets.join(" ")} started while it drains`)
    }
    const mine = offsets.map((offset): Running => ({ offset, lane: this.laneOf(offset), generation }))
    for (const running of mine) {
      const parallel = this.kind === "keys" || this.kind === "unordered"
      for (const other of all) {
        if (other.generation !== generation) this.violate(`two owners of ${key} at ${running.offset}`)
        if (!parallel || other.lane === running.lane) {
          this.violate(`${key}: ${other.offset} and ${running.offset} at once`)
        }
      }
      const last = generation.lastStarted.get(running.lane) ?? -1
      if (running.offset <= last && !generation.again.delete(running.offset)) {
        this.violate(`${key}: ${running.offset} started after ${last}`)
      }
      generation.lastStarted.set(running.lane, running.offset)
    }
    for (const running of mine) all.add(running)
    this.moved(partition)
    return mine
  }

  /** They are not in work any more. */
  ends(partition: TopicPartition, mine: ReadonlyArray<Running>, areDone: boolean): void {
    this.moved(partition)
    for (const running of mine) {
      this.running.get(format(partition))!.delete(running)
      if (areDone) this.isDone(running.generation, running.offset, partition)
    }
  }

  private work(partition: TopicPartition, offsets: ReadonlyArray<number>): Effect.Effect<void, string> {
    return Effect.suspend(() => {
      const mine = this.begins(partition, offsets)
      const behaviour = this.behaviour(partition, offsets[0] ?? 0)
      const body = bodyOf(behaviour, () => this.hung.add(format(partition)))
      return Effect.onExit(body, (exit) => Effect.sync(() => this.ends(partition, mine, Exit.isSuccess(exit))))
    })
  }

  handler(kind: HandlerKind) {
    const record = (raw: { readonly topic: string; readonly partition: number; readonly offset: number }) =>
      this.work({ topic: raw.topic, partition: raw.partition }, [raw.offset])
    switch (kind) {
      case "partition":
        return Topic.handle(Records, record)
      case "keys":
        return Topic.handle(Records, record, { concurrency: { keys: lanesOf } })
      case "unordered":
        return Topic.handle(Records, record, { concurrency: { unordered: lanesOf } })
      case "batch":
        return Topic.handleBatch(Records, (records) => this.work(records[0]!, records.map(({ offset }) => offset)), {
          maxSize: 6,
          maxWait: 50
        })
      case "owned":
        return Topic.handleOwningOffsets(Records, ({ next, partition, records, topic }) =>
          Effect.andThen(
            this.work({ topic, partition }, records.map(({ offset }) => offset)),
            Effect.sync(() => {
              const position = { topic, partition, offset: next }
              this.checkPosition(position, Number.POSITIVE_INFINITY)
              this.own.set(format(position), position)
              const { untold } = this.generations.get(format(position))!
              for (const offset of untold) if (offset < next) untold.delete(offset)
            })
          ), {
          maxSize: 6,
          startOffsets: (asked) =>
            Effect.as(Effect.sleep(this.preparation), asked.flatMap((one) => this.own.get(format(one)) ?? []))
        })
    }
  }

  /** Waits a few times, and then stops, skips, or sends the records elsewhere. */
  readonly policy = OnFailure.make((failure) =>
    Effect.sync(() => {
      const { memory, record, records } = failure
      const { delay, routed, stops, waits } = this.behaviour(record, record.offset)
      const generation = this.generations.get(format(record))!
      const waited = (memory.get(this) as number | undefined) ?? 0
      if (waited < waits) {
        memory.set(this, waited + 1)
        if (failure.kind !== "poison") { for (const { offset } of records) generation.again.add(offset) }
        return OnFailure.wait(delay)
      }
      if (stops) return OnFailure.stop
      for (const { offset } of records) {
        if (routed) {
          generation.routed.add(offset)
          this.copies.set(`${format(record)}@${offset}`, generation)
          continue
        }
        this.finished(generation, offset, record)
      }
      return routed ? OnFailure.deadLetter : OnFailure.skip
    }), { uses: [OnFailure.deadLetter, OnFailure.wait(0)] })

  /** A copy of a record is under way. It tells nothing of the same record in a later assignment. */
  sent(partition: TopicPartition, offset: number): () => void {
    const generation = this.copies.get(`${format(partition)}@${offset}`)
    return () => {
      if (generation !== undefined) this.finished(generation, offset, partition)
    }
  }

  isDone(generation: Generation, offset: number, partition: TopicPartition): void {
    generation.done.add(offset)
    const done = this.everDone.get(format(partition)) ?? new Set()
    this.everDone.set(format(partition), done.add(offset))
  }

  private finished(generation: Generation, offset: number, partition: TopicPartition): void {
    this.isDone(generation, offset, partition)
    // The owner of the offsets is still to be told, and may fail or be interrupted at that.
    if (this.kind === "owned") generation.untold.add(offset)
  }

  // What must hold.

  /** What an earlier generation left with the committed offset as finished behind it, and what of that is not so. */
  private finishedBefore(partition: TopicPartition, offset: number): Set<number> {
    const committed = this.script.committed.get(format(partition))
    if (committed?.offset !== offset || this.kind === "owned") return new Set()
    return new Set(this.claimed(committed, this.everDone.get(format(partition)) ?? new Set()))
  }

  /** The records that a position says are finished behind it; they must be among `done`. */
  private claimed(position: Position, done: ReadonlySet<number>): ReadonlyArray<number> {
    const { finished } = OffsetNotes.decode(position.offset, position.metadata)
    const claimed = this.script.log(position)
      .map(({ offset }) => offset)
      .filter((offset) => finished.some(({ from, to }) => from <= offset && offset < to))
    const wrong = claimed.find((offset) => !done.has(offset))
    if (wrong !== undefined) this.violate(`${format(position)}: ${wrong} is noted as finished, and is not`)
    return claimed
  }

  private begin(partition: TopicPartition, offset: number, done = new Set<number>()): void {
    this.moved(partition)
    this.generations.set(format(partition), generationFrom(offset, done))
  }

  private checkPosition(position: Position, delivered: number): void {
    const generation = this.generations.get(format(position))
    if (generation === undefined) return this.violate(`${format(position)} has a position, but was never assigned`)
    if (position.offset > Math.max(delivered, generation.start)) {
      this.violate(`${format(position)}: ${position.offset} is behind what was handed out (${delivered})`)
    }
    this.moved(position)
    this.claimed(position, generation.done)
    for (const { offset } of this.script.log(position)) {
      const isKnown = generation.done.has(offset) || generation.said.has(offset)
      if (offset >= generation.start && offset < position.offset && !isKnown) {
        return this.violate(`${format(position)}: position ${position.offset} is past ${offset}, which is not done`)
      }
    }
  }

  /** A reader has the time to commit what it kept. */
  private checkLeft(partition: TopicPartition): void {
    const generation = this.generations.get(format(partition))
    if (generation === undefined || this.stopping || this.broke || !this.script.isAssigned(partition)) return
    if (this.script.time - (generation.drainsSince ?? 0) >= drainTimeout) return
    const kept = [...generation.received].filter((offset) => !generation.done.has(offset))
    if (kept.length > 0) this.violate(`${format(partition)} was given up while its reader had ${kept.join(" ")}`)
  }

  /** Nothing that is done, and not behind something undone, is handled again after an orderly end. */
  checkCommitted(partition: TopicPartition, committed: number | undefined, when: string): void {
    const generation = this.generations.get(format(partition))
    if (generation === undefined || !this.script.isAssigned(partition) || this.storesRefused) return
    let finished: number | undefined
    const batches = this.kind === "owned"
    for (const { offset } of this.script.log(partition)) {
      if (offset < generation.start) continue
      if (!generation.done.has(offset)) break
      // What an owner of offsets skipped is committed with its batch, and judged again when it never came to that.
      if (generation.untold.has(offset)) continue
      if (!batches || !this.behaviour(partition, offset).poison && !generation.routed.has(offset)) finished = offset
    }
    if (this.kind !== "keys" && this.kind !== "unordered" && this.kind !== "batch") {
      if (finished === undefined || committed !== undefined && committed > finished) return
      return this.violate(`${format(partition)} ${when} at ${committed}, although ${finished} is done`)
    }
    const position = this.script.committed.get(format(partition))
    const kept = position === undefined ? [] : this.claimed(position, generation.done)
    for (const offset of generation.done) {
      if (offset < (position?.offset ?? 0) || kept.includes(offset)) continue
      this.violate(`${format(partition)} ${when} at ${committed}, without a note that ${offset} is done`)
    }
  }

  private checkBuffer(assignment: Assignment, most: Budget): void {
    let records = 0
    let bytes = 0
    for (const state of assignment) {
      if (state.bufferedRecords < 0 || state.bufferedBytes < 0) this.violate(`${format(state)}: a buffer below zero`)
      records += state.bufferedRecords
      bytes += state.bufferedBytes
    }
    if (records !== assignment.bufferedRecords || bytes !== assignment.bufferedBytes) {
      const { bufferedBytes, bufferedRecords } = assignment
      this.violate(`${records} records, ${bytes} bytes are buffered and count as ${bufferedRecords}, ${bufferedBytes}`)
    }
    if (records > most.records) this.violate(`${records} records are buffered, above ${most.records}`)
    // The last record of a poll may be larger than what was left, and what was on its way at a pause comes anyhow.
    const more = largest * (this.script.lateOnPause ? 1 + assignment.size * 3 : 1)
    if (bytes >= most.bytes + more) this.violate(`${bytes} bytes are buffered, above ${most.bytes}`)
  }

  /** Nobody works on what the client does not count as assigned. */
  private checkOwned(assignment: Assignment): void {
    if (this.script.answersDue > 0) return
    for (const state of assignment) {
      if (!this.script.isAssigned(state)) this.violate(`${format(state)} is worked on, and not assigned`)
    }
  }

  /** Whether a rebalance has been the one to be answered for so long that the loop must have seen it. */
  private isHeadForATick(id: number): boolean {
    const { time } = this.script
    if (this.head?.id !== id) this.head = { id, since: time }
    return time - this.head.since > 300
  }

  violate(what: string): void {
    this.violations.push(`${this.now} ms: ${what}`)
  }
}
