/** Starts a run of a consumer and ties its parts together: client, run loop, ticker, health. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as ConsumerControl from "../ConsumerControl.ts"
import type { ConsumerClient } from "../engine/KafkaEngine.ts"
import { KafkaEngine } from "../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../HandlerFailed.ts"
import type { KafkaError } from "../KafkaError.ts"
import type { OutcomeBatch } from "../Outcome.ts"
import * as Switches from "../Switches.ts"
import * as Control from "./control.ts"
import type { HealthCell } from "./healthCell.ts"
import * as LoopContext from "./loopContext.ts"
import type { Plan } from "./plan.ts"
import { RunLoop, tickMillis } from "./runLoop.ts"
import * as Signal from "./signal.ts"
import * as Zombies from "./zombies.ts"

/** A run for those that wait for its end or want it. */
export interface Running {
  /** Ends when the run does, with its error. */
  readonly await: Effect.Effect<void, KafkaError | HandlerFailed<any>>
  /** Drains, commits, leaves the group; bounded by the drain and close timeouts. */
  readonly stop: Effect.Effect<void>
}

/** A run that is under way. */
export interface Run extends Running {
  readonly plan: Plan
  readonly loop: RunLoop
  readonly client: ConsumerClient
}

/** How a run is to be done. */
export interface Options {
  readonly holds: boolean
  readonly health: HealthCell
  readonly emit: ((batch: OutcomeBatch) => Effect.Effect<void>) | undefined
}

/**
 * Connects the client and forks the loop. The run is not tied to a scope: `onStarted` takes care that it is stopped.
 * Between the connecting, which can be interrupted, and that no interruption can leave a run behind.
 */
export const start = <R>(
  plan: Plan,
  options: Options,
  onStarted: (run: Run) => Effect.Effect<void, never, R>
): Effect.Effect<Run, KafkaError, any> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const engine = yield* KafkaEngine
      const signal = yield* Signal.make
      const clientScope = yield* Scope.make()
      const context = yield* LoopContext.make({
        plan,
        holds: options.holds,
        health: options.health,
        admin: engine.admin,
        emit: options.emit,
        zombies: Zombies.ofGroup(engine, plan.group),
        loop: () => loop,
        group: () => client.groupMetadata()
      })
      const loop = new RunLoop(context, signal)
      const connect = Scope.provide(
        engine.consumer({
          subscription: { _tag: "Group", groupId: plan.group, topics: plan.topics, patterns: plan.patterns },
          offsetReset: plan.offsetReset,
          config: plan.config,
          signalEnd: plan.bounded,
          onReady: loop.onReady,
          onEvent: loop.onEvent
        }),
        clientScope
      )
      const connected = yield* Effect.exit(restore(connect))
      if (Exit.isFailure(connected)) {
        yield* Scope.close(clientScope, connected)
        return yield* Exit.failCause(connected.cause)
      }
      const client = connected.value
      context.publish({ _tag: "Started" })
      const ticker = yield* Effect.forkDetach(
        Effect.forever(Effect.andThen(Effect.sleep(tickMillis), Effect.sync(loop.tick)))
      )
      const whole = Effect.gen(function*() {
        const outcome = yield* loop.run(client)
        yield* Fiber.interrupt(ticker)
        yield* Scope.close(clientScope, Exit.void)
        const error = Exit.isFailure(outcome) ? Exit.findErrorOption(outcome) : undefined
        context.publish(error?._tag === "Some" ? { _tag: "Failed", error: error.value } : { _tag: "Stopped" })
        // A bug has no error to tell, and is no stop as asked either.
        if (error?._tag === "None") options.health.givenUp()
        yield* context.report
        return yield* outcome
      })
      const fiber = yield* Effect.forkDetach(whole, { uninterruptible: true })
      const stop = Effect.uninterruptible(
        Effect.andThen(Effect.sync(() => loop.stop(Exit.void)), Effect.asVoid(Fiber.await(fiber)))
      )
      const registry = yield* ConsumerControl.Registry
      const control = Control.make(plan, loop, client, engine.admin, stop)
      registry.add(control)
      fiber.addObserver(() => registry.delete(control))
      const run: Run = { plan, loop, client, await: Fiber.join(fiber), stop }
      yield* onStarted(run)
      return run
    })
  )

/** A consumer without records: it waits, and with `until: "end"` it is at the end. */
const switchedOff = Effect.fnUntraced(function*(plan: Plan, health: HealthCell): Effect.fn.Return<Running> {
  health.switchedOff()
  yield* Effect.logWarning(`consuming is switched off: group "${plan.group}" is not started`)
  return { await: plan.bounded ? Effect.void : Effect.never, stop: Effect.void }
})

/** {@link start}, unless consuming is switched off. */
export const startIfOn = <R>(
  plan: Plan,
  options: Options,
  onStarted: (run: Running) => Effect.Effect<void, never, R>
): Effect.Effect<Running, KafkaError, any> =>
  Effect.flatMap(
    Effect.service(Switches.Current),
    ({ consume }): Effect.Effect<Running, KafkaError, any> =>
      consume ? start(plan, options, onStarted) : switchedOff(plan, options.health)
  )

/** Starts a run and stops it with the scope; interrupting the start itself leaves nothing behind. */
export const startScoped = (plan: Plan, options: Options): Effect.Effect<Running, KafkaError, any> =>
  startIfOn(plan, options, (run) => Effect.addFinalizer(() => run.stop))
