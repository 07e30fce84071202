/** Says that a start takes long. Until a consumer is connected it has no run loop that could. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as ConsumerEvent from "../../ConsumerEvent.ts"
import * as Errors from "../../KafkaError.ts"
import { quietMillis } from "../loop/watch/watch.ts"
import * as EventLog from "../telemetry/eventLog.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"

/** Whose start it is. */
export interface Starting {
  readonly group: string
  readonly health: HealthCell
}

/** Runs a step of a start. If it takes nearly a minute, health, event and log say so; health until the step ends. */
export const said = <A, E, R>(
  { group, health }: Starting,
  operation: string,
  step: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => {
  let isSaid = false
  const say = Effect.gen(function*() {
    yield* Effect.sleep(quietMillis)
    isSaid = true
    const error = Errors.make("start", new Errors.Timeout({ operation, timeoutMs: quietMillis }))
    const event: ConsumerEvent.ConsumerEvent = { _tag: "Disturbed", group, error }
    health.observe(event)
    health.trouble(`it has not started: ${error.reason.message}`)
    yield* PubSub.publish(yield* ConsumerEvent.Bus, event)
    yield* EventLog.make(group, yield* Clock.Clock).log(event)
  })
  return Effect.acquireUseRelease(
    Effect.forkDetach(say),
    () => step,
    (saying) =>
      Effect.andThen(
        Fiber.interrupt(saying),
        Effect.sync(() => isSaid ? health.trouble(undefined) : undefined)
      )
  )
}
