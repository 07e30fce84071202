/**
 * The run loop: one fiber that owns all state of a consumer and is the only one that calls its client. Others reach it
 * through the `Inbox`, workers through the `WorkerPort`; both only note what happened and raise the signal.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { ClientEvent, ConsumerClient, Position } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { Assignment } from "../partition/assignment.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import { BoundedRead } from "./boundedRead.ts"
import { Commits } from "./commits.ts"
import { boundedBy, Deadline } from "./deadline.ts"
import { Fetching } from "./fetching.ts"
import type { Command, Inbox } from "./inbox.ts"
import type { LoopContext, WorkerPort } from "./loopContext.ts"
import { Ownership } from "./ownership.ts"
import { Rebalancing } from "./rebalancing.ts"
import { Refusals } from "./refusals.ts"
import { Seeks } from "./seeks.ts"
import { isOver, Stopping } from "./stopping.ts"
import type { Moment, RunExit } from "./stopping.ts"
import { Lag } from "./watch/lag.ts"
import { quietUntil, Resting } from "./watch/resting.ts"
import { Watch } from "./watch/watch.ts"

/** How often the loop runs without anything having come in, in milliseconds. */
export const tickMillis = 250

/** One run of a consumer, from its client's first event to the close. */
export class RunLoop implements WorkerPort {
  readonly assignment: Assignment
  private readonly context: LoopContext
  private readonly inbox: Inbox
  private readonly ownership: Ownership
  private readonly rebalancing: Rebalancing
  private readonly seeks: Seeks
  private readonly refusals: Refusals
  private readonly fetching: Fetching
  private readonly lag: Lag
  private readonly watch: Watch
  /** For the ticker. */
  readonly resting: Resting
  private readonly commits: Commits
  /** Ends what the client is asked for, when the time for draining is over. */
  private readonly patience: Deadline
  /** Without that end, for the close. */
  private readonly unbounded: ConsumerClient
  private readonly boundedRead: BoundedRead
  private stopping: Stopping | undefined
  private lastNotes: ReadonlyArray<Position> = []
  /** How the run ended; only closing the client is left. */
  private exit: RunExit | undefined

  constructor(given: LoopContext, inbox: Inbox) {
    this.inbox = inbox
    this.unbounded = given.client
    this.patience = new Deadline(given.plan.drainTimeout)
    const client = boundedBy(this.patience, given.client)
    const context = this.context = { ...given, client }
    const { signal } = inbox
    this.ownership = new Ownership(context, context.workers(this), this.onWorkerEnd)
    this.assignment = this.ownership.assignment
    this.fetching = new Fetching(context, client, this.ownership, signal)
    this.commits = new Commits(this.ownership, context, signal)
    const isStopping = () => this.stopping !== undefined || this.exit !== undefined
    this.boundedRead = new BoundedRead(context, this.assignment, () => signal.raise())
    this.refusals = new Refusals(context, this.ownership, {
      stop: this.stop,
      moved: this.fetching.expect,
      wake: () => signal.raise()
    })
    this.rebalancing = new Rebalancing(context, this.ownership, this.commits, this.refusals, {
      isStopping,
      stop: this.stop,
      assigned: () => {
        this.fetching.expect()
        this.boundedRead.onAssigned()
      },
      wake: () => signal.raise()
    })
    this.seeks = new Seeks(context, this.ownership, {
      isStopping,
      stop: this.stop,
      isLeaving: (partition) => this.rebalancing.takes(partition),
      moved: this.fetching.expect
    })
    this.lag = new Lag(context, this.assignment)
    this.watch = new Watch(context, this.assignment, this.lag)
    this.resting = new Resting(given.client.restsFor ?? (() => 0), given.makeSignal())
  }

  // The port of the workers.

  readonly release = (state: PartitionState, records: number, bytes: number): void =>
    this.fetching.release(state, records, bytes)

  readonly isFull = (state: PartitionState): boolean => this.fetching.isFull(state)

  readonly owns = (state: PartitionState): boolean => this.assignment.owns(state)

  readonly progressed = (state: PartitionState): void => {
    this.assignment.progressed(state)
    this.inbox.signal.raise()
  }

  readonly failed = (state: PartitionState): void => this.inbox.workerEnded(state)

  readonly waiting = (state: PartitionState): void => this.commits.add(state)

  /**
   * Begins the end: no further record is started, and running handlers get the drain budget. Any fiber may call it, and
   * it takes effect at once, not with the next step.
   */
  readonly stop = (exit: RunExit): void => {
    if (this.stopping !== undefined || this.exit !== undefined) return
    const { drainTimeout } = this.context.plan
    const endTicks = this.context.tickInRealTime(() => {
      if (this.stopping?.isOver(this.now()) === true) this.patience.expire()
      this.inbox.tick()
    })
    this.stopping = new Stopping(exit, this.now(), drainTimeout, endTicks)
    for (const state of this.assignment) this.ownership.drain(state)
    if (Exit.isSuccess(exit)) this.context.atEnd?.()
    this.inbox.signal.raise()
  }

  /**
   * Drives the client until the run is over, then closes it. Never fails: the exit says how it ended.
   *
   * The loop's contract: between two steps nothing is half done, and no step waits for anything but the client.
   *
   * 1. `takeIn`: applies or queues the client's events. After it lost partitions are fenced, and `Failed` has ended the
   *    run.
   * 2. `obey`: carries commands out, or queues them as seeks. After it each has its result, or is a seek that waits.
   * 3. `rebalancing.settle`: may assume that all events so far are queued. After it the head of the queue waits for a
   *    worker or for a preparation, or the queue is empty. Only here and by seeks are partitions added and forgotten.
   * 4. `refusals.settle`, `seeks.settle`: may assume that it is known which partitions are about to go. After it those
   *    that are prepared, or whose worker has ended, have moved.
   * 5. `reap`: may assume that partitions which are gone are not in the assignment. After it a partition whose policy
   *    said stop is held, or the run is ending.
   * 6. `storeFinished`: after it the client has every position that moved before this step.
   * 7. `commits.note`: may assume 6, so that no older position is committed with the attempts.
   * 8. `fetching.fetch`: the only poll, and the only place where chunks reach workers.
   * 9. `fetching.balance`, `lookAround`: pauses, stalled handlers, metrics. May assume that the budget is up to date.
   * 10. `checkEnd`, `advanceStop`: may end the run; after that the assignment is empty.
   * 11. `context.report`: passes events on in the order in which they were published.
   * 12. `rest`: waits for the signal; or, while there may be more to fetch, only lets the other fibers run once.
   */
  get run(): Effect.Effect<RunExit> {
    const steps = Effect.gen({ self: this }, function*() {
      while (this.exit === undefined) {
        const ticked = this.inbox.takeTick()
        if (this.inbox.takeReady()) this.fetching.expect()
        this.takeIn()
        yield* this.obey(this.inbox.takeCommands())
        if (!this.rebalancing.isIdle) yield* this.rebalancing.settle()
        if (!this.refusals.isIdle) yield* this.refusals.settle()
        if (!this.seeks.isIdle) yield* this.seeks.settle()
        this.reap(this.inbox.takeEnded())
        this.storeFinished(ticked)
        if (ticked && this.commits.isDue(this.now().clock)) yield* this.commits.note()
        this.fetching.fetch(ticked, this.stopping !== undefined)
        if (this.stopping === undefined) this.fetching.balance(ticked)
        if (ticked) yield* this.lookAround()
        if (this.context.plan.bounded) yield* this.checkEnd()
        this.advanceStop()
        this.resting.stepped(ticked ? this.quietUntil() : 0)
        yield* this.context.report
        yield* this.rest
      }
      return this.exit
    })
    return Effect.flatMap(
      Effect.catchCause(steps, (cause) => Effect.succeed<RunExit>(Exit.failCause(cause))),
      (exit) => this.close(exit)
    )
  }

  // The steps.

  private takeIn(): void {
    for (const event of this.inbox.takeEvents()) this.takeInOne(event)
  }

  private takeInOne(event: ClientEvent): void {
    switch (event._tag) {
      case "Rebalance": {
        this.rebalancing.add(event)
        this.boundedRead.rebalanced()
        return this.watch.rebalanced(event, this.now().clock)
      }
      case "EndOfPartition": {
        const state = this.assignment.get(event.topic, event.partition)
        return state === undefined ? undefined : this.fetching.reached(state, event.offset)
      }
      case "OffsetReset": {
        const { outOfRange, partition, problem, topic } = event
        this.assignment.get(topic, partition)?.progress.forget()
        return this.context.publish({ _tag: "Reset", topic, partition, outOfRange, problem })
      }
      case "Committed": {
        this.commits.committed(event.positions)
        this.watch.committed(event.positions)
        return this.context.publish(event)
      }
      case "CommitFailed": {
        if (!this.commits.failed(event.error)) this.watch.refused(event, this.now().clock)
        return this.context.publish(event)
      }
      case "Failed": {
        this.ownership.fenceAll()
        const { stopping } = this
        // The error that began the end says more than what happened to the client afterwards.
        this.end(stopping !== undefined && Exit.isFailure(stopping.exit) ? stopping.exit : Exit.fail(event.error))
        return
      }
      case "Disturbed":
        this.watch.disturbed(event.error, this.now().clock)
        return this.context.publish(event)
      default:
        return this.context.publish(event)
    }
  }

  private obey(commands: ReadonlyArray<Command>): Effect.Effect<void> {
    return commands.length === 0
      ? Effect.void
      : Effect.forEach(commands, (command) => this.obeyOne(command), { discard: true })
  }

  private obeyOne(command: Command): Effect.Effect<unknown> {
    switch (command._tag) {
      case "Seek": {
        const refused = this.refusals.of(command.position)
        if (refused === undefined) return this.seeks.add(command.position, command.done)
        this.refusals.hurry(command.position)
        return Deferred.fail(command.done, refused)
      }
      case "Suspend":
        return Deferred.done(command.done, this.ownership.suspend(command.partitions, command.suspended))
      case "Commit":
        return this.commits.commit(command.done)
    }
  }

  /** For each worker that ended by itself because its policy said stop: holds the partition, or ends the run. */
  private reap(ended: ReadonlyArray<PartitionState>): void {
    for (const state of ended) {
      if (!this.assignment.owns(state)) continue
      if (state.failure !== undefined && state.phase === "active") {
        if (this.context.holds) {
          state.hold()
          this.assignment.discard(state)
          this.ownership.setPaused([state], true)
          this.context.held(state.failure)
        } else {
          this.stop(Exit.fail(state.failure))
        }
      }
      // Records that it did not handle would use up the budget while the partition is held.
      if (state.ended) this.assignment.empty(state)
    }
  }

  /** Hands moved positions to the client, once per partition and step; with the tick all of them. */
  private storeFinished(ticked: boolean): void {
    this.ownership.store(ticked || this.stopping !== undefined ? this.assignment : this.assignment.takeMoved())
  }

  /** What is only done at a tick: looking for what stands still, and metrics. */
  private lookAround(): Effect.Effect<void> {
    const now = this.now().clock
    if (this.stopping === undefined) {
      const stalled = this.watch.look(this.rebalancing.preparing, now)
      if (stalled !== undefined) {
        const { group } = this.context.plan
        this.stop(Exit.fail(Errors.make("handle", new Errors.Stalled({ group, ...stalled }))))
      }
    }
    this.context.measure(this.assignment, this.lag.total)
    return this.stopping === undefined
      ? Effect.andThen(this.refusals.tryAgain(), this.lag.lookUp(now))
      : this.lag.lookUp(now)
  }

  /** Until when nothing is to be done unless something happens; 0 while something is under way. */
  private quietUntil(): number {
    const { assignment, commits, context: { plan }, fetching, rebalancing, refusals, seeks, watch } = this
    const isUnderWay = plan.bounded || this.stopping !== undefined || !rebalancing.isIdle || !seeks.isIdle
      || !commits.isIdle || !fetching.isSettled || !watch.isCalm || refusals.any
    const now = this.now().clock
    const until = isUnderWay ? now : quietUntil(assignment, this.lag, now)
    return until > now ? until : 0
  }

  private checkEnd(): Effect.Effect<void> {
    if (!this.rebalancing.isIdle || this.stopping !== undefined) return Effect.void
    return Effect.map(this.boundedRead.isOver(this.now().clock), (isOver) => {
      if (!isOver) return
      if (this.context.atEnd === undefined) this.stop(Exit.void)
      else this.context.atEnd()
    })
  }

  /** Ends the run when every worker has ended, or has not ended although it was interrupted. */
  private advanceStop(): void {
    const { ownership, stopping } = this
    if (stopping === undefined || this.exit !== undefined) return
    const running = ownership.running(this.assignment)
    switch (stopping.step(this.now(), running.length > 0)) {
      case "wait":
        return
      case "interrupt":
        return ownership.interrupt(running, this.context.plan.drainTimeout, "at the end of the shutdown's budget")
      case "done": {
        ownership.store(this.assignment)
        this.lastNotes = ownership.noted(this.assignment)
        for (const state of [...this.assignment]) ownership.forget(state)
        this.end(stopping.exit)
      }
    }
  }

  private readonly rest: Effect.Effect<void> = Effect.suspend(() => {
    if (this.exit !== undefined) return Effect.void
    return this.fetching.isBusy ? Effect.yieldNow : this.inbox.signal.wait
  })

  private end(exit: RunExit): void {
    this.exit ??= exit
    this.inbox.close()
  }

  /**
   * Closes the client within `closeTimeout`, however the run ended, and lets nobody wait. If a defect occurs here after
   * a clean run, it becomes the exit.
   */
  private close(exit: RunExit): Effect.Effect<RunExit> {
    const { plan } = this.context
    const client = this.unbounded
    this.end(exit)
    this.stopping?.endTicks()
    this.lag.close()
    this.boundedRead.close()
    this.ownership.fenceAll()
    let result = exit
    const attempt = (effect: Effect.Effect<unknown, KafkaError>) =>
      Effect.catchCause(effect, (cause) =>
        Effect.sync(() => {
          const error = Cause.findErrorOption(cause)
          if (error._tag === "Some") this.context.publish({ _tag: "Disturbed", error: error.value })
          else if (Exit.isSuccess(result)) result = Exit.failCause(cause)
        }))
    const since = this.now()
    const budget = Duration.toMillis(plan.closeTimeout)
    const deadline = new Deadline(budget)
    // What the loop itself began to commit gets this time too: it is no reason for an error that the run is over.
    const endTicks = this.context.tickInRealTime(() => {
      if (!isOver(since, budget, this.now())) return
      deadline.expire()
      this.patience.expire()
    })
    const rest = () => Duration.millis(Math.max(0, budget - (this.now().real - since.real)))
    return Effect.gen({ self: this }, function*() {
      this.takeIn()
      yield* attempt(this.rebalancing.answerRest(boundedBy(deadline, client)))
      yield* this.seeks.failRest
      yield* this.obey(this.inbox.takeCommands())
      yield* attempt(deadline.bound("commit", this.commits.settled))
      yield* attempt(deadline.bound("commit", this.ownership.commitNoted(this.lastNotes)))
      yield* attempt(Effect.suspend(() => client.close(rest())))
      endTicks()
      this.takeIn()
      yield* this.context.report
      return result
    })
  }

  private readonly onWorkerEnd = (state: PartitionState, exit: Exit.Exit<unknown, unknown>): void => {
    this.inbox.workerEnded(state)
    // By the next step the partition may be given up, and its failure forgotten.
    if (state.failure !== undefined && state.phase === "draining" && !this.context.holds) {
      this.stop(Exit.fail(state.failure))
    }
    // A worker ends because of its state, by an interruption, or by a bug, which must not go unseen.
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
      this.stop(Exit.failCause(Cause.fromReasons(exit.cause.reasons.filter(Cause.isDieReason))))
    }
  }

  private now(): Moment {
    return { clock: this.context.clock.currentTimeMillisUnsafe(), real: performance.now() }
  }
}
