/** A consumer that sends every failed record to its dead letter topic, on a broker that the test plays. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { ConsumerControl, OnFailure } from "millrace"
import type { Handler } from "millrace"
import type { DeliveryCallback, ProducerClient } from "../../../src/engine/KafkaEngine.ts"
import * as Plan from "../../../src/internal/plan/plan.ts"
import { Router } from "../../../src/internal/retry/router.ts"
import * as Runtime from "../../../src/internal/run/runtime.ts"
import * as Signal from "../../../src/internal/shared/signal.ts"
import { HealthCell } from "../../../src/internal/telemetry/healthCell.ts"

/**
 * A consumer whose copies are acknowledged by the test, in the order of `answers`. `forgotten` are the topics of which
 * nothing is kept any more.
 */
export const routed = Effect.fnUntraced(function*(
  handler: Handler.Handler<string, never>,
  emit: Runtime.Options["emit"]
) {
  const answers: Array<DeliveryCallback> = []
  const producer: ProducerClient = {
    produce: (_, done) => {
      answers.push(done)
      return true
    },
    whenSpace: Effect.never,
    flush: () => Effect.void
  }
  const router = new Router({
    group: "g",
    producer,
    clock: yield* Effect.clockWith(Effect.succeed),
    publish: Schedule.spaced(700),
    makeSignal: yield* Signal.maker,
    partitionsOf: () => 1,
    errorFields: true,
    restore: () => Effect.void
  })
  const plan = yield* Plan.make({
    group: "g",
    settings: { offsetReset: "earliest", chunkRecords: 5 },
    handlers: [handler],
    onFailure: OnFailure.deadLetter
  })
  const forgotten: Array<string> = []
  const routing = {
    router,
    prepare: () => Effect.succeed(new Map()),
    forget: (topic: string) => void forgotten.push(topic),
    attach: () => {}
  }
  const run = yield* Effect.provideService(
    Runtime.start(
      plan,
      { subscribed: plan, routing, wanted: [] },
      { holds: false, health: new HealthCell("g"), emit },
      () => Effect.void
    ),
    ConsumerControl.Registry,
    new Set()
  )
  return { answers, forgotten, run }
})
