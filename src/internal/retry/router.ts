/**
 * Sends copies of failed records to retry and dead letter topics. Copies do not wait for each other. A record is done
 * when the broker has acknowledged its copy.
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type { ProducerClient, RawHeader, RawMessage, RawRecord, TopicPartition } from "../../engine/KafkaEngine.ts"
import { invalidSetting, type KafkaError } from "../../KafkaError.ts"
import type { Failure } from "../../OnFailure.ts"
import type { Outcome } from "../../Outcome.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { type Wait, waitOut } from "../partition/waits.ts"
import { messageOf } from "../shared/causes.ts"
import type { Signal } from "../shared/signal.ts"
import { textOf } from "./failureText.ts"
import * as RetryHeaders from "./retryHeaders.ts"
import type { SourceTopics, TierTopic } from "./topology.ts"

/** Where a record goes: to a retry topic, or to any topic as a dead letter. */
export type Destination =
  | { readonly _tag: "Tier"; readonly tier: TierTopic }
  | { readonly _tag: "DeadLetter"; readonly topic: string }

/** A copy on its way. */
export interface Copy {
  readonly record: RawRecord
  readonly cause: Cause.Cause<unknown>
  message: RawMessage
  readonly bareHeaders: () => Array<RawHeader>
  outcome: Outcome
  /** The client has it. */
  taken: boolean
  acknowledged: boolean
  error: KafkaError | undefined
  /** Why it was refused last, also while it is on its way again. */
  refused: KafkaError | undefined
  bare: boolean
  /** Wakes the fiber that waits until the copy is acknowledged or has failed. */
  notify: (() => void) | undefined
  /** Called at once, in the client's callback, when the copy is acknowledged or has failed. */
  arrived: ((copy: Copy) => void) | undefined
}

/** A copy that cannot be sent: trying again would not help, or `retries.publish` is over. */
export interface Unsendable {
  readonly copy: Copy
  readonly error: KafkaError
}

/** What a router needs. */
export interface Options {
  readonly group: string
  readonly producer: ProducerClient
  readonly clock: Clock.Clock
  readonly publish: Schedule.Schedule<unknown, KafkaError>
  readonly makeSignal: () => Signal
  /** How many partitions a topic has; `undefined` when that is not known. */
  readonly partitionsOf: (topic: string) => number | undefined
  /** Whether dead letters carry the encoded fields of their error. */
  readonly errorFields: boolean
  /** Creates the topics of a source again that were deleted, if the consumer creates topics at all. */
  readonly restore: (source: string) => Effect.Effect<void, KafkaError>
}

/** A copy that the broker has not acknowledged for long: its partition waits for it. */
export interface Unsent {
  /** The offset of the record. */
  readonly offset: number
  /** The topic that the copy is for. */
  readonly to: string
  /** For how long, in milliseconds. */
  readonly waitedMs: number
  /** Why it was refused last; `undefined` while no broker answered. */
  readonly error: KafkaError | undefined
}

/** Who hears of partitions that wait for a copy. */
export interface Reporter {
  readonly unsent: (partition: TopicPartition, copy: Unsent) => void
  /** The partition no longer waits for the copy of this record. */
  readonly sent: (partition: TopicPartition, offset: number) => void
}

/** A partition that waits this long for a copy is reported, and again after each `reportEvery`. */
const reportAfter = 30_000
const reportEvery = 600_000

type Step = (now: number, input: KafkaError) => Pull.Pull<[unknown, Duration.Duration], never, unknown>

/** Then it is sent once more without the error's message and stack. */
const isTooLarge = ({ reason }: KafkaError): boolean => reason._tag === "RecordTooLarge"

/** One per run. */
export class Router {
  protected readonly options: Options
  private reporter: Reporter | undefined

  constructor(options: Options) {
    this.options = options
  }

  /** Reports copies that are not acknowledged for long. */
  reportTo(reporter: Reporter): void {
    this.reporter = reporter
  }

  /** Makes the copy of a record and hands it to the client; if the client has no space, `settle` does so later. */
  start(
    record: RawRecord,
    failure: Failure<unknown>,
    topics: SourceTopics,
    to: Destination,
    retrying: boolean
  ): Copy {
    const { cause } = failure
    const due = to._tag === "Tier" ? failure.failedAt + to.tier.delay : undefined
    const topic = to._tag === "Tier" ? to.tier.name : to.topic
    const headers = (bare: boolean): Array<RawHeader> =>
      RetryHeaders.write(record, {
        group: this.options.group,
        attempts: failure.retries + 2,
        executions: failure.attempts,
        due,
        firstFailedAt: failure.firstFailedAt,
        failedAt: failure.failedAt,
        policy: topics.plan.policy,
        error: textOf(cause, to._tag === "DeadLetter", to._tag === "DeadLetter" && this.options.errorFields),
        fresh: !retrying,
        bare
      })
    const partitions = this.options.partitionsOf(topic)
    const partition = partitions === undefined ? undefined : record.partition % partitions
    const { key, offset, value } = record
    const { attempts } = failure
    const copy: Copy = {
      record,
      cause,
      message: { topic, partition, key, value, headers: headers(false) },
      bareHeaders: () => headers(true),
      outcome: to._tag === "Tier"
        ? { _tag: "Retried", offset, attempts, cause, topic, tier: to.tier.index, due: due! }
        : { _tag: "DeadLettered", offset, attempts, cause, topic },
      taken: false,
      acknowledged: false,
      error: undefined,
      refused: undefined,
      bare: false,
      notify: undefined,
      arrived: undefined
    }
    this.send(copy)
    return copy
  }

  /**
   * Waits until the broker has acknowledged every copy, sending again those that failed. Ends early when the partition
   * is given up. Returns the first copy that cannot be sent.
   */
  readonly settle = Effect.fnUntraced({ self: this as Router }, function*(
    state: PartitionState,
    source: string,
    copies: ReadonlyArray<Copy>
  ): Effect.fn.Return<Unsendable | undefined> {
    if (copies.every(({ acknowledged }) => acknowledged)) return undefined
    const watcher = yield* Effect.forkChild(this.watch(state, copies))
    const settling = Effect.gen({ self: this }, function*() {
      for (const copy of copies) {
        // When the first is acknowledged most others are, too: they need no effect.
        if (copy.acknowledged) continue
        const error = yield* this.settleOne(state, source, copy)
        if (error !== undefined) return { copy, error }
        if (!copy.acknowledged) return undefined
      }
      return undefined
    })
    return yield* Effect.ensuring(settling, Fiber.interrupt(watcher))
  })

  /** Reports the first copy that is not acknowledged, after a while and then now and again, until it is interrupted. */
  private watch(state: PartitionState, copies: ReadonlyArray<Copy>): Effect.Effect<void> {
    const { clock } = this.options
    return Effect.gen({ self: this }, function*() {
      const since = clock.currentTimeMillisUnsafe()
      yield* Effect.sleep(reportAfter)
      let reported: number | undefined
      const sent = () => {
        if (reported !== undefined) this.reporter?.sent(state, reported)
      }
      yield* Effect.addFinalizer(() => Effect.sync(sent))
      while (true) {
        const copy = copies.find(({ acknowledged }) => !acknowledged)
        if (copy === undefined) return
        const { message: { topic: to }, outcome: { offset }, refused: error } = copy
        if (reported !== offset) sent()
        reported = offset
        this.reporter?.unsent(state, { offset, to, waitedMs: clock.currentTimeMillisUnsafe() - since, error })
        yield* Effect.sleep(reportEvery)
      }
    }).pipe(Effect.scoped)
  }

  private readonly settleOne = Effect.fnUntraced({ self: this as Router }, function*(
    state: PartitionState,
    source: string,
    copy: Copy
  ): Effect.fn.Return<KafkaError | undefined> {
    let step: Step | undefined
    while (true) {
      const error = yield* Effect.match(this.attempt(state, copy), { onFailure: (error) => error, onSuccess: () => {} })
      if (error === undefined) return undefined
      copy.refused = error
      if (isTooLarge(error) && !copy.bare) {
        copy.bare = true
        copy.message = { ...copy.message, headers: copy.bareHeaders() }
        continue
      }
      if (!error.isRetryable) return error
      if (error.reason._tag === "UnknownTopic") {
        const hopeless = yield* this.restore(source)
        if (hopeless !== undefined) return hopeless
      }
      step ??= yield* Schedule.toStep(this.options.publish)
      const now = this.options.clock.currentTimeMillisUnsafe()
      const delay = yield* nextDelay(step, now, error)
      if (typeof delay !== "number") return delay
      const verdict = yield* this.pause(state, copy, now, delay)
      if (verdict === "left") return undefined
      if (verdict === "skip") {
        const { attempts, offset } = copy.outcome
        copy.outcome = { _tag: "Skipped", offset, attempts, cause: copy.cause }
        copy.acknowledged = true
        return undefined
      }
    }
  })

  /** Sends the copy, unless it is on its way, and waits for its acknowledgement. */
  protected attempt(_state: PartitionState, copy: Copy): Effect.Effect<void, KafkaError> {
    return Effect.gen({ self: this }, function*() {
      while (!copy.taken && !this.send(copy)) yield* this.options.producer.whenSpace
      yield* answered(copy)
      if (copy.error === undefined) return
      copy.taken = false
      return yield* copy.error
    })
  }

  /** Hands a copy to the client. Returns `false` when the client has no space. */
  protected send(copy: Copy): boolean {
    return give(this.options.producer, copy)
  }

  private restore(source: string): Effect.Effect<KafkaError | undefined> {
    return Effect.match(this.options.restore(source), {
      onFailure: (error) => error.isRetryable ? undefined : error,
      onSuccess: () => undefined
    })
  }

  private pause(state: PartitionState, { outcome }: Copy, since: number, delay: number) {
    const { clock, makeSignal } = this.options
    const { attempts, cause, offset } = outcome
    const wait: Wait = {
      offset,
      kind: "publish",
      attempts,
      since,
      until: since + delay,
      cause,
      signal: makeSignal(),
      order: undefined
    }
    return waitOut(state, clock, wait)
  }
}

/** How long to wait before the copy is sent again, or why it is not. */
const nextDelay = Effect.fnUntraced(function*(step: Step, now: number, error: KafkaError) {
  const exit = yield* Effect.exit(step(now, error))
  if (Exit.isSuccess(exit)) return Duration.toMillis(exit.value[1])
  if (Pull.isDoneCause(exit.cause)) return error
  return invalidSetting("retries.publish", `the schedule failed: ${messageOf(Cause.squash(exit.cause))}`)
})

/** Hands a copy to a client. Returns `false` when the client has no space. */
export const give = (producer: ProducerClient, copy: Copy): boolean => {
  copy.error = undefined
  copy.taken = producer.produce(copy.message, (error) => {
    if (error === undefined) copy.acknowledged = true
    else copy.error = error
    copy.notify?.()
    copy.arrived?.(copy)
  })
  return copy.taken
}

/** Waits until a copy is acknowledged or has failed. */
export const answered = (copy: Copy): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (copy.acknowledged || copy.error !== undefined) return resume(Effect.void)
    copy.notify = () => resume(Effect.void)
    return Effect.sync(() => {
      copy.notify = undefined
    })
  })
