/** Decides whether a record may be sent. Only `Producer`'s functions ask, before they encode; retries never do. */
import * as Effect from "effect/Effect"
import type { Delivery } from "../../engine/KafkaEngine.ts"
import type { Asked, Verdict } from "../../Suppression.ts"
import { Current as CurrentSuppression, decide } from "../../Suppression.ts"
import type { Switches } from "../../Switches.ts"
import { Current as CurrentSwitches } from "../../Switches.ts"

/** The delivery of a suppressed record, which was not sent: partition, offset and timestamp are -1. */
export const nowhere = (topic: string): Delivery => ({ topic, partition: -1, offset: -1, timestamp: -1 })

const warned = new WeakSet<Switches>()

/** What the current fiber's switches and suppression mean for a topic. */
export const verdictOf = Effect.fnUntraced(function*(topic: Asked): Effect.fn.Return<Verdict> {
  const switches = yield* CurrentSwitches
  if (switches.produce) return decide(yield* CurrentSuppression, topic)
  if (!warned.has(switches)) {
    warned.add(switches)
    yield* Effect.logWarning("producing is switched off: nothing is sent")
  }
  return "all"
})
