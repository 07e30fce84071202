/** Everything around the run loop of one run: workers, events, health, metrics. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as PubSub from "effect/PubSub"
import type { SchedulerDispatcher } from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as ConsumerEvent from "../../ConsumerEvent.ts"
import type { AdminClient, ConsumerClient, TopicPartition } from "../../engine/KafkaEngine.ts"
import type { KafkaError } from "../../KafkaError.ts"
import type { OutcomeBatch } from "../../Outcome.ts"
import type { GroupEvent, LoopContext, WorkerPort } from "../loop/loopContext.ts"
import { CurrentPartition } from "../partition/currentPartition.ts"
import type { Zombies } from "../partition/zombies.ts"
import type { Plan, PlannedHandler } from "../plan/plan.ts"
import { CurrentGroup, type Membership } from "../produce/currentGroup.ts"
import { CurrentRun } from "../shared/currentRun.ts"
import { effectOf } from "../shared/effectOf.ts"
import { notOurs } from "../shared/notOurs.ts"
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
import type { Routing } from "./routing.ts"
import * as Starts from "./starts.ts"

const realTickMillis = 50

/** What a run needs. */
export interface Options {
  readonly plan: Plan
  readonly holds: boolean
  readonly health: HealthCell
  readonly admin: Effect.Effect<AdminClient, KafkaError>
  readonly emit: ((batch: OutcomeBatch) => Effect.Effect<void>) | undefined
  readonly atEnd: (() => void) | undefined
  readonly zombies: Zombies
  readonly routing: Routing | undefined
  readonly client: ConsumerClient
  /** The client's. */
  readonly scope: Scope.Scope
  /** See `LoopContext.wanted`. */
  readonly wanted: ReadonlyArray<TopicPartition>
}

/** The worker of a partition, by the kind of its handler. */
const workerOf = (plan: Plan, { call }: PlannedHandler, work: Work): Effect.Effect<void> => {
  if (call._tag === "Stream") return streamWorker(work, call)
  if (call._tag !== "Record") return batchWorker(work, call)
  const run = plan.traced
    ? traced(plan.group, (record) => effectOf(call.run(record), "the handler"))
    : call.run
  if (call.concurrency === "partition") return recordWorker(work, run)
  const mostWaiting = plan.limits.chunkRecords
  return "keys" in call.concurrency
    ? laneWorker(work, run, "keys", call.concurrency.keys, mostWaiting)
    : laneWorker(work, run, "unordered", call.concurrency.unordered, mostWaiting)
}

/** Makes the context of a run loop. */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<LoopContext> {
  const { client, emit, health, plan } = options
  const { services } = plan
  const clock = yield* Clock.Clock
  const bus = yield* ConsumerEvent.Bus
  const dispatcher: SchedulerDispatcher = yield* Effect.withFiberSucceed((fiber) => fiber.currentDispatcher)
  const metrics = ConsumerMetrics.make(plan.group, services)
  const eventLog = EventLog.make(plan.group, clock)
  let events: Array<ConsumerEvent.ConsumerEvent> = []

  const publish = (event: GroupEvent): void => {
    // The spread keeps the tag and its fields together; only the group is added.
    const full = { ...event, group: plan.group } as ConsumerEvent.ConsumerEvent
    events.push(full)
    health.observe(full)
  }

  options.routing?.router.reportTo({
    unsent: ({ partition, topic }, copy) => publish({ _tag: "Unsent", topic, partition, ...copy }),
    sent: health.sent
  })

  const makeSignal = () => new Signal(dispatcher)

  /** One event per step for all of its records that were routed. */
  const routed = ({ exceptions, partition, topic }: OutcomeBatch): void => {
    const outcomes = exceptions.filter((outcome) => outcome._tag !== "Skipped")
    if (outcomes.length > 0) publish({ _tag: "Routed", topic, partition, outcomes })
  }

  const hostOf = (port: WorkerPort): WorkerHost => ({
    group: plan.group,
    clock,
    release: port.release,
    isFull: port.isFull,
    owns: port.owns,
    progressed: port.progressed,
    failed: port.failed,
    makeSignal,
    waiting: (state, { attempts, cause, offset, until }) => {
      const { partition, topic } = state
      publish({ _tag: "Waiting", topic, partition, offset, attempts, until, cause })
      port.waiting(state)
    },
    emit: (state, batch) => {
      metrics.step(batch)
      if (batch.exceptions.length > 0) routed(batch)
      return emit === undefined ? Effect.void : state.reporting(emit(batch))
    },
    skipped: ({ partition, topic }, offset, cause) => publish({ _tag: "Skipped", topic, partition, offset, cause })
  })

  /** The identity of this run, for handlers that two consumers of one process share. */
  const run = { scope: options.scope, hint: health.hint }
  const inRun = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provideService(effect, CurrentRun, run)

  const asking = Starts.make({ ...options, disturbed: (error) => publish({ _tag: "Disturbed", error }) })

  /** Runs an effect beside the loop, and calls `done` at its end. */
  const beside = <A, E>(effect: Effect.Effect<A, E>, done: (exit: Exit.Exit<A, E>) => void) =>
    Effect.tap(Effect.forkDetach(effect), (fiber) => {
      fiber.addObserver(done)
      return Effect.void
    })

  return {
    plan,
    clock,
    client,
    holds: options.holds,
    atEnd: options.atEnd,
    needsStarts: asking.isNeeded,
    keepsAttempts: asking.keepsAttempts,
    prepareStarts: (partitions, done) => beside(inRun(asking.prepare(partitions)), done),
    wanted: options.wanted,
    lookAtGroup: (done) => beside(asking.lookAtGroup, done),
    lookUp: (partitions, starts, done) => beside(asking.lookUp(partitions, starts), done),
    zombies: options.zombies,
    workers: (port) => {
      const host = hostOf(port)
      const workOf = Works.make({ plan, host, router: options.routing?.router, late: metrics.late })
      return (state, previous) => {
        for (const fiber of previous) fiber.addObserver(() => state.signal.raise())
        const worker = Effect.gen(function*() {
          while (state.isActive && previous.some((fiber) => fiber.pollUnsafe() === undefined)) yield* state.signal.wait
          if (!state.isActive) return
          const made = yield* workOf(state)
          if (made !== undefined) yield* workerOf(plan, made.handler, made.work)
        })
        const membership: Membership = {
          groupId: plan.group,
          metadata: Effect.suspend(() =>
            port.owns(state) ? Effect.succeed(client.groupMetadata()) : Effect.fail(notOurs(plan.group, state))
          ),
          committed: client.committed
        }
        const inGroup = Effect.provideService(Effect.scoped(worker), CurrentGroup, membership)
        const current = { assignment: port.assignment, partition: { topic: state.topic, partition: state.partition } }
        const inPartition = Effect.provideService(inGroup, CurrentPartition, current)
        return Effect.forkDetach(Effect.provideContext(inRun(inPartition), services))
      }
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
      const flushed = eventLog.isDue() ? eventLog.flush : Effect.void
      if (events.length === 0) return flushed
      const batch = events
      events = []
      const logged = Effect.forEach(batch, eventLog.log, { discard: true })
      return Effect.andThen(PubSub.publishAll(bus, batch), Effect.andThen(logged, flushed))
    }),
    held: (failure) => {
      publish({ _tag: "Held", topic: failure.topic, partition: failure.partition, error: failure })
    },
    released: health.released,
    left: (topic) => {
      metrics.forget(topic)
      // A source may have several retry topics.
      if (!plan.retrying) options.routing?.forget(topic)
    },
    paused: metrics.paused,
    stalled: health.stall,
    trouble: health.trouble,
    measure: (assignment, lag) => {
      health.measured([...assignment], lag)
      if (lag !== undefined) metrics.lag(lag)
      metrics.assigned(assignment.size)
    }
  }
})
