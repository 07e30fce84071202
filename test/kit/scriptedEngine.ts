/**
 * An engine for faults that no real one can be made to show: a consumer client that keeps the contract, does what the
 * test says, notes every call, and says what its owner did wrong.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type {
  Chunk,
  ConsumerClient,
  ConsumerClientOptions,
  GroupMetadata,
  Position,
  RawRecord,
  TopicPartition
} from "../../src/engine/KafkaEngine.ts"
import * as KafkaEngine from "../../src/engine/KafkaEngine.ts"
import * as Errors from "../../src/KafkaError.ts"
import type { KafkaError } from "../../src/KafkaError.ts"
import { format } from "../../src/TopicPartition.ts"
import { scriptedAdmin } from "./scriptedAdmin.ts"
import { type Call, type CallName, type Observer, parted, type Rebalance } from "./scriptedCalls.ts"

interface Assigned {
  readonly partition: TopicPartition
  /** Index into the log of the next record to be handed out. */
  cursor: number
  next: number
  paused: boolean
  stored: Position | undefined
  /** A chunk that was on its way when the pause came. */
  late: Chunk | undefined
}

const tooLong: KafkaError = Errors.make(
  "commit",
  new Errors.BrokerError({ code: 12, name: "OFFSET_METADATA_TOO_LARGE", problem: "too large", retryable: false })
)

/** What a call fails with that a test lets fail. */
export const broken = (call: string) => Errors.make(call, new Errors.Timeout({ operation: call, timeoutMs: 1 }))

/** One group on one cluster, of which the consumer under test is the only member. */
export class Script {
  readonly calls: Array<Call> = []
  /** What the owner of the client did against the contract. */
  readonly violations: Array<string> = []
  readonly committed = new Map<string, Position>()
  /** Calls that fail once each, or die for as long as they are in `dying`. */
  readonly failing: Array<CallName> = []
  readonly dying = new Set<CallName>()
  /** Calls that never return. */
  readonly hanging = new Set<CallName>()
  /** What calls wait for before they take effect. */
  readonly slow = new Map<CallName, Effect.Effect<void>>()
  /** Whether the client does not know where partitions end, and hands out no records. */
  silent = false
  /** Whether the admin client reaches nobody. */
  unreachable = false
  /** What the other members of the group have; an empty one has nothing. */
  others: ReadonlyArray<ReadonlyArray<TopicPartition>> = []
  /** Whether the group says that it is being rebalanced. */
  rebalances = false
  /** How many stores are refused although the partition is assigned. */
  refuseStores = 0
  /** How long a text with an offset may be: a commit with a longer one fails. */
  mostMetadata = Number.POSITIVE_INFINITY
  /** Whether a pause leaves a chunk on its way. */
  lateOnPause = false
  keepCalls = true
  observer: Observer = {}
  clients = 0
  private readonly logs = new Map<string, Array<RawRecord>>()
  private readonly assignment = new Map<string, Assigned>()
  private readonly handed = new Map<string, number>()
  private readonly unanswered: Array<Rebalance> = []
  private now: () => number = () => 0
  private options: ConsumerClientOptions | undefined
  private closed = true
  private lastPoll = 0
  private maxPollInterval = 0
  private ids = 0
  private turn = 0

  /** Appends records: offsets may leave gaps. */
  produce(
    partition: TopicPartition,
    records: ReadonlyArray<{ readonly offset: number } & Partial<Omit<RawRecord, keyof TopicPartition>>>
  ): void {
    const log = this.log(partition)
    for (const record of records) {
      log.push({ ...partition, timestamp: 0, key: null, value: new Uint8Array(1), size: 1, ...record })
    }
    if (!this.closed) this.options?.onReady()
  }

  log(partition: TopicPartition): Array<RawRecord> {
    const key = format(partition)
    const log = this.logs.get(key) ?? []
    this.logs.set(key, log)
    return log
  }

  /** Tells the owner of a rebalance. What is lost is gone at once, what is revoked when the owner answers. */
  emit(kind: Rebalance["kind"], partitions: ReadonlyArray<TopicPartition>): number {
    const event: Rebalance = { _tag: "Rebalance", id: ++this.ids, kind, partitions }
    this.unanswered.push(event)
    if (kind === "lost") { for (const partition of partitions) this.assignment.delete(format(partition)) }
    this.options?.onEvent(event)
    return event.id
  }

  disturb = (): void => this.options?.onEvent({ _tag: "Disturbed", error: broken("join") })
  failCommit(...all: Array<TopicPartition>): void {
    const positions = all.map((partition) => ({ ...partition, offset: 0 }))
    this.options?.onEvent({ _tag: "CommitFailed", positions, error: broken("commit") })
  }

  /** The client commits what is stored, as its timer does. */
  commitByTimer(): void {
    const positions = [...this.assignment.values()].flatMap(({ stored }) => stored ?? [])
    for (const position of positions) this.committed.set(format(position), position)
    this.options?.onEvent({ _tag: "Committed", positions })
  }

  fail = (): void => this.options?.onEvent({ _tag: "Failed", error: broken("poll") })

  endOf = (partition: TopicPartition): void =>
    this.options?.onEvent({ _tag: "EndOfPartition", ...partition, offset: this.endOffset(partition) })

  /** The time on the consumer's clock, in milliseconds. */
  get time(): number {
    return this.now()
  }

  get isOpen() {
    return !this.closed
  }

  get answersDue() {
    return this.unanswered.length
  }

  /** The rebalance that is to be answered next. */
  get head(): Rebalance | undefined {
    return this.unanswered[0]
  }

  /** What this member has. */
  get assigned(): ReadonlyArray<TopicPartition> {
    return [...this.assignment.values()].map(({ partition }) => partition)
  }

  isAssigned = (partition: TopicPartition): boolean => this.assignment.has(format(partition))

  isPaused = (partition: TopicPartition): boolean => this.assignment.get(format(partition))?.paused === true

  endOffset(partition: TopicPartition): number {
    const log = this.log(partition)
    return log.length === 0 ? 0 : log[log.length - 1]!.offset + 1
  }

  /** How many records of a partition the client has returned. */
  handedOut = (partition: TopicPartition): number => this.handed.get(format(partition)) ?? 0

  count(call: CallName): number {
    return this.calls.filter((made) => made.call === call).length
  }

  /** The engine to be provided. Each client takes the place of the one before. */
  readonly layer: Layer.Layer<KafkaEngine.Service> = Layer.effect(KafkaEngine.Service)(
    Effect.map(Effect.scope, (scope) => ({
      name: "scripted",
      capabilities: new Set<never>(),
      scope,
      producer: Effect.fail(broken("producer")),
      admin: Effect.sync(() => scriptedAdmin(this)),
      transactional: () => Effect.fail(broken("transactional")),
      consumer: (options: ConsumerClientOptions) => Effect.suspend(() => this.open(options))
    }))
  )

  /** Those with records. */
  get partitions(): ReadonlyArray<TopicPartition> {
    return [...this.logs.values()].flatMap(([first]) => first === undefined ? [] : [first])
  }

  private readonly open = Effect.fnUntraced({ self: this as Script }, function*(options: ConsumerClientOptions) {
    const clock = yield* Clock.Clock
    this.clients++
    if (this.failing[0] === "groupMetadata") {
      this.failing.shift()
      return yield* broken("consumer")
    }
    this.now = () => clock.currentTimeMillisUnsafe()
    this.options = options
    this.closed = false
    this.lastPoll = this.now()
    this.maxPollInterval = 60_000
    this.unanswered.length = 0
    this.assignment.clear()
    return this.client()
  })

  private note(call: CallName, details: Partial<Call> = {}): void {
    if (this.keepCalls) this.calls.push({ at: this.now(), call, ...details })
    if (this.closed) this.violations.push(`${call} after close`)
    if (this.dying.has(call)) throw new Error(`${call} died`)
  }

  private guarded<A>(call: CallName, details: Partial<Call>, run: () => A): Effect.Effect<A, KafkaError> {
    return Effect.suspend(() => {
      this.note(call, details)
      if (this.hanging.has(call)) return Effect.never
      const at = this.failing.indexOf(call)
      if (at === -1) return Effect.andThen(this.slow.get(call) ?? Effect.void, Effect.sync(run))
      this.failing.splice(at, 1)
      return Effect.fail(broken(call))
    })
  }

  private client(): ConsumerClient {
    return {
      poll: (maxRecords, maxBytes) => this.poll(maxRecords, maxBytes),
      answer: (id, start) =>
        Effect.suspend(() => {
          // Noted before it can fail: an answer that failed was given all the same.
          const head = this.unanswered.shift()
          if (head?.id !== id) this.violations.push(`answered ${id}, but ${head?.id ?? "nothing"} was due`)
          // A partition that was given back is gone, even when the client says that something went wrong.
          if (head?.kind === "revoke") this.settle(head, start)
          return this.guarded("answer", { id }, () => {
            if (head?.kind === "assign") this.settle(head, start)
          })
        }),
      store: (position) => {
        this.note("store", { positions: [position] })
        const assigned = this.assignment.get(format(position))
        if (assigned === undefined) return false
        if (this.refuseStores > 0) {
          this.refuseStores--
          return false
        }
        this.observer.positioned?.(position, assigned.next)
        assigned.stored = position
        return true
      },
      commit: (positions) =>
        positions.some(this.isTooLong) ? Effect.fail(tooLong) : this.guarded("commit", { positions }, () => {
          for (const position of positions) {
            const assigned = this.assignment.get(format(position))
            if (assigned === undefined) continue
            this.observer.positioned?.(position, assigned.next)
            this.committed.set(format(position), position)
          }
        }),
      committed: () => this.guarded("committed", {}, () => [...this.committed.values()]),
      pause: (partitions) => {
        this.note("pause", { positions: partitions })
        for (const partition of partitions) {
          const assigned = this.assignment.get(format(partition))
          if (assigned === undefined || assigned.paused) continue
          if (this.lateOnPause) assigned.late ??= this.take(assigned, 3, Number.POSITIVE_INFINITY)
          assigned.paused = true
        }
      },
      resume: (partitions) => {
        this.note("resume", { positions: partitions })
        for (const partition of partitions) {
          const assigned = this.assignment.get(format(partition))
          if (assigned !== undefined) assigned.paused = false
        }
        this.options!.onReady()
      },
      seek: (position) =>
        Effect.flatMap(
          this.guarded("seek", { positions: [position] }, () => {
            this.observer.seeking?.(position)
            return this.assignment.get(format(position))
          }),
          (assigned) => {
            if (assigned === undefined) return Effect.fail(Errors.make("seek", new Errors.UnknownTopic(position)))
            this.moveTo(assigned, position.offset)
            this.observer.sought?.(position)
            this.options!.onReady()
            return Effect.void
          }
        ),
      highWatermark: (partition) => {
        this.note("highWatermark")
        return this.silent ? undefined : this.endOffset(partition)
      },
      // Nothing looks into it here.
      groupMetadata: () => ({ groupId: "g" }) as GroupMetadata,
      close: () =>
        Effect.suspend(() => {
          this.note("close")
          this.closed = true
          for (const assigned of this.assignment.values()) this.commitStored(assigned)
          return this.failing.includes("close") ? Effect.fail(broken("close")) : Effect.void
        })
    }
  }

  private poll(maxRecords: number, maxBytes: number): ReadonlyArray<Chunk> {
    this.note("poll")
    const gap = this.now() - this.lastPoll
    if (gap > this.maxPollInterval) this.violations.push(`no poll for ${gap} ms`)
    this.lastPoll = this.now()
    this.observer.polled?.()
    if (this.silent) return []
    const chunks: Array<Chunk> = []
    const partitions = [...this.assignment.values()]
    let records = maxRecords
    let bytes = maxBytes
    for (let i = 0; i < partitions.length && records > 0 && bytes > 0; i++) {
      const assigned = partitions[(i + this.turn) % partitions.length]!
      if (this.isLeaving(assigned.partition)) continue
      const late = assigned.late === undefined ? undefined : parted(assigned.late, records)
      assigned.late = late?.rest
      const chunk = late?.first ?? (assigned.paused ? undefined : this.take(assigned, records, bytes))
      if (chunk === undefined) continue
      chunks.push(chunk)
      records -= chunk.records.length
      bytes -= chunk.bytes
    }
    this.turn++
    return chunks
  }

  private isLeaving(partition: TopicPartition): boolean {
    return this.unanswered.some(({ kind, partitions }) =>
      kind === "revoke" && partitions.some((leaving) => format(leaving) === format(partition))
    )
  }

  private take(assigned: Assigned, maxRecords: number, maxBytes: number): Chunk | undefined {
    const log = this.log(assigned.partition)
    const records: Array<RawRecord> = []
    let bytes = 0
    while (records.length < maxRecords && (records.length === 0 || bytes < maxBytes)) {
      const record = log[assigned.cursor]
      if (record === undefined) break
      assigned.cursor++
      records.push(record)
      bytes += record.size
    }
    if (records.length === 0) return undefined
    this.handed.set(format(assigned.partition), this.handedOut(assigned.partition) + records.length)
    // Covers a gap that follows, as an engine that sees control records does.
    assigned.next = log[assigned.cursor]?.offset ?? records[records.length - 1]!.offset + 1
    return { ...assigned.partition, records, bytes, next: assigned.next }
  }

  private settle(event: Rebalance, start: ReadonlyArray<Position> | undefined): void {
    if (event.kind === "assign") {
      for (const partition of event.partitions) {
        const key = format(partition)
        const lost = this.unanswered.some(({ kind, partitions }) =>
          kind === "lost" && partitions.some((gone) => format(gone) === key)
        )
        if (lost) continue
        const from = start?.find((position) => format(position) === key) ?? this.committed.get(key)
        const fresh: Assigned = { partition, cursor: 0, next: 0, paused: false, stored: undefined, late: undefined }
        this.moveTo(fresh, from?.offset ?? 0)
        this.assignment.set(key, fresh)
        this.observer.assigned?.(partition, from?.offset ?? 0)
      }
      this.options!.onReady()
      return
    }
    for (const partition of event.partitions) {
      const assigned = this.assignment.get(format(partition))
      if (assigned !== undefined) this.commitStored(assigned)
    }
    this.observer.revoked?.(event, (partition) => this.committed.get(format(partition))?.offset)
    for (const partition of event.partitions) this.assignment.delete(format(partition))
  }

  /** What is stored is not committed any more: as at a crash. */
  forgetStored(): void {
    for (const assigned of this.assignment.values()) assigned.stored = undefined
  }

  private readonly isTooLong = ({ metadata }: Position): boolean => (metadata?.length ?? 0) > this.mostMetadata

  private commitStored(assigned: Assigned): void {
    if (assigned.stored === undefined) return
    if (this.isTooLong(assigned.stored)) {
      this.options?.onEvent({ _tag: "CommitFailed", positions: [assigned.stored], error: tooLong })
    } else this.committed.set(format(assigned.partition), assigned.stored)
  }

  private moveTo(assigned: Assigned, offset: number): void {
    const at = this.log(assigned.partition).findIndex((record) => record.offset >= offset)
    assigned.cursor = at === -1 ? this.log(assigned.partition).length : at
    assigned.next = offset
    assigned.late = undefined
  }
}
