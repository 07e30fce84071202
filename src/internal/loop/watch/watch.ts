/**
 * Makes sure that nothing stops in silence: if a partition makes no progress for a minute although it should, health is
 * red, and there is an event and a line in the log, until it goes on.
 */
import * as Duration from "effect/Duration"
import type { ClientEvent, Position, TopicPartition } from "../../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../../KafkaError.ts"
import { format } from "../../../TopicPartition.ts"
import type { Assignment } from "../../partition/assignment.ts"
import type { PartitionState } from "../../partition/partitionState.ts"
import { handlerFor } from "../../plan/plan.ts"
import type { LoopContext } from "../loopContext.ts"
import { tp } from "../ownership.ts"
import type { Pending, Rebalance } from "../rebalanceQueue.ts"
import type { Lag } from "./lag.ts"
import { RefusedCommits } from "./refusedCommits.ts"
import { type Expectation, type Stall, StallGuard } from "./stallGuard.ts"

/**
 * After this long without progress it is reported, in milliseconds: early enough to be seen within a minute. Handlers
 * have a setting of their own.
 */
export const quietMillis = 50_000

/** Errors that are further apart than this belong to different troubles, in milliseconds. */
const errorsCountFor = 60_000

/** Owned by the run loop. */
export class Watch {
  private readonly context: LoopContext
  private readonly assignment: Assignment
  private readonly lag: Lag
  private readonly guard = new StallGuard()
  private readonly refusedCommits = new RefusedCommits()
  private reported = new Map<string, TopicPartition>()
  /** The last error of the client since something was assigned. */
  private met: { readonly error: KafkaError; readonly since: number; readonly at: number } | undefined
  /** When all partitions were lost, if none was assigned since. */
  private lostSince: number | undefined
  private unreachable: KafkaError | undefined

  constructor(context: LoopContext, assignment: Assignment, lag: Lag) {
    this.context = context
    this.assignment = assignment
    this.lag = lag
  }

  /** Nothing is wrong that a look later could change. */
  get isCalm(): boolean {
    const { assignment, lag, lostSince, met, reported, unreachable } = this
    return reported.size === 0 && unreachable === undefined && lag.error === undefined && !this.refusedCommits.any
      && (assignment.size > 0 || met === undefined && lostSince === undefined)
  }

  /** The client met an error. If nothing is assigned, that is probably the reason. */
  disturbed(error: KafkaError, now: number): void {
    // What keeps a partition from being fetched may keep its end from being looked up: that shows for how long.
    this.lag.suspect()
    const { met } = this
    this.met = { error, since: met !== undefined && now - met.at < errorsCountFor ? met.since : now, at: now }
  }

  /** The broker took a commit. */
  committed(positions: ReadonlyArray<Position>): void {
    this.refusedCommits.forget(positions)
  }

  /** The broker did not take a commit. */
  refused({ error, positions }: Extract<ClientEvent, { readonly _tag: "CommitFailed" }>, now: number): void {
    this.refusedCommits.refused(positions, error, now)
  }

  /** A rebalance began. */
  rebalanced({ kind, partitions }: Rebalance, now: number): void {
    this.refusedCommits.forget(partitions)
    if (kind === "assign") this.met = this.lostSince = undefined
    else if (kind === "lost" && this.assignment.size === 0) this.lostSince ??= now
  }

  /**
   * Looks for partitions without progress, and publishes them. `preparing`: the assignment that is being prepared, if
   * any. Returns a stall that has lasted longer than `maxHandlerStall`.
   */
  look(preparing: Pending | undefined, now: number): Stall | undefined {
    const { maxHandlerStall, reportHandlerStall } = this.context.plan
    const { codecs, handlers } = this.guard.oldest(this.assignment, now)
    const prepared = preparations(preparing, now)
    const others = this.guard.others(this.assignment, (state) => this.expected(state, now), now)
    this.say([
      ...handlers.filter(({ stalledMs }) => stalledMs >= reportHandlerStall),
      ...[...codecs, ...prepared, ...others].filter(({ stalledMs }) => stalledMs >= quietMillis)
    ])
    this.context.trouble(this.troubleAt(now))
    // A codec waits for what is not there: another consumer would not have it either.
    return [...handlers, ...prepared].find(({ stalledMs }) => stalledMs >= maxHandlerStall)
  }

  /** Publishes new stalls, and those that are over. */
  private say(stalls: ReadonlyArray<Stall>): void {
    const current = new Map(stalls.map((stall) => [format(stall), stall]))
    for (const [key, stall] of current) {
      if (!this.reported.has(key)) this.context.publish({ _tag: "Stalled", ...stall })
    }
    const moved = [...this.reported.values()].filter((partition) =>
      !current.has(format(partition)) && this.assignment.get(partition.topic, partition.partition) !== undefined
    )
    if (moved.length > 0) this.context.publish({ _tag: "Resumed", partitions: moved.map(tp) })
    this.reported = current
    this.context.stalled(stalls)
  }

  /** What keeps the whole member from working. */
  private troubleAt(now: number): string | undefined {
    const { assignment, lag, met } = this
    const unreachable = lag.failingFor(now) >= quietMillis ? lag.error : undefined
    if (unreachable !== undefined && this.unreachable === undefined) {
      this.context.publish({ _tag: "Disturbed", error: unreachable })
    }
    this.unreachable = unreachable
    if (assignment.size > 0) return (unreachable ?? this.refusedCommits.lasting(quietMillis, now))?.message
    if (met !== undefined && now - met.since >= quietMillis && now - met.at < errorsCountFor) return met.error.message
    return this.lostSince !== undefined && now - this.lostSince >= quietMillis
      ? "all of its partitions were lost, and none has been assigned since"
      : undefined
  }

  /** Why a partition should make progress although no record is in work; `undefined` if it need not. */
  private expected(state: PartitionState, now: number): Expectation | undefined {
    const behind = this.lag.of(state) ?? 0
    if (state.bufferedRecords === 0 && behind === 0 || state.reachedEnd) return undefined
    const sending = [...state.waits].find(({ kind }) => kind === "publish")
    if (sending !== undefined) {
      return { problem: `the copy of offset ${sending.offset} cannot be sent, and is sent again`, patience: 0 }
    }
    if ((state.waitsUntil ?? 0) > now) return undefined
    const call = handlerFor(this.context.plan, state.topic)?.call
    // The reader of a stream has records; how long it takes for them is up to it.
    if (call?._tag === "Stream" && state.bufferedRecords > 0 && !state.isUnread) return undefined
    const patience = call?._tag === "Batch" || call?._tag === "Owned"
      ? Duration.toMillis(Duration.fromInputUnsafe(call.maxWait))
      : 0
    return { problem: this.problemOf(state, behind), patience }
  }

  private problemOf(state: PartitionState, behind: number): string {
    if (this.context.zombies.of(state).length > 0) {
      return "an earlier handler of it has not ended, although it was interrupted; no two may run at once"
    }
    if (state.isUnread) return "nobody reads its stream; read those of all partitions, side by side"
    if (state.isReported) return "the reader of the outcomes takes none"
    if (state.bufferedRecords > 0) return "its records wait, and none is handled"
    return state.paused
      ? "it is paused, because what others of this member have fetched uses up the budget"
      : `it is ${behind} records behind, and none arrives`
  }
}

/** The partitions of an assignment that is not prepared yet. */
const preparations = (preparing: Pending | undefined, now: number): ReadonlyArray<Stall> =>
  preparing === undefined
    ? []
    : preparing.partitions.map((partition) => ({
      ...tp(partition),
      offset: -1,
      stalledMs: now - preparing.startedAt,
      problem: "it is not known yet where to start: what prepares that, `startOffsets` for example, has not returned"
    }))
