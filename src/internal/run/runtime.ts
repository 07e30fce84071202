/** Starts a run of a consumer and ties its parts together: client, run loop, ticker, health. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ConsumerControl from "../../ConsumerControl.ts"
import * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { TopicPartition } from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError } from "../../KafkaError.ts"
import * as Errors from "../../KafkaError.ts"
import type { OutcomeBatch } from "../../Outcome.ts"
import * as Switches from "../../Switches.ts"
import { Inbox } from "../loop/inbox.ts"
import type { LoopContext } from "../loop/loopContext.ts"
import { RunLoop, tickMillis } from "../loop/runLoop.ts"
import { quietMillis } from "../loop/watch/watch.ts"
import * as Zombies from "../partition/zombies.ts"
import type { Plan } from "../plan/plan.ts"
import * as Signal from "../shared/signal.ts"
import * as HealthCells from "../telemetry/healthCell.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"
import * as Control from "./control.ts"
import * as Routing from "./routing.ts"
import * as SlowStart from "./slowStart.ts"
import * as Starts from "./starts.ts"
import * as Surroundings from "./surroundings.ts"

/** A run, as far as its end is concerned. */
export interface Running {
  /** Ends when the run does, with its error; what handlers failed with gets its type back from the consumer. */
  readonly await: Effect.Effect<void, KafkaError | HandlerFailed<any>>
  /** Begins the end, at once: no further record is started. */
  readonly halt: () => void
  /** Drains, commits, leaves the group; bounded by the drain and close timeouts. */
  readonly stop: Effect.Effect<void>
}

/** Stops runs together: none of them starts another record, and they have the time of one. */
export const stopAll = (runs: Iterable<Running>): Effect.Effect<void> =>
  Effect.suspend(() => {
    const all = [...runs]
    for (const { halt } of all) halt()
    return Effect.forEach(all, ({ stop }) => stop, { concurrency: "unbounded", discard: true })
  })

/** A run with its loop. */
export interface Run extends Running {
  readonly loop: RunLoop
}

/** What a run reads, and where its failed records may go. */
export interface Prepared {
  readonly subscribed: Routing.Subscribed
  readonly routing: Routing.Routing | undefined
  /** See `LoopContext.wanted`. */
  readonly wanted: ReadonlyArray<TopicPartition>
}

/** `holds`: a policy that says stop holds the partition instead of ending the run. */
export interface Options {
  readonly holds: boolean
  readonly health: HealthCell
  readonly emit: ((batch: OutcomeBatch) => Effect.Effect<void>) | undefined
  /** See `LoopContext.atEnd`. */
  readonly atEnd?: (() => void) | undefined
}

/** Ticks. A loop that takes no tick cannot say that it stands still, so it is said here. */
const ticking = (inbox: Inbox, context: LoopContext, { resting }: RunLoop): Effect.Effect<void> => {
  const tick = Effect.suspend(() => {
    const waited = inbox.tick() * tickMillis
    if (waited < quietMillis) return Effect.void
    context.trouble(`the client has not returned from a call for ${waited} ms`)
    // Once: afterwards the health says it for as long as it lasts.
    if (waited - tickMillis >= quietMillis) return Effect.void
    const operation = "a call of the client"
    context.publish({
      _tag: "Disturbed",
      error: Errors.make("consume", new Errors.Timeout({ operation, timeoutMs: waited }))
    })
    return context.report
  })
  const rest = Effect.suspend(() => resting.rest(context.clock.currentTimeMillisUnsafe(), tickMillis))
  return Effect.forever(Effect.andThen(Effect.andThen(Effect.sleep(tickMillis), rest), tick))
}

/**
 * Connects the client and forks the loop. The run is not tied to a scope: `onStarted` has to take care that it is
 * stopped. Connecting may be interrupted; from then until `onStarted` returns nothing can be, so no run is left without
 * an owner.
 */
export const start = <R>(
  plan: Plan,
  { routing, subscribed, wanted }: Prepared,
  options: Options,
  onStarted: (run: Run) => Effect.Effect<void, never, R>
): Effect.Effect<Run, KafkaError, KafkaEngine.Service | R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine.Service
      const inbox = new Inbox(yield* Signal.make)
      const clientScope = yield* Scope.make()
      const connect = Scope.provide(
        engine.consumer({
          subscription: { _tag: "Group", groupId: plan.group, ...subscribed },
          offsetReset: plan.offsetReset,
          config: plan.config,
          signalEnd: plan.bounded,
          commitResets: true,
          onReady: inbox.onReady,
          onEvent: inbox.onEvent
        }),
        clientScope
      )
      const operation = `connecting the consumer of group "${plan.group}"`
      const connecting = SlowStart.said({ group: plan.group, health: options.health }, operation, connect)
      const connected = yield* Effect.exit(restore(connecting))
      if (Exit.isFailure(connected)) {
        yield* Scope.close(clientScope, connected)
        return yield* Exit.failCause(connected.cause)
      }
      const client = connected.value
      routing?.attach(client)
      const context = yield* Surroundings.make({
        plan,
        client,
        scope: clientScope,
        holds: options.holds,
        health: options.health,
        admin: engine.admin,
        emit: options.emit,
        atEnd: options.atEnd,
        zombies: Zombies.ofGroup(engine, plan.group),
        routing,
        wanted
      })
      const loop = new RunLoop(context, inbox)
      context.publish({ _tag: "Started" })
      const ticker = yield* Effect.forkDetach(ticking(inbox, context, loop))
      const whole = Effect.gen(function*() {
        const outcome = yield* loop.run
        yield* Fiber.interrupt(ticker)
        yield* Scope.close(clientScope, Exit.void)
        const error = Exit.isFailure(outcome) ? Exit.findErrorOption(outcome) : undefined
        const cause = error?._tag === "None" && Exit.isFailure(outcome) ? outcome.cause : undefined
        context.publish(error?._tag === "Some" ? { _tag: "Failed", error: error.value } : { _tag: "Stopped", cause })
        yield* context.report
        return yield* outcome
      })
      const fiber = yield* Effect.forkDetach(whole, { uninterruptible: true })
      const halt = () => loop.stop(Exit.void)
      const ended = Effect.asVoid(Fiber.await(fiber))
      const registry = yield* ConsumerControl.Registry
      const control = Control.make({ plan, admin: engine.admin, inbox, assignment: loop.assignment, halt, ended })
      registry.add(control)
      fiber.addObserver(() => registry.delete(control))
      const stop = Effect.uninterruptible(Effect.andThen(Effect.sync(halt), ended))
      const run: Run = { loop, await: Fiber.join(fiber), halt, stop }
      yield* onStarted(run)
      return run
    })
  )

/** The partitions that are there to be read. */
const existing = Effect.fnUntraced(function*(
  { patterns, topics }: Routing.Subscribed
): Effect.fn.Return<ReadonlyArray<TopicPartition>, KafkaError, KafkaEngine.Service> {
  const admin = yield* Effect.flatMap(KafkaEngine.Service, (engine) => engine.admin)
  if (patterns.length === 0) return Starts.partitionsOf(yield* admin.describeTopics(topics))
  const isWanted = (name: string) =>
    topics.includes(name) || patterns.some((pattern) => KafkaEngine.matchesPattern(pattern, name))
  return Starts.partitionsOf((yield* admin.listTopics).filter(({ name }) => isWanted(name)))
})

/** Makes or checks the topics that policies route to. Returns what to read, or `undefined` if there is nothing. */
export const prepare = Effect.fnUntraced(function*(
  plan: Plan
): Effect.fn.Return<Prepared | undefined, KafkaError, KafkaEngine.Service> {
  const routing = yield* Routing.make(plan, yield* Clock.Clock, yield* Signal.maker)
  const subscribed: Routing.Subscribed = plan.retrying ? yield* Routing.subscribedRetries(plan) : plan
  const { patterns, topics } = subscribed
  const wanted = plan.bounded ? yield* existing(subscribed) : []
  // Where no topic matches, not every engine says so by itself.
  const isNothing = topics.length === 0 && (plan.bounded ? wanted.length === 0 : patterns.length === 0)
  return isNothing ? undefined : { routing, subscribed: { topics, patterns }, wanted }
})

/** A run that reads nothing: it never ends by itself, or at once with `until: "end"`. */
const nothing = (plan: Plan, health: HealthCell): Running => {
  health.switchedOff()
  return { await: plan.bounded ? Effect.void : Effect.never, halt: () => {}, stop: Effect.void }
}

/** What is to be started: nothing if consuming is switched off or there is nothing to read. */
const prepareIfOn = Effect.fnUntraced(function*(
  plan: Plan,
  health: HealthCell
): Effect.fn.Return<Prepared | undefined, KafkaError, KafkaEngine.Service> {
  if ((yield* Switches.Current).consume) {
    const operation = `looking up the topics of group "${plan.group}", and creating what is missing,`
    return yield* SlowStart.said({ group: plan.group, health }, operation, prepare(plan))
  }
  yield* Effect.logWarning(`consuming is switched off: group "${plan.group}" is not started`)
  return undefined
})

const startPrepared = <R>(
  plan: Plan,
  prepared: Prepared | undefined,
  options: Options,
  onStarted: (run: Running) => Effect.Effect<void, never, R>
): Effect.Effect<Running, KafkaError, KafkaEngine.Service | R> =>
  prepared === undefined
    ? Effect.sync(() => nothing(plan, options.health))
    : start(plan, prepared, options, onStarted)

/** Prepares and starts, unless consuming is switched off or there is nothing to read. */
export const startIfOn = <R>(
  plan: Plan,
  options: Options,
  onStarted: (run: Running) => Effect.Effect<void, never, R>
): Effect.Effect<Running, KafkaError, KafkaEngine.Service | R> =>
  Effect.flatMap(prepareIfOn(plan, options.health), (prepared) => startPrepared(plan, prepared, options, onStarted))

/** Starts a run, which is stopped when the scope ends. Interrupting the start leaves nothing running. */
export const startScoped = (
  plan: Plan,
  options: Options
): Effect.Effect<Running, KafkaError, KafkaEngine.Service | Scope.Scope> =>
  startIfOn(plan, options, (run) => Effect.addFinalizer(() => run.stop))

/** The members of a consumer: itself, and the one that reads its retry topics if there can be any. */
export const plansOf = (plan: Plan): ReadonlyArray<Plan> => {
  const retries = Routing.retryPlan(plan)
  return retries === undefined ? [plan] : [plan, retries]
}

/** Starts all members of a consumer. Returns an effect that ends with the first of them that ends. */
export const startAllScoped = Effect.fnUntraced(function*(
  plan: Plan,
  emit: Options["emit"]
): Effect.fn.Return<Running["await"], KafkaError, KafkaEngine.Service | Scope.Scope> {
  const runs: Array<Running> = []
  const members = yield* Effect.forEach(
    plansOf(plan),
    (each) => Effect.map(HealthCells.register(each.group), (health) => ({ each, health }))
  )
  yield* Effect.addFinalizer(() => stopAll(runs))
  // No member begins before all topics are there: what fails here has handled nothing yet.
  const prepared = yield* Effect.forEach(members, ({ each, health }) => prepareIfOn(each, health))
  for (const [i, { each, health }] of members.entries()) {
    const options = { holds: false, health, emit }
    const run = yield* startPrepared(each, prepared[i], options, (run) => Effect.sync(() => void runs.push(run)))
    if (!runs.includes(run)) runs.push(run)
  }
  return Effect.raceAllFirst(runs.map((run) => run.await))
})
