/** Decides whether a record may be sent. Only `Producer`'s functions ask, before they encode; retries never do. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Delivery } from "../../engine/KafkaEngine.ts"
import type { Asked, Suppression, Verdict } from "../../Suppression.ts"
import { Current as CurrentSuppression, decide, none } from "../../Suppression.ts"
import type { Switches } from "../../Switches.ts"
import { Current as CurrentSwitches } from "../../Switches.ts"

/** The delivery of a suppressed record, which was not sent: partition, offset and timestamp are -1. */
export const nowhere = (topic: string): Delivery => ({ topic, partition: -1, offset: -1, timestamp: -1 })

/** Decided once for each suppression and topic. */
const decided = new WeakMap<Suppression, WeakMap<Asked, Verdict>>()

const decideOnce = (suppression: Suppression, topic: Asked): Verdict => {
  const known = decided.get(suppression) ?? new WeakMap<Asked, Verdict>()
  let verdict = known.get(topic)
  if (verdict === undefined) {
    known.set(topic, verdict = decide(suppression, topic))
    decided.set(suppression, known)
  }
  return verdict
}

/** What switches and the suppression of a context mean for a topic. Most contexts have neither, which costs little. */
export const verdictIn = (context: Context.Context<never>, topic: Asked): Verdict | "off" => {
  if (!Context.get(context, CurrentSwitches).produce) return "off"
  const suppression = Context.get(context, CurrentSuppression)
  return suppression === none ? "none" : decideOnce(suppression, topic)
}

const warned = new WeakSet<Switches>()

/** Says once for each set of switches that nothing is sent because of it. */
export const warnIfOff: Effect.Effect<void> = Effect.flatMap(CurrentSwitches, (switches) => {
  if (switches.produce || warned.has(switches)) return Effect.void
  warned.add(switches)
  return Effect.logWarning("producing is switched off: nothing is sent")
})
