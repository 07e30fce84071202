/**
 * Reads dead letter topics as a member of a group, from its committed offsets to the ends that the topics had when it
 * began, and redrives or parks their records. One fiber does everything, so no record is in work when a partition is
 * taken away. A position is committed when the broker has acknowledged everything before it.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { ClientEvent, ConsumerClient, Position, RawRecord, TopicPartition } from "../../engine/KafkaEngine.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import { format } from "../../TopicPartition.ts"
import { byPartition, fatalOf } from "../reading/scan.ts"
import * as Signal from "../shared/signal.ts"
import type { TokenBucket } from "../shared/tokenBucket.ts"
import type { Budget, Fate } from "./judging.ts"

/** A record, what is to be done with it, and the position after it. */
export interface Judged {
  readonly raw: RawRecord
  readonly next: number
  readonly fate: Fate
}

/** What a drive is to do. */
export interface RedriveWork<A> {
  readonly group: string
  readonly topics: ReadonlyArray<string>
  readonly ends: ReadonlyArray<Position>
  /** The lowest offset at which each partition may begin. */
  readonly floor: ReadonlyMap<string, number>
  readonly judge: (raw: RawRecord) => Effect.Effect<Fate>
  /** Does what the fates say. Returns how many of the records, from the first one, are done, and their results. */
  readonly perform: (batch: ReadonlyArray<Judged>) => Effect.Effect<Performed<A>>
  readonly budget: Budget
  readonly bucket: TokenBucket | undefined
}

/** `error` says why the record after the done ones is not done. */
export interface Performed<A> {
  readonly done: number
  readonly results: ReadonlyArray<A>
  readonly error: KafkaError | undefined
}

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const batchRecords = 500
const batchBytes = 8_388_608
const closeTimeout = Duration.seconds(30)
/** The longest wait between two polls, in milliseconds: polling tells the broker that this member is alive. */
const longestSleep = 1000

/** After this many milliseconds without a partition another member owns them all: this one is at its end. */
const longestEmpty = 60_000

const commitRetries = Schedule.max([Schedule.exponential("100 millis"), Schedule.recurs(5)])

/** A partition of this member. `ended`: every record up to `end` was read. */
interface Part {
  readonly partition: TopicPartition
  readonly end: number
  readonly waiting: Array<Judged>
  position: number | undefined
  leaderEpoch: number | undefined
  ended: boolean
}

/** One redrive. One fiber uses it; it may be interrupted only inside of `restore`. */
export class Drive<A> {
  private readonly work: RedriveWork<A>
  private readonly client: ConsumerClient
  private readonly signal: Signal.Signal
  private readonly intake: Array<ClientEvent>
  private readonly ends: ReadonlyMap<string, number>
  private readonly parts = new Map<string, Part>()
  private assigned = false
  /** When the last partition was taken away. An assignment may follow, see `longestEmpty`. */
  private emptySince: number | undefined
  private error: KafkaError | undefined

  constructor(work: RedriveWork<A>, client: ConsumerClient, signal: Signal.Signal, intake: Array<ClientEvent>) {
    this.work = work
    this.client = client
    this.signal = signal
    this.intake = intake
    this.ends = byPartition(work.ends)
  }

  /** Does the next step. Returns its results, or `undefined` when everything is done and committed. */
  readonly next = (restore: Restore): Effect.Effect<ReadonlyArray<A> | undefined, KafkaError> =>
    Effect.gen({ self: this }, function*() {
      const clock = yield* Clock.Clock
      while (true) {
        yield* this.takeIn(clock)
        if (this.error !== undefined) return yield* this.error
        if (this.work.budget.isSpent) return yield* this.finish()
        const part = this.ready()
        if (part === undefined) {
          if (yield* this.fetch(restore)) continue
          if (this.intake.length === 0 && this.isOver(clock)) return yield* this.finish()
          yield* restore(Effect.timeoutOption(this.signal.wait, longestSleep))
          continue
        }
        const now = clock.currentTimeMillisUnsafe()
        const batch = this.take(part, now)
        if (batch.length === 0) {
          this.client.poll(0, 0)
          const wait = Math.min(longestSleep, this.work.bucket!.wait(part.waiting.length, now))
          yield* restore(Effect.timeoutOption(this.signal.wait, wait))
          continue
        }
        const results = yield* this.perform(part, batch)
        if (results.length > 0) return results
      }
    })

  private isOver(clock: Clock.Clock): boolean {
    if (!this.assigned) return false
    if (this.emptySince !== undefined) return clock.currentTimeMillisUnsafe() - this.emptySince >= longestEmpty
    for (const { ended, waiting } of this.parts.values()) if (!ended || waiting.length > 0) return false
    return true
  }

  private ready(): Part | undefined {
    for (const part of this.parts.values()) if (part.waiting.length > 0) return part
    return undefined
  }

  private takeIn(clock: Clock.Clock): Effect.Effect<void, KafkaError> {
    return Effect.gen({ self: this }, function*() {
      while (this.intake.length > 0) {
        const event = this.intake.shift()!
        this.error ??= fatalOf(event)
        if (event._tag === "EndOfPartition") {
          const part = this.parts.get(format(event))
          if (part !== undefined && event.offset >= part.end) part.ended = true
        }
        if (event._tag !== "Rebalance") continue
        if (event.kind !== "assign") { for (const partition of event.partitions) this.parts.delete(format(partition)) }
        if (event.kind === "assign") {
          yield* this.client.answer(event.id, yield* this.raised(event.partitions))
          this.assign(event.partitions)
          continue
        }
        // No record of them is in work; one that was stored and not committed may be sent twice.
        yield* Effect.ignore(this.client.answer(event.id))
        if (this.parts.size === 0) this.emptySince ??= clock.currentTimeMillisUnsafe()
      }
    })
  }

  /** The positions of partitions that the group has not brought to their floor yet. */
  private raised(partitions: ReadonlyArray<TopicPartition>): Effect.Effect<ReadonlyArray<Position>, KafkaError> {
    const floors = partitions.flatMap(({ partition, topic }): ReadonlyArray<Position> => {
      const offset = this.work.floor.get(format({ topic, partition }))
      return offset === undefined ? [] : [{ topic, partition, offset }]
    })
    if (floors.length === 0) return Effect.succeed([])
    return Effect.map(this.client.committed(floors), (committed) => {
      const own = byPartition(committed)
      return floors.filter((floor) => floor.offset > (own.get(format(floor)) ?? -1))
    })
  }

  private assign(partitions: ReadonlyArray<TopicPartition>): void {
    this.assigned = true
    this.emptySince = undefined
    for (const { partition, topic } of partitions) {
      this.parts.set(format({ topic, partition }), {
        partition: { topic, partition },
        // A partition that was added since has no record that existed at the beginning.
        end: this.ends.get(format({ topic, partition })) ?? 0,
        waiting: [],
        position: undefined,
        leaderEpoch: undefined,
        ended: false
      })
    }
  }

  /** Reads and judges the records that are there. Returns whether there were any. */
  private fetch(restore: Restore): Effect.Effect<boolean> {
    return Effect.gen({ self: this }, function*() {
      const chunks = this.client.poll(batchRecords, batchBytes)
      for (const chunk of chunks) {
        const part = this.parts.get(format(chunk))
        if (part === undefined) continue
        const { records } = chunk
        for (let i = 0; i < records.length && records[i]!.offset < part.end; i++) {
          const raw = records[i]!
          const next = i === records.length - 1 ? Math.min(chunk.next, part.end) : raw.offset + 1
          // No record is in work yet, so the operator's functions may be interrupted.
          part.waiting.push({ raw, next, fate: yield* restore(this.work.judge(raw)) })
        }
        if (chunk.next < part.end) continue
        part.ended = true
        this.client.pause([part.partition])
      }
      return chunks.length > 0
    })
  }

  /** As many records as the rate and the budget allow now, in order. */
  private take(part: Part, now: number): ReadonlyArray<Judged> {
    const { bucket, budget } = this.work
    let count = 0
    for (const { fate } of part.waiting) {
      if (fate._tag !== "Pass" && fate._tag !== "Broken") {
        if (budget.isSpent || bucket !== undefined && bucket.take(1, now) === 0) break
        budget.spend(fate)
      }
      count++
    }
    return part.waiting.splice(0, count)
  }

  /** Stores the position: the broker has acknowledged everything before it. */
  private perform(part: Part, batch: ReadonlyArray<Judged>): Effect.Effect<ReadonlyArray<A>> {
    return Effect.gen({ self: this }, function*() {
      const { done, error, results } = yield* this.work.perform(batch)
      if (done > 0) {
        const last = batch[done - 1]!
        part.position = last.next
        part.leaderEpoch = last.raw.leaderEpoch
        const position = positionOf(part)!
        this.client.store(position)
        // An early commit, so its failure does not matter: the timer, a revoke and the end commit what is stored too.
        yield* Effect.ignore(this.client.commit([position]))
      }
      this.error ??= error
      return results
    })
  }

  /** Commits what is stored: the redrive is over only when the broker has the offsets. */
  private finish(): Effect.Effect<undefined, KafkaError> {
    return Effect.suspend(() => {
      const positions = [...this.parts.values()].flatMap((part) => positionOf(part) ?? [])
      if (positions.length === 0) return Effect.undefined
      return this.client.commit(positions).pipe(
        Effect.retry({ schedule: commitRetries, while: (error: KafkaError) => error.isRetryable }),
        Effect.as(undefined)
      )
    })
  }
}

const positionOf = ({ leaderEpoch, partition, position }: Part): Position | undefined =>
  position === undefined ? undefined : { ...partition, offset: position, leaderEpoch }

/** Joins the group. When the scope ends, commits what is stored and leaves. */
export const join = Effect.fnUntraced(function*<A>(work: RedriveWork<A>) {
  const engine = yield* KafkaEngine.Service
  const signal = yield* Signal.make
  const intake: Array<ClientEvent> = []
  const client = yield* engine.consumer({
    subscription: { _tag: "Group", groupId: work.group, topics: work.topics, patterns: [] },
    offsetReset: "earliest",
    config: {},
    signalEnd: true,
    onReady: () => signal.raise(),
    onEvent: (event) => {
      intake.push(event)
      signal.raise()
    }
  })
  yield* Effect.addFinalizer(() => Effect.ignore(client.close(closeTimeout)))
  return new Drive(work, client, signal, intake)
})
