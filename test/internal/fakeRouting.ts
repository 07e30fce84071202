/** A routing whose broker takes copies late, or not at once, as the seed has it. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { DeliveryCallback, ProducerClient, RawMessage } from "../../src/engine/KafkaEngine.ts"
import * as RetryHeaders from "../../src/internal/retry/retryHeaders.ts"
import { Router } from "../../src/internal/retry/router.ts"
import type { Routing } from "../../src/internal/run/routing.ts"
import * as Signal from "../../src/internal/shared/signal.ts"
import * as Errors from "../../src/KafkaError.ts"
import type { Random } from "./loop/random.ts"

const refused = Errors.make("produce", new Errors.BrokerUnreachable({ bootstrapServers: "none", problem: "as drawn" }))

/** `sent` is told where a record comes from whose copy is under way; its answer is called when the broker has that. */
export const fakeRouting = Effect.fnUntraced(function*(
  random: Random,
  sent: (partition: number, offset: number) => () => void
) {
  const run = Effect.runForkWith(yield* Effect.context())
  let full = false
  const produce = ({ headers, topic }: RawMessage, done: DeliveryCallback): boolean => {
    full = !full && random.chance(0.2)
    if (full) return false
    const fails = random.chance(0.2)
    const { partition, offset } = RetryHeaders.read({
      topic,
      partition: 0,
      offset: 0,
      timestamp: 0,
      headers
    }).origin!
    const acknowledged = sent(partition, offset)
    const answer = Effect.sync(() => {
      if (!fails) acknowledged()
      done(fails ? refused : undefined, undefined)
    })
    run(Effect.delay(answer, random.pick([0, 5, 400, 2_000])))
    return true
  }
  const producer: ProducerClient = { produce, whenSpace: Effect.sleep(3), flush: () => Effect.void }
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
  return {
    router,
    prepare: () => Effect.succeed(new Map()),
    forget: () => {},
    attach: () => {}
  } satisfies Routing
})
