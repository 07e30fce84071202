/**
 * The run loop: one fiber that owns all state of a consumer and is the only one that calls its client. Callbacks and
 * workers only note what happened and raise the signal.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Chunk, ClientEvent, ConsumerClient, Position, TopicPartition } from "../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../HandlerFailed.ts"
import type { KafkaError } from "../KafkaError.ts"
import * as Errors from "../KafkaError.ts"
import { Assignment } from "./assignment.ts"
import { allowance, fullAt, shouldPause } from "./fetchBudget.ts"
import type { LoopContext } from "./loopContext.ts"
import { PartitionState } from "./partitionState.ts"
import { drainStep, interruptGrace, Rebalances, startDraining } from "./rebalances.ts"
import type { Pending } from "./rebalances.ts"
import { Signal } from "./signal.ts"

/** How a run ended. */
export type Outcome = Exit.Exit<void, KafkaError | HandlerFailed<any>>

/** The bounded time in which the loop looks around by itself, in milliseconds. */
export const tickMillis = 250

/** Work for the loop from outside: it runs on the loop's fiber, between steps. */
type Command = Effect.Effect<void>

/** A partition that goes on from another offset as soon as its handler ended. */
interface Seek {
  readonly state: PartitionState
  readonly position: Position
  readonly deadline: number
  readonly done: Deferred.Deferred<void, KafkaError>
}

/** The end of a run in the making: every partition drains, until the deadline. */
interface Stopping {
  readonly outcome: Outcome
  readonly clockDeadline: number
  /** In real time too: a test's clock may have stopped for good. */
  readonly realDeadline: number
  interrupted: boolean
  readonly endTicks: () => void
}

/** One run of a consumer, from its client's first event to the close. */
export class RunLoop {
  readonly assignment = new Assignment()
  private readonly context: LoopContext
  private readonly signal: Signal
  private readonly rebalances = new Rebalances()
  private readonly intake: Array<ClientEvent> = []
  private readonly commands: Array<Command> = []
  private readonly ended: Array<PartitionState> = []
  private seeks: Array<Seek> = []
  private client!: ConsumerClient
  private epoch = 0
  private readable = true
  private ticked = false
  private again = false
  private everAssigned = false
  private stopping: Stopping | undefined
  private outcome: Outcome | undefined
  private readonly lastSteps = new Map<PartitionState, { steps: number; since: number; reported: boolean }>()

  constructor(context: LoopContext, signal: Signal) {
    this.context = context
    this.signal = signal
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
    const { limits } = this.context.plan
    const before = this.assignment.bufferedRecords
    this.assignment.release(state, records, bytes)
    const room = limits.maxRecords - limits.chunkRecords
    if (before > room && this.assignment.bufferedRecords <= room) this.signal.raise()
  }

  readonly progressed = (state: PartitionState): void => {
    this.assignment.progressed(state)
    this.signal.raise()
  }

  /** Runs an effect on the loop's fiber and waits for it. */
  command<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | KafkaError> {
    return Effect.suspend((): Effect.Effect<A, E | KafkaError> => {
      if (this.outcome !== undefined) {
        return Effect.fail(Errors.make("consumer control", new Errors.Closed({ client: "consumer" })))
      }
      const done = Deferred.makeUnsafe<A, E>()
      this.commands.push(Effect.asVoid(Deferred.into(effect, done)))
      this.signal.raise()
      return Deferred.await(done)
    })
  }

  /** Begins the end: nothing new is started, everything running gets the drain budget. */
  readonly stop = (outcome: Outcome): void => {
    if (this.stopping !== undefined) return
    const budget = this.context.plan.drainTimeout
    this.stopping = {
      outcome,
      clockDeadline: this.context.clock.currentTimeMillisUnsafe() + budget,
      realDeadline: performance.now() + budget,
      interrupted: false,
      endTicks: this.context.tickInRealTime(this.tick)
    }
    for (const state of this.assignment) this.drain(state)
    this.signal.raise()
  }

  /** Moves a partition of this member to another offset. To be run as a command. */
  seek(position: Position): Effect.Effect<Deferred.Deferred<void, KafkaError>, KafkaError> {
    return Effect.suspend(() => {
      const state = this.assignment.get(position.topic, position.partition)
      if (state === undefined) {
        return Effect.fail(Errors.make("seek", new Errors.UnknownTopic(position)))
      }
      this.drain(state)
      const deadline = this.context.clock.currentTimeMillisUnsafe() + this.context.plan.drainTimeout
      const seek = { state, position, deadline, done: Deferred.makeUnsafe<void, KafkaError>() }
      this.seeks.push(seek)
      return Effect.succeed(seek.done)
    })
  }

  /** Suspends or resumes partitions for the user. To be run as a command. */
  suspend(partitions: ReadonlyArray<TopicPartition>, suspended: boolean): Effect.Effect<void> {
    return Effect.sync(() => {
      for (const { partition, topic } of partitions) {
        const state = this.assignment.get(topic, partition)
        if (state === undefined || state.phase === "held") continue
        state.suspended = suspended
        this.setPaused([state], suspended)
        state.signal.raise()
      }
      this.context.publish({ _tag: suspended ? "Paused" : "Resumed", partitions })
    })
  }

  /** Drives the client until the run is over, then closes it. Never fails: the exit says how it ended. */
  run(client: ConsumerClient): Effect.Effect<Outcome> {
    this.client = client
    const steps = Effect.gen({ self: this }, function*() {
      while (this.outcome === undefined) {
        yield* this.takeIn()
        yield* this.runCommands()
        yield* this.settleRebalances()
        yield* this.settleSeeks()
        this.reapWorkers()
        this.storeFinished()
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

  /** Takes in what the client said. A loss is acted upon at once, everything else in its turn. */
  private takeIn(): Effect.Effect<void> {
    for (const event of this.intake.splice(0)) {
      switch (event._tag) {
        case "Rebalance": {
          if (event.kind === "lost") this.fence(event.partitions)
          this.rebalances.add(event)
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
          for (const state of [...this.assignment]) this.fence([state])
          this.outcome ??= Exit.fail(event.error)
          break
        }
        default:
          this.context.publish(event)
      }
    }
    return Effect.void
  }

  private runCommands(): Effect.Effect<void> {
    return this.commands.length === 0 ? Effect.void : Effect.forEach(this.commands.splice(0), (run) => run, {
      discard: true
    })
  }

  /** Works the rebalances off, one after the other, and answers each when everything it asks for is done. */
  private readonly settleRebalances = Effect.fnUntraced({ self: this as RunLoop }, function*() {
    while (true) {
      const pending = this.rebalances.head
      if (pending === undefined) return
      if (pending.phase === "queued") yield* this.beginRebalance(pending)
      if (pending.phase === "draining") this.drainRevoked(pending)
      if (pending.phase !== "ready") return
      yield* this.finishRebalance(pending)
      this.rebalances.settle()
    }
  })

  private beginRebalance(pending: Pending): Effect.Effect<void> {
    switch (pending.kind) {
      case "assign": {
        if (this.stopping !== undefined || !this.context.needsStarts) {
          pending.phase = "ready"
          return Effect.void
        }
        pending.phase = "preparing"
        return this.context.prepareStarts(pending.partitions, (exit) => {
          if (Exit.isSuccess(exit)) pending.starts = exit.value
          else this.stop(exit)
          pending.phase = "ready"
          this.signal.raise()
        })
      }
      case "revoke": {
        startDraining(pending, this.context.clock.currentTimeMillisUnsafe(), this.context.plan.drainTimeout)
        for (const state of this.statesOf(pending.partitions)) this.drain(state)
        return Effect.void
      }
      case "lost": {
        pending.phase = "ready"
        return Effect.void
      }
    }
  }

  private drainRevoked(pending: Pending): void {
    const open = this.statesOf(pending.partitions).filter((state) => !state.ended)
    const now = this.context.clock.currentTimeMillisUnsafe()
    switch (drainStep(pending, now, open.length === 0)) {
      case "wait":
        return
      case "interrupt": {
        for (const state of open) {
          const reason = `its handler was still at offset ${state.current ?? "?"} after the drain budget`
          this.context.publish({ _tag: "Drained", ...tp(state), timedOut: true, reason, duration: now - pending.startedAt })
          state.fiber?.interruptUnsafe()
        }
        return
      }
      case "giveUp":
        this.fence(open)
    }
    pending.phase = "ready"
  }

  private finishRebalance(pending: Pending): Effect.Effect<void> {
    const { partitions } = pending
    switch (pending.kind) {
      case "assign":
        return Effect.matchCauseEffect(this.client.answer(pending.id, pending.starts?.positions), {
          onFailure: (cause) => Effect.sync(() => this.stop(Exit.failCause(cause))),
          onSuccess: () => this.startAssigned(pending)
        })
      case "revoke": {
        this.storeFinished()
        for (const state of this.statesOf(partitions)) {
          if (!pending.interrupted) {
            const duration = this.context.clock.currentTimeMillisUnsafe() - pending.startedAt
            this.context.publish({ _tag: "Drained", ...tp(state), timedOut: false, reason: undefined, duration })
          }
          this.forget(state)
        }
        this.context.publish({ _tag: "Revoked", partitions })
        return this.disturbing(this.client.answer(pending.id))
      }
      case "lost": {
        this.context.publish({ _tag: "Lost", partitions })
        return this.disturbing(this.client.answer(pending.id))
      }
    }
  }

  private startAssigned(pending: Pending): Effect.Effect<void> {
    this.everAssigned = true
    this.readable = true
    this.context.publish({ _tag: "Assigned", partitions: pending.partitions })
    if (this.stopping !== undefined) return Effect.void
    return Effect.forEach(pending.partitions, (partition) => {
      const end = pending.starts?.ends.find((end) =>
        end.topic === partition.topic && end.partition === partition.partition
      )
      return this.startPartition(partition, end?.offset)
    }, { discard: true })
  }

  private startPartition(partition: TopicPartition, end: number | undefined): Effect.Effect<PartitionState> {
    const previous = this.assignment.zombieOf(partition)
    const state = new PartitionState(partition, ++this.epoch, this.context.makeSignal())
    state.end = end
    this.assignment.add(state)
    return Effect.map(this.context.startWorker(state, previous), (fiber) => {
      state.fiber = fiber
      fiber.addObserver((exit) => {
        state.ended = true
        this.ended.push(state)
        // A worker ends by its state, by interruption, or by a bug; the last one must not go unseen.
        if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) this.stop(Exit.failCause(Cause.fromReasons(
          exit.cause.reasons.filter(Cause.isDieReason)
        )))
        this.signal.raise()
      })
      return state
    })
  }

  private readonly settleSeeks = Effect.fnUntraced({ self: this as RunLoop }, function*() {
    if (this.seeks.length === 0) return
    const now = this.context.clock.currentTimeMillisUnsafe()
    const waiting: Array<Seek> = []
    for (const seek of this.seeks) {
      if (!this.assignment.owns(seek.state)) {
        yield* Deferred.fail(seek.done, Errors.make("seek", new Errors.UnknownTopic(seek.position)))
      } else if (seek.state.ended) {
        yield* Deferred.into(this.moveTo(seek.state, seek.position), seek.done)
      } else {
        if (now >= seek.deadline) seek.state.fiber?.interruptUnsafe()
        waiting.push(seek)
      }
    }
    this.seeks = waiting
  })

  private readonly moveTo = Effect.fnUntraced({ self: this as RunLoop }, function*(
    old: PartitionState,
    position: Position
  ) {
    const { paused, suspended } = old
    yield* this.client.seek(position)
    this.forget(old)
    this.client.store(position)
    if (paused && !suspended) this.client.resume([position])
    const state = yield* this.startPartition(position, old.end)
    state.suspended = suspended
    state.paused = paused && suspended
    this.readable = true
    this.context.released(position)
  })

  /** Judges the workers that ended by themselves: their partition is held, or the run is over. */
  private reapWorkers(): void {
    for (const state of this.ended.splice(0)) {
      if (!this.assignment.owns(state) || state.failure === undefined || state.phase !== "active") continue
      if (this.context.holds) {
        state.phase = "held"
        this.assignment.discard(state)
        this.setPaused([state], true)
        this.context.held(state.failure)
      } else {
        this.stop(Exit.fail(state.failure))
      }
    }
  }

  /** Hands moved positions to the client, once per partition and step. */
  private storeFinished(): void {
    const stored: Array<Position> = []
    const moved = this.ticked || this.stopping !== undefined ? this.assignment : this.assignment.takeMoved()
    for (const state of moved) {
      const position = state.unstored
      if (position === undefined) continue
      if (this.client.store(position)) stored.push(position)
      state.stored = position.offset
    }
    if (stored.length > 0) this.context.publishStored(stored)
  }

  /** Fetches within the budget; with nothing to spare the client is only told that we live. */
  private fetch(): void {
    this.again = false
    const { limits } = this.context.plan
    const allowed = this.stopping === undefined
      ? allowance(limits, { records: this.assignment.bufferedRecords, bytes: this.assignment.bufferedBytes })
      : { records: 0, bytes: 0 }
    if (allowed.records === 0) {
      if (this.ticked) this.client.poll(0, 0)
      return
    }
    if (!this.readable && !this.ticked) return
    const chunks = this.client.poll(allowed.records, allowed.bytes)
    this.readable = this.again = chunks.length > 0
    for (const chunk of chunks) this.route(chunk)
  }

  /** Gives a chunk to its worker. Dropped is only what belongs to a partition that is being given up or stands still. */
  private route(chunk: Chunk): void {
    const state = this.assignment.get(chunk.topic, chunk.partition)
    if (state === undefined || !state.isActive) return
    const wanted = state.end === undefined || chunk.next <= state.end ? chunk : upTo(chunk, state.end)
    if (state.end !== undefined && chunk.next >= state.end) state.endSeen = state.end
    if (wanted !== undefined) this.assignment.offer(state, wanted)
  }

  /** What need not happen at every step: fairness between partitions, stalled handlers, figures. */
  private lookAround(): void {
    if (!this.ticked) return
    this.ticked = false
    this.balancePauses()
    this.guardStalls()
    this.context.measure(this.assignment, this.client)
  }

  private balancePauses(): void {
    const { limits } = this.context.plan
    const { size } = this.assignment
    if (size < 2 || this.stopping !== undefined) return
    let hungry = 0
    for (const state of this.assignment) if (state.isActive && !state.suspended && state.bufferedRecords === 0) hungry++
    const full = fullAt(limits, size)
    const pause: Array<PartitionState> = []
    const resume: Array<PartitionState> = []
    for (const state of this.assignment) {
      if (state.phase !== "active" || state.suspended) continue
      if (!state.paused && state.bufferedRecords < full && state.bufferedBytes === 0) continue
      const load = { records: state.bufferedRecords, bytes: state.bufferedBytes, paused: state.paused, hungry: false }
      const wanted = shouldPause(limits, size, load, hungry > 0)
      if (wanted && !state.paused) pause.push(state)
      if (!wanted && state.paused) resume.push(state)
    }
    if (pause.length > 0) {
      this.context.publish({ _tag: "Paused", partitions: pause.map(tp) })
      this.setPaused(pause, true)
    }
    if (resume.length > 0) {
      this.context.publish({ _tag: "Resumed", partitions: resume.map(tp) })
      this.setPaused(resume, false)
    }
  }

  private guardStalls(): void {
    const now = this.context.clock.currentTimeMillisUnsafe()
    for (const state of this.assignment) {
      if (state.current === undefined || state.ended) {
        this.lastSteps.delete(state)
        continue
      }
      const seen = this.lastSteps.get(state)
      if (seen === undefined || seen.steps !== state.steps) {
        this.lastSteps.set(state, { steps: state.steps, since: now, reported: false })
      } else if (!seen.reported && now - seen.since >= this.context.plan.maxHandlerStall) {
        seen.reported = true
        const stalledMs = now - seen.since
        const { group } = this.context.plan
        this.context.publish({ _tag: "Stalled", ...tp(state), offset: state.current, stalledMs })
        const reason = new Errors.Stalled({ group, ...tp(state), offset: state.current, stalledMs })
        this.stop(Exit.fail(Errors.make("handle", reason)))
      }
    }
  }

  private checkEnd(): void {
    if (!this.context.plan.bounded || !this.everAssigned || !this.rebalances.isEmpty) return
    for (const state of this.assignment) if (!state.reachedEnd) return
    this.stop(Exit.void)
  }

  /** Ends the run when every worker ended, or when even interrupting them did not help. */
  private advanceStop(): void {
    const { stopping } = this
    if (stopping === undefined || this.outcome !== undefined) return
    const open = [...this.assignment].filter((state) => !state.ended)
    const grace = stopping.interrupted ? interruptGrace : 0
    const over = this.context.clock.currentTimeMillisUnsafe() >= stopping.clockDeadline + grace
      || performance.now() >= stopping.realDeadline + grace
    if (open.length > 0 && !over) return
    if (open.length > 0 && !stopping.interrupted) {
      stopping.interrupted = true
      const duration = this.context.plan.drainTimeout
      for (const state of open) {
        const reason = `its handler was still at offset ${state.current ?? "?"} at the end of the shutdown's budget`
        this.context.publish({ _tag: "Drained", ...tp(state), timedOut: true, reason, duration })
        state.fiber?.interruptUnsafe()
      }
      return
    }
    this.storeFinished()
    for (const state of [...this.assignment]) this.forget(state)
    this.outcome = stopping.outcome
  }

  private rest(): Effect.Effect<void> {
    if (this.outcome !== undefined) return Effect.void
    return this.again ? Effect.yieldNow : this.signal.wait
  }

  private close(outcome: Outcome): Effect.Effect<Outcome> {
    this.outcome = outcome
    this.stopping?.endTicks()
    for (const state of [...this.assignment]) this.fence([state])
    const closed = Errors.make("consumer control", new Errors.Closed({ client: "consumer" }))
    return Effect.gen({ self: this }, function*() {
      for (const seek of this.seeks.splice(0)) yield* Deferred.fail(seek.done, closed)
      yield* this.runCommands()
      yield* this.disturbing(this.client.close(this.context.plan.closeTimeout))
      yield* this.takeIn()
      yield* this.context.report
      return outcome
    })
  }

  // What several steps need.

  private statesOf(partitions: ReadonlyArray<TopicPartition>): Array<PartitionState> {
    const states: Array<PartitionState> = []
    for (const { partition, topic } of partitions) {
      const state = this.assignment.get(topic, partition)
      if (state !== undefined) states.push(state)
    }
    return states
  }

  private drain(state: PartitionState): void {
    if (state.phase === "active" || state.phase === "held") state.phase = "draining"
    this.assignment.discard(state)
    state.signal.raise()
  }

  /** Takes the right to act from a partition: whatever its worker still does no longer counts. */
  private fence(partitions: ReadonlyArray<TopicPartition>): void {
    for (const state of this.statesOf(partitions)) {
      state.phase = "fenced"
      if (!state.ended) state.fiber?.interruptUnsafe()
      this.forget(state)
      state.signal.raise()
    }
  }

  private forget(state: PartitionState): void {
    this.assignment.remove(state)
    this.lastSteps.delete(state)
    this.context.released(state)
  }

  private setPaused(states: ReadonlyArray<PartitionState>, paused: boolean): void {
    for (const state of states) state.paused = paused
    if (paused) this.client.pause(states)
    else this.client.resume(states)
  }

  /** Runs a call of the client whose failure is told, but is no reason to end. */
  private disturbing(effect: Effect.Effect<void, KafkaError>): Effect.Effect<void> {
    return Effect.catch(effect, (error) => Effect.sync(() => this.context.publish({ _tag: "Disturbed", error })))
  }
}

const tp = (state: TopicPartition): TopicPartition => ({ topic: state.topic, partition: state.partition })

/** The part of a chunk before an offset, or `undefined` when there is none. */
const upTo = (chunk: Chunk, end: number): Chunk | undefined => {
  const records = chunk.records.filter((record) => record.offset < end)
  return records.length === 0 ? undefined : { ...chunk, records, next: end }
}
