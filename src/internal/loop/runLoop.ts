/**
 * The run loop: one fiber that owns all state of a consumer and is the only one that calls its client. Callbacks and
 * workers only note what happened and raise the signal.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Chunk, ClientEvent, ConsumerClient, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { Assignment } from "../partition/assignment.ts"
import { allowance, limitsFor } from "../partition/fetchBudget.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Signal } from "../shared/signal.ts"
import { Noting } from "./attemptCommits.ts"
import { BoundedRead } from "./boundedRead.ts"
import type { LoopContext } from "./loopContext.ts"
import { Ownership, tp } from "./ownership.ts"
import { upTo } from "./parts.ts"
import { choosePauses, isCrowded, mayResume } from "./pauses.ts"
import { Rebalancing } from "./rebalancing.ts"
import { Seeks } from "./seeks.ts"
import { StallGuard } from "./stallGuard.ts"
import { Stopping } from "./stopping.ts"
import type { Moment, Outcome } from "./stopping.ts"

/** The bounded time in which the loop looks around by itself, in milliseconds. */
export const tickMillis = 250

/** Work for the loop from outside: it runs on the loop's fiber, between steps. */
type Command = Effect.Effect<void>

const closed = Errors.make("consumer control", new Errors.Closed({ client: "consumer" }))

/** One run of a consumer, from its client's first event to the close. */
export class RunLoop {
  readonly assignment: Assignment
  private readonly context: LoopContext
  private readonly signal: Signal
  private readonly ownership: Ownership
  private readonly rebalancing: Rebalancing
  private readonly seeks: Seeks
  private readonly stallGuard: StallGuard
  private readonly noting: Noting
  private readonly boundedRead = new BoundedRead()
  private readonly intake: Array<ClientEvent> = []
  private readonly commands: Array<Command> = []
  /** Workers that ended, or whose policy said stop while others of its lanes go on. */
  private readonly ended: Array<PartitionState> = []
  private client!: ConsumerClient
  private readable = true
  private ticked = false
  private crowded = false
  private again = false
  private stopping: Stopping | undefined
  private lastNotes: ReadonlyArray<Position> = []
  private outcome: Outcome | undefined

  constructor(context: LoopContext, signal: Signal) {
    this.context = context
    this.signal = signal
    this.ownership = new Ownership(context, this.onWorkerEnd)
    this.assignment = this.ownership.assignment
    const isStopping = () => this.stopping !== undefined || this.outcome !== undefined
    this.rebalancing = new Rebalancing(context, this.ownership, {
      isStopping,
      stop: this.stop,
      assigned: () => (this.readable = true, this.boundedRead.onAssigned()),
      wake: () => signal.raise()
    })
    this.seeks = new Seeks(context, this.ownership, {
      isStopping,
      stop: this.stop,
      isLeaving: (partition) => this.rebalancing.takes(partition),
      moved: () => this.readable = true
    })
    this.stallGuard = new StallGuard(context.plan.maxHandlerStall)
    this.noting = new Noting(this.ownership, context, signal)
  }

  // What the client's callbacks, the workers and other fibers may call.

  readonly onReady = (): void => {
    this.readable = true
    this.signal.raise()
  }

  readonly onEvent = (event: ClientEvent): void => {
    this.intake.push(event)
    this.signal.raise()
  }

  readonly tick = (): void => {
    this.ticked = true
    this.signal.raise()
  }

  readonly release = (state: PartitionState, records: number, bytes: number): void => {
    const { assignment } = this
    const limits = limitsFor(this.context.plan, assignment.size)
    const { bufferedBytes, bufferedRecords } = assignment
    assignment.release(state, records, bytes)
    const room = limits.maxRecords - limits.chunkRecords
    if (bufferedRecords > room && assignment.bufferedRecords <= room) this.signal.raise()
    if (bufferedBytes >= limits.maxBytes && assignment.bufferedBytes < limits.maxBytes) this.signal.raise()
    if (state.paused && mayResume(limits, assignment, state, this.now().clock)) {
      this.crowded = true
      this.signal.raise()
    }
  }

  readonly progressed = (state: PartitionState): void => {
    this.assignment.progressed(state)
    this.signal.raise()
  }

  /** A policy said stop while the worker still has other records in work. */
  readonly failed = (state: PartitionState): void => {
    this.ended.push(state)
    this.signal.raise()
  }

  /** A record begins to wait for its next attempt. */
  readonly waiting = (state: PartitionState): void => this.noting.add(state)

  /** Whether the client may still be called. */
  get isOpen(): boolean {
    return this.outcome === undefined
  }

  /** Runs an effect on the loop's fiber and waits for it. */
  command<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | KafkaError> {
    return Effect.suspend((): Effect.Effect<A, E | KafkaError> => {
      if (!this.isOpen) return Effect.fail(closed)
      const done = Deferred.makeUnsafe<A, E>()
      this.commands.push(Effect.asVoid(Deferred.into(effect, done)))
      this.signal.raise()
      return Deferred.await(done)
    })
  }

  /** Begins the end: nothing new is started, everything running gets the drain budget. */
  readonly stop = (outcome: Outcome): void => {
    if (this.stopping !== undefined || this.outcome !== undefined) return
    const { drainTimeout } = this.context.plan
    this.stopping = new Stopping(outcome, this.now(), drainTimeout, this.context.tickInRealTime(this.tick))
    for (const state of this.assignment) this.ownership.drain(state)
    this.signal.raise()
  }

  /** Moves a partition of this member to another offset; the answer is done when it did. To be run as a command. */
  seek(position: Position): Effect.Effect<Deferred.Deferred<void, KafkaError>, KafkaError> {
    return this.seeks.add(position)
  }

  /** Suspends or resumes partitions for the user. To be run as a command. */
  suspend(partitions: ReadonlyArray<TopicPartition>, suspended: boolean): Effect.Effect<void> {
    return Effect.sync(() => {
      const states = this.assignment.of(partitions)
      for (const state of states) {
        state.suspended = suspended
        state.wake()
      }
      // A held partition stays paused; it is the next seek that remembers what the user wanted.
      const movable = states.filter((state) => state.phase !== "held")
      if (movable.length > 0) this.ownership.setPaused(movable, suspended)
      this.context.publish({ _tag: suspended ? "Paused" : "Resumed", partitions })
    })
  }

  /** Drives the client until the run is over, then closes it. Never fails: the exit says how it ended. */
  run(client: ConsumerClient): Effect.Effect<Outcome> {
    this.client = this.ownership.client = client
    const steps = Effect.gen({ self: this }, function*() {
      while (this.outcome === undefined) {
        this.takeIn()
        if (this.commands.length > 0) yield* this.runCommands()
        if (!this.rebalancing.isIdle) yield* this.rebalancing.settle()
        if (!this.seeks.isIdle) yield* this.seeks.settle()
        this.reapWorkers()
        this.storeFinished()
        if (this.ticked && !this.noting.isIdle) yield* this.noting.begin(client)
        this.fetch()
        this.lookAround()
        this.checkEnd()
        this.advanceStop()
        yield* this.context.report
        yield* this.rest()
      }
      return this.outcome
    })
    return Effect.flatMap(
      Effect.catchCause(steps, (cause) => Effect.succeed<Outcome>(Exit.failCause(cause))),
      (outcome) => this.close(outcome)
    )
  }

  // The steps.

  /** Takes in what the client said. */
  private takeIn(): void {
    if (this.intake.length === 0) return
    for (const event of this.intake.splice(0)) {
      switch (event._tag) {
        case "Rebalance": {
          this.rebalancing.add(event)
          break
        }
        case "EndOfPartition": {
          const state = this.assignment.get(event.topic, event.partition)
          if (state !== undefined) state.endSeen = event.offset
          break
        }
        case "OffsetReset": {
          const { outOfRange, partition, problem, topic } = event
          this.context.publish({ _tag: "Reset", topic, partition, outOfRange, problem })
          break
        }
        case "Failed": {
          this.ownership.fenceAll()
          const { stopping } = this
          // What began the end says more than what happened to the client on the way out.
          this.outcome ??= stopping !== undefined && Exit.isFailure(stopping.outcome)
            ? stopping.outcome
            : Exit.fail(event.error)
          break
        }
        default:
          this.context.publish(event)
      }
    }
  }

  private runCommands(): Effect.Effect<void> {
    return Effect.forEach(this.commands.splice(0), (run) => run, { discard: true })
  }

  /** Judges the workers that ended by themselves: their partition is held, or the run is over. */
  private reapWorkers(): void {
    if (this.ended.length === 0) return
    for (const state of this.ended.splice(0)) {
      if (!this.assignment.owns(state)) continue
      if (state.failure !== undefined && state.phase === "active") {
        if (this.context.holds) {
          state.phase = "held"
          this.assignment.discard(state)
          this.ownership.setPaused([state], true)
          this.context.held(state.failure)
        } else {
          this.stop(Exit.fail(state.failure))
        }
      }
      // What it did not get to would count for as long as the partition is held.
      if (state.ended) this.assignment.empty(state)
    }
  }

  /** Hands moved positions to the client, once per partition and step; with the tick all of them. */
  private storeFinished(): void {
    this.ownership.store(
      this.ticked || this.stopping !== undefined ? this.assignment : this.assignment.takeMoved()
    )
  }

  /** Fetches within the budget; with nothing to spare the client is only told that we live. */
  private fetch(): void {
    this.again = false
    const { assignment } = this
    const limits = limitsFor(this.context.plan, assignment.size)
    const allowed = this.stopping === undefined ? allowance(limits, assignment.buffered) : { records: 0, bytes: 0 }
    if (allowed.records === 0) {
      if (this.ticked) this.client.poll(0, 0)
      return
    }
    if (!this.readable && !this.ticked) return
    // What turned out to wait since the last time must not take more of the budget.
    if (this.context.plan.retrying) this.balancePauses()
    const chunks = this.client.poll(allowed.records, allowed.bytes)
    this.readable = this.again = chunks.length > 0
    for (const chunk of chunks) this.route(chunk)
    if (isCrowded(limits, assignment.buffered)) this.crowded = true
  }

  /**
   * Gives a chunk to its worker. Dropped is only what belongs to a partition that is being given up or stands still.
   */
  private route(chunk: Chunk): void {
    const state = this.assignment.get(chunk.topic, chunk.partition)
    if (state === undefined || !state.isActive) return
    const wanted = state.end === undefined || chunk.next <= state.end ? chunk : upTo(chunk, state.end)
    if (state.end !== undefined && chunk.next >= state.end) state.endSeen = state.end
    if (wanted !== undefined) this.assignment.offer(state, wanted)
  }

  /** What need not happen at every step: fairness between partitions, stalled handlers, figures. */
  private lookAround(): void {
    if (this.crowded || this.ticked) this.balancePauses()
    if (!this.ticked) return
    this.ticked = false
    this.guardStalls()
    this.context.measure(this.assignment, this.client)
  }

  private balancePauses(): void {
    this.crowded = false
    if (this.stopping !== undefined) return
    const limits = limitsFor(this.context.plan, this.assignment.size)
    const { pause, resume } = choosePauses(limits, this.assignment, this.now().clock)
    if (pause.length > 0) {
      this.context.publish({ _tag: "Paused", partitions: pause.map(tp) })
      this.context.paused(pause.length)
      this.ownership.setPaused(pause, true)
    }
    if (resume.length > 0) {
      this.context.publish({ _tag: "Resumed", partitions: resume.map(tp) })
      this.ownership.setPaused(resume, false)
    }
  }

  private guardStalls(): void {
    if (this.stopping !== undefined) return
    const stalled = this.stallGuard.look(this.assignment, this.context.clock.currentTimeMillisUnsafe())
    if (stalled === undefined) return
    const { offset, stalledMs, state } = stalled
    this.context.publish({ _tag: "Stalled", ...tp(state), offset, stalledMs })
    const { group } = this.context.plan
    this.stop(Exit.fail(Errors.make("handle", new Errors.Stalled({ group, ...tp(state), offset, stalledMs }))))
  }

  private checkEnd(): void {
    const isDue = this.context.plan.bounded && this.rebalancing.isIdle
    if (isDue && this.boundedRead.isOver(this.assignment, this.now().clock)) this.stop(Exit.void)
  }

  /** Ends the run when every worker ended, or when even interrupting them did not help. */
  private advanceStop(): void {
    const { ownership, stopping } = this
    if (stopping === undefined || this.outcome !== undefined) return
    const running = ownership.running(this.assignment)
    switch (stopping.step(this.now(), running.length > 0)) {
      case "wait":
        return
      case "interrupt":
        return ownership.interrupt(running, this.context.plan.drainTimeout, "at the end of the shutdown's budget")
      case "done": {
        this.storeFinished()
        this.lastNotes = ownership.noted(this.assignment)
        for (const state of [...this.assignment]) ownership.forget(state)
        this.outcome = stopping.outcome
      }
    }
  }

  private rest(): Effect.Effect<void> {
    if (this.outcome !== undefined) return Effect.void
    return this.again ? Effect.yieldNow : this.signal.wait
  }

  /**
   * Leaves nobody waiting and the client closed, however the run ended. A bug on the way is the outcome of a clean run.
   */
  private close(outcome: Outcome): Effect.Effect<Outcome> {
    this.outcome = outcome
    this.stopping?.endTicks()
    this.ownership.fenceAll()
    let result = outcome
    const attempt = (effect: Effect.Effect<unknown, KafkaError>) =>
      Effect.catchCause(effect, (cause) =>
        Effect.sync(() => {
          const error = Cause.findErrorOption(cause)
          if (error._tag === "Some") this.context.publish({ _tag: "Disturbed", error: error.value })
          else if (Exit.isSuccess(result)) result = Exit.failCause(cause)
        }))
    return Effect.gen({ self: this }, function*() {
      this.takeIn()
      yield* attempt(this.rebalancing.answerRest())
      yield* this.seeks.failRest
      yield* this.runCommands()
      if (this.lastNotes.length > 0) yield* attempt(this.client.commit(this.lastNotes))
      yield* attempt(Effect.suspend(() => this.client.close(this.context.plan.closeTimeout)))
      this.takeIn()
      yield* this.context.report
      return result
    })
  }

  private readonly onWorkerEnd = (state: PartitionState, exit: Exit.Exit<unknown, unknown>): void => {
    this.ended.push(state)
    // A worker ends by its state, by interruption, or by a bug; the last one must not go unseen.
    if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
      this.stop(Exit.failCause(Cause.fromReasons(exit.cause.reasons.filter(Cause.isDieReason))))
    }
    this.signal.raise()
  }

  private now(): Moment {
    return { clock: this.context.clock.currentTimeMillisUnsafe(), real: performance.now() }
  }
}
