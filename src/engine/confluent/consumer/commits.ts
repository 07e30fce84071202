/**
 * Commits with a true acknowledgement: librdkafka answers them through one callback for all, its own timer's included.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Errors from "../../../KafkaError.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { format } from "../../../TopicPartition.ts"
import type { ClientEvent, Position, TopicPartition } from "../../KafkaEngine.ts"
import type { NativeConsumer, NativeError, NativePosition } from "../shared/native.ts"
import * as NativeCalls from "../shared/nativeCalls.ts"

/** How long the broker may take to acknowledge a commit, in milliseconds. */
const commitTimeoutMs = 15_000

/** Whether an error has one of these codes of Kafka or librdkafka. */
export const isOneOf = (codes: ReadonlySet<number>) => ({ reason }: KafkaError): boolean =>
  reason._tag === "BrokerError" && codes.has(reason.code)

/**
 * What the coordinator answers while it is moving or the group is forming, and what librdkafka says while it looks for
 * the coordinator (-180): the same commit works a moment later, if the partitions are still the member's. Who waits for
 * the answer to its join, or its heartbeat, does not know the new generation yet (22, 113).
 */
export const passes = isOneOf(new Set([-180, 14, 15, 16, 22, 27, 113]))
const commitRetry = Schedule.jittered(Schedule.exponential("50 millis", 1.5))

/** Librdkafka's way to say that there was nothing to commit. */
const noOffset = -168

interface Waiter {
  readonly positions: ReadonlyArray<Position>
  readonly settle: (error: KafkaError | undefined) => void
}

/** A commit that is repeated while nothing of it was given up. */
interface Persistent {
  /** What is left to be committed. */
  positions: ReadonlyArray<Position>
  wanted: boolean
}

/** In an answer the binding puts an error, without topic or partition, in the place of each position that failed. */
type Answered = NativePosition | NativeError

const isPosition = (one: Answered): one is NativePosition => "topic" in one

/** The first error that an answer holds. */
const errorIn = (answer: ReadonlyArray<Answered>): NativeError | undefined => {
  for (const one of answer) if (!isPosition(one)) return one
  return undefined
}

const same = (one: Pick<NativePosition, "topic" | "partition" | "offset">, wanted: Position): boolean =>
  one.topic === wanted.topic && one.partition === wanted.partition && one.offset === wanted.offset

/** Whether an answer can be the one to a commit of these positions: what did not fail in it must be among them. */
const isAnswerTo = (answer: ReadonlyArray<Answered>, wanted: ReadonlyArray<Position>): boolean =>
  answer.length === wanted.length
  && answer.every((one) => !isPosition(one) || wanted.some((position) => same(one, position)))

/** Native positions with a real offset; the logical ones (none, invalid) are left out. */
export const toPositions = (answer: ReadonlyArray<Answered>): Array<Position> =>
  answer.filter(isPosition).flatMap(({ metadata, offset, partition, topic }) =>
    offset === undefined || offset < 0
      ? []
      : [
        metadata === undefined || metadata === null
          ? { topic, partition, offset }
          : { topic, partition, offset, metadata }
      ]
  )

/** What is committed of these partitions. */
export const committedOf = (
  consumer: NativeConsumer,
  partitions: ReadonlyArray<TopicPartition>,
  timeoutMs: number
): Effect.Effect<ReadonlyArray<Position>, NativeError> =>
  Effect.callback((resume) => {
    const done = NativeCalls.counted(
      (error: NativeError | null | undefined, positions: ReadonlyArray<NativePosition>) => {
        const problem = error ?? errorIn(positions)
        resume(problem === undefined ? Effect.succeed(toPositions(positions)) : Effect.fail(problem))
      }
    )
    consumer.committed(partitions.map(toPartition), timeoutMs, done)
  })

/** The commits of one consumer that wait for their answer, also those that nobody waits for any more. */
export class Commits {
  private readonly waiters = new Set<Waiter>()
  private readonly persistent = new Set<Persistent>()
  /** Called once every commit has its answer. */
  private quiet: (() => void) | undefined
  private readonly toError: (error: NativeError, at?: TopicPartition) => KafkaError
  private readonly onEvent: (event: ClientEvent) => void

  constructor(toError: (error: NativeError, at?: TopicPartition) => KafkaError, onEvent: (event: ClientEvent) => void) {
    this.toError = toError
    this.onEvent = onEvent
  }

  /** The client's `offset_commit_cb`. */
  readonly onAnswer = (error: NativeError | null | undefined, answer: ReadonlyArray<Answered>): void => {
    const positions = toPositions(answer)
    const whole = error !== null && error !== undefined && error.code !== noOffset ? error : undefined
    const problem = whole ?? errorIn(answer)
    // Every commit has an answer of its own: the oldest one that fits is the one that asked.
    const waiter = [...this.waiters].find((waiter) => isAnswerTo(answer, waiter.positions))
    if (waiter !== undefined) this.waiters.delete(waiter)
    this.tell(waiter, positions, problem, whole)
    this.rest()
  }

  private tell(
    waiter: Waiter | undefined,
    positions: ReadonlyArray<Position>,
    problem: NativeError | undefined,
    whole: NativeError | undefined
  ): void {
    if (problem === undefined) {
      this.overtake(positions)
      if (positions.length > 0) this.onEvent({ _tag: "Committed", positions })
      return waiter?.settle(undefined)
    }
    const acknowledged = whole === undefined ? positions : []
    const refused = (waiter?.positions ?? (whole === undefined ? [] : positions)).filter((position) =>
      !acknowledged.some((one) => same(one, position))
    )
    const typed = this.toError(problem, refused[0])
    this.overtake(acknowledged)
    if (acknowledged.length > 0) this.onEvent({ _tag: "Committed", positions: acknowledged })
    this.onEvent({ _tag: "CommitFailed", positions: refused, error: typed })
    waiter?.settle(typed)
  }

  /** What is committed of a partition last is its position: an earlier commit that is repeated would take it back. */
  private overtake(acknowledged: ReadonlyArray<Position>): void {
    if (this.persistent.size === 0) return
    const done = new Set(acknowledged.map(format))
    for (const one of this.persistent) one.positions = one.positions.filter((position) => !done.has(format(position)))
  }

  /** Says what is left uncommitted where the session is over, which its owner will not hear of any more. */
  lost(group: string, positions: ReadonlyArray<Position>): void {
    if (positions.length === 0) return
    const problem = "the session was over before the consumer ended; the next owner handles again what it handled last"
    const reason = new Errors.CommitFailed({ group, problem, retryable: false })
    this.onEvent({ _tag: "CommitFailed", positions, error: Errors.make("commit", reason) })
  }

  get areAnswered(): boolean {
    return this.waiters.size === 0
  }

  /** Calls back, at once or later, when no commit is without its answer. */
  whenAnswered(done: () => void): void {
    this.quiet = done
    this.rest()
  }

  private rest(): void {
    if (!this.areAnswered) return
    const done = this.quiet
    this.quiet = undefined
    done?.()
  }

  /** Commits and waits for the broker's word. */
  commit(consumer: NativeConsumer, positions: ReadonlyArray<Position>): Effect.Effect<void, KafkaError> {
    return Effect.callback<void, KafkaError>((resume) =>
      this.begin(consumer, positions, (error) => resume(error === undefined ? Effect.void : Effect.fail(error)))
    )
  }

  /**
   * {@link commit}, repeated within a bound while the coordinator is not ready: not when one of the partitions is not
   * owned, or was given up meanwhile, because that would take the next owner's offset back; and without those of which
   * something was committed meanwhile.
   */
  persist(
    consumer: NativeConsumer,
    positions: ReadonlyArray<Position>,
    owns: (partition: TopicPartition) => boolean
  ): Effect.Effect<void, KafkaError> {
    if (positions.length === 0) return Effect.void
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        const persistent: Persistent = { positions, wanted: true }
        this.persistent.add(persistent)
        return persistent
      }),
      (persistent) =>
        Effect.retry(
          Effect.suspend(() =>
            persistent.positions.length === 0 ? Effect.void : this.commit(consumer, persistent.positions)
          ),
          {
            schedule: commitRetry,
            while: (error) => passes(error) && persistent.wanted && !consumer.assignmentLost() && positions.every(owns)
          }
        ).pipe(Effect.timeoutOrElse({
          duration: commitTimeoutMs,
          orElse: () => {
            const reason = new Errors.Timeout({ operation: "commit", timeoutMs: commitTimeoutMs })
            return Effect.fail(Errors.make("commit", reason))
          }
        })),
      (persistent) => Effect.sync(() => void this.persistent.delete(persistent))
    )
  }

  /** No commit of one of these partitions is repeated any more. */
  giveUp(partitions: ReadonlyArray<TopicPartition>): void {
    if (this.persistent.size === 0) return
    const given = new Set(partitions.map(format))
    for (const one of this.persistent) {
      if (one.positions.some((position) => given.has(format(position)))) one.wanted = false
    }
  }

  /** {@link commit}, with a callback that is called once. */
  begin(
    consumer: NativeConsumer,
    positions: ReadonlyArray<Position>,
    settle: (error: KafkaError | undefined) => void
  ): void {
    const waiter: Waiter = { positions, settle }
    this.waiters.add(waiter)
    try {
      consumer.commit(positions.map(toNative))
    } catch (error) {
      this.waiters.delete(waiter)
      settle(this.toError(error as NativeError))
    }
  }
}

/** A position without the fields that are not there: the binding reads `undefined` as a value. */
export const toNative = (position: Position): NativePosition => ({
  topic: position.topic,
  partition: position.partition,
  offset: position.offset,
  ...(position.leaderEpoch === undefined || position.leaderEpoch < 0 ? {} : { leaderEpoch: position.leaderEpoch }),
  ...(position.metadata === undefined ? {} : { metadata: position.metadata })
})

/** Partitions as the client takes them, with the position of those that have one; the last one counts. */
export const placed = (
  partitions: ReadonlyArray<TopicPartition>,
  positions: ReadonlyArray<Position>
): Array<NativePosition> => {
  const known = new Map(positions.map((position) => [format(position), position]))
  return partitions.map((partition) => {
    const position = known.get(format(partition))
    return position === undefined ? toPartition(partition) : toNative(position)
  })
}

/** Only topic and partition, also of objects that carry more. */
export const toPartition = ({ partition, topic }: TopicPartition): TopicPartition => ({ topic, partition })
