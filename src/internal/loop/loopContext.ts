/** Everything around the run loop: workers, events, health and figures of one run. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import type { SchedulerDispatcher } from "effect/Scheduler"
import * as ConsumerEvent from "../../ConsumerEvent.ts"
import type { AdminClient, ConsumerClient, GroupMetadata, Position, TopicPartition } from "../../engine/KafkaEngine.ts"
import { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { OutcomeBatch } from "../../Outcome.ts"
import type { Assignment } from "../partition/assignment.ts"
import type { PartitionState } from "../partition/partitionState.ts"
import type { Zombies } from "../partition/zombies.ts"
import type { Plan, PlannedHandler } from "../plan/plan.ts"
import { handlerFor, sourceTopic } from "../plan/plan.ts"
import { CurrentGroup } from "../produce/currentGroup.ts"
import type { Routing } from "../run/routing.ts"
import { Signal } from "../shared/signal.ts"
import * as ConsumerMetrics from "../telemetry/consumerMetrics.ts"
import * as EventLog from "../telemetry/eventLog.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"
import { traced } from "../telemetry/tracing.ts"
import { batchWorker } from "../worker/batchWorker.ts"
import { laneWorker } from "../worker/laneWorker.ts"
import * as Works from "../worker/makeWork.ts"
import { recordWorker } from "../worker/recordWorker.ts"
import { streamWorker } from "../worker/streamWorker.ts"
import type { Work, WorkerHost } from "../worker/workerHost.ts"
import type { Starts } from "./rebalanceQueue.ts"
import type { RunLoop } from "./runLoop.ts"

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

const realTickMillis = 50

/** An event whose group is filled in. */
export type GroupEvent = DistributiveOmit<ConsumerEvent.ConsumerEvent, "group">

/** What the run loop is given. */
export interface LoopContext {
  readonly plan: Plan
  readonly clock: Clock.Clock
  /** A partition whose policy says stop is held, instead of ending the run. */
  readonly holds: boolean
  /** Assignments have to be prepared: own offsets, or a bounded read. */
  readonly needsStarts: boolean
  /** How often records failed is kept with the committed offsets. */
  readonly keepsAttempts: boolean
  readonly prepareStarts: (
    client: ConsumerClient,
    partitions: ReadonlyArray<TopicPartition>,
    done: (exit: Exit.Exit<Starts, KafkaError | HandlerFailed<any>>) => void
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
  readonly zombies: Zombies
  /** `previous` are workers of the same partition that have not ended: one owner at a time. */
  readonly startWorker: (
    state: PartitionState,
    previous: ReadonlyArray<Fiber.Fiber<unknown, unknown>>
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
  readonly makeSignal: () => Signal
  /** Ticks while a shutdown waits, also when the clock of a test stands still. Answers how to end it. */
  readonly tickInRealTime: (tick: () => void) => () => void
  readonly publish: (event: GroupEvent) => void
  readonly publishStored: (positions: ReadonlyArray<Position>) => void
  /** Hands what was published to the bus and the log. */
  readonly report: Effect.Effect<void>
  readonly held: (failure: HandlerFailed<any>) => void
  readonly released: (partition: TopicPartition) => void
  /** Counts pauses by the fetch budget. */
  readonly paused: (partitions: number) => void
  readonly measure: (assignment: Assignment, client: ConsumerClient) => void
}

/** What a run is made of. */
export interface Options {
  readonly plan: Plan
  readonly holds: boolean
  readonly health: HealthCell
  readonly admin: Effect.Effect<AdminClient, KafkaError>
  readonly emit: ((batch: OutcomeBatch) => Effect.Effect<void>) | undefined
  readonly zombies: Zombies
  readonly routing: Routing | undefined
  /** The run loop that this is made for; it exists by the time anything here is called. */
  readonly loop: () => RunLoop
  readonly group: () => GroupMetadata
}

/** The effect that works a partition off, by the kind of its handler. */
const workerOf = (plan: Plan, { call }: PlannedHandler, work: Work): Effect.Effect<void, never, any> => {
  if (call._tag === "Stream") return streamWorker(work, call.accept)
  if (call._tag !== "Record") return batchWorker(work, call)
  const run = plan.traced ? traced(plan.group, call.run) : call.run
  if (call.concurrency === "partition") return recordWorker(work, run)
  const mostWaiting = plan.limits.chunkRecords
  return "keys" in call.concurrency
    ? laneWorker(work, run, "keys", call.concurrency.keys, mostWaiting)
    : laneWorker(work, run, "unordered", call.concurrency.unordered, mostWaiting)
}

/** Makes the surroundings of a run, with the services of the current fiber. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<LoopContext, never, any> {
  const { emit, health, plan } = options
  const clock = yield* Clock.Clock
  const services = yield* Effect.context<any>()
  const bus = yield* ConsumerEvent.Bus
  const dispatcher: SchedulerDispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
  const metrics = ConsumerMetrics.make(plan.group, services as Context.Context<never>)
  const logEvent = EventLog.make(clock)
  let events: Array<ConsumerEvent.ConsumerEvent> = []

  const publish = (event: GroupEvent): void => {
    // The spread keeps the tag and its fields together; only the group is added.
    const full = { ...event, group: plan.group } as ConsumerEvent.ConsumerEvent
    events.push(full)
    health.observe(full)
  }

  const makeSignal = () => new Signal(dispatcher)

  /** One event for a step, however many of its records went elsewhere. */
  const routed = ({ exceptions, partition, topic }: OutcomeBatch): void => {
    const outcomes = exceptions.filter((outcome) => outcome._tag !== "Skipped")
    if (outcomes.length > 0) publish({ _tag: "Routed", topic, partition, outcomes })
  }

  const host: WorkerHost = {
    group: plan.group,
    clock,
    release: (state, records, bytes) => options.loop().release(state, records, bytes),
    progressed: (state) => options.loop().progressed(state),
    failed: (state) => options.loop().failed(state),
    makeSignal,
    waiting: (state, { attempts, cause, offset, until }) => {
      const { partition, topic } = state
      publish({ _tag: "Waiting", topic, partition, offset, attempts, until, cause })
      options.loop().waiting(state)
    },
    emit: (state, batch) => {
      metrics.step(batch)
      if (batch.exceptions.length > 0) routed(batch)
      if (emit === undefined) return Effect.void
      state.reporting++
      return Effect.ensuring(emit(batch), Effect.sync(() => state.reporting--))
    },
    skipped: ({ partition, topic }, offset, cause) => publish({ _tag: "Skipped", topic, partition, offset, cause })
  }

  const workOf = Works.make({ plan, host, router: options.routing?.router, late: metrics.late })

  const disturbed = (error: KafkaError) =>
    Effect.sync((): ReadonlyArray<Position> => {
      publish({ _tag: "Disturbed", error })
      return []
    })

  const ownStarts = Effect.fnUntraced(function*(partitions: ReadonlyArray<TopicPartition>) {
    const positions: Array<Position> = []
    for (const { call, source } of plan.handlers) {
      if (call._tag !== "Owned") continue
      const handler = plan.handlers.find((handler) => handler.source === source)
      const own = partitions.filter(({ topic }) => handlerFor(plan, topic) === handler)
      if (own.length === 0) continue
      const started = yield* Effect.exit(call.startOffsets(own))
      if (Exit.isFailure(started)) {
        const { partition, topic } = own[0]!
        return yield* new HandlerFailed<any>({ group: plan.group, topic, partition, offset: -1, cause: started.cause })
      }
      for (const position of started.value) positions.push(position)
    }
    return positions
  })

  // In a retry topic nothing waits in place, and the records carry how often they failed.
  const waits = !plan.retrying && plan.handlers.some(({ onFailure }) => onFailure.needs.waits)
  const named = plan.patterns.length === 0

  const starts = Effect.fnUntraced(function*(client: ConsumerClient, partitions: ReadonlyArray<TopicPartition>) {
    const positions = yield* ownStarts(partitions)
    if (options.routing !== undefined && !named) {
      yield* options.routing.prepare([...new Set(partitions.map(({ topic }) => sourceTopic(plan, topic)))])
    }
    // How often records failed is kept with the offsets; not knowing it is no reason to stop.
    const notes = waits ? yield* Effect.catch(client.committed(partitions), disturbed) : []
    const ends = plan.bounded
      ? yield* Effect.flatMap(
        options.admin,
        (admin) => admin.listOffsets(partitions, "latest", plan.config.isolation ?? "read_committed")
      )
      : []
    return { positions, ends, notes } satisfies Starts
  })

  return {
    plan,
    clock,
    holds: options.holds,
    needsStarts: plan.bounded || waits || (options.routing !== undefined && !named)
      || plan.handlers.some(({ call }) => call._tag === "Owned"),
    keepsAttempts: waits,
    prepareStarts: (client, partitions, done) =>
      Effect.tap(Effect.forkDetach(Effect.provideContext(starts(client, partitions), services)), (fiber) => {
        fiber.addObserver(done)
        return Effect.void
      }),
    zombies: options.zombies,
    startWorker: (state, previous) => {
      for (const fiber of previous) fiber.addObserver(() => state.signal.raise())
      const worker = Effect.gen(function*() {
        while (state.isActive && previous.some((fiber) => fiber.pollUnsafe() === undefined)) yield* state.signal.wait
        if (!state.isActive) return
        const made = yield* workOf(state)
        if (made !== undefined) yield* workerOf(plan, made.handler, made.work)
      })
      return Effect.forkDetach(
        Effect.provideContext(Effect.provideService(worker, CurrentGroup, options.group()), services)
      )
    },
    makeSignal,
    tickInRealTime: (tick) => {
      const timer = setInterval(tick, realTickMillis)
      return () => clearInterval(timer)
    },
    publish,
    publishStored: (positions) => {
      if (PubSub.sizeUnsafe(bus) > 0 || bus.subscribers.size > 0) publish({ _tag: "Stored", positions })
    },
    report: Effect.suspend(() => {
      if (events.length === 0) return Effect.void
      const batch = events
      events = []
      return Effect.andThen(PubSub.publishAll(bus, batch), Effect.forEach(batch, logEvent, { discard: true }))
    }),
    held: (failure) => {
      publish({ _tag: "Held", topic: failure.topic, partition: failure.partition, error: failure })
    },
    released: health.released,
    paused: metrics.paused,
    measure: (assignment, client) => {
      let lag: number | undefined = 0
      for (const state of assignment) {
        const end = client.highWatermark(state)
        if (end === undefined || state.position === undefined) continue
        lag += Math.max(0, end - state.position)
      }
      health.measured([...assignment], lag)
      metrics.lag(lag)
      metrics.assigned(assignment.size)
    }
  }
})
