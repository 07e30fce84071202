/** Records that wait for their next attempt, and what ends the wait: time, an operator, or the end of the partition. */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Signal } from "../shared/signal.ts"
import { monotonicMillis } from "../shared/times.ts"

/** A record that waits. Times are in milliseconds. */
export interface Wait {
  readonly offset: number
  readonly kind: "retry" | "publish"
  readonly attempts: number
  readonly since: number
  readonly until: number
  readonly cause: Cause.Cause<unknown>
  readonly signal: Signal
  order: "now" | "skip" | undefined
}

/** A partition, as a wait sees it. */
interface Waiting {
  readonly waits: Set<Wait>
  readonly isActive: boolean
  readonly suspended: boolean
}

/** JavaScript's longest timer, in milliseconds; a longer wait is made of several. */
const longest = 2_000_000_000

/** Lets a fiber sleep until a signal, at most `millis` milliseconds. */
export const sleep = (signal: Signal, millis: number): Effect.Effect<void> =>
  Effect.asVoid(Effect.timeoutOption(signal.wait, Math.max(0, Math.min(millis, longest))))

/** Waits, and returns why the wait is over. */
export const waitOut = (
  state: Waiting,
  clock: Clock.Clock,
  wait: Wait
): Effect.Effect<"over" | "skip" | "left"> => {
  const loop = Effect.gen(function*() {
    const end = monotonicMillis(clock) + wait.until - clock.currentTimeMillisUnsafe()
    while (state.isActive) {
      if (wait.order === "skip") return "skip" as const
      const rest = wait.order === "now" ? 0 : end - monotonicMillis(clock)
      if (rest <= 0 && !state.suspended) return "over" as const
      yield* rest <= 0 ? wait.signal.wait : sleep(wait.signal, rest)
    }
    return "left" as const
  })
  return Effect.suspend(() => {
    state.waits.add(wait)
    return Effect.ensuring(loop, Effect.sync(() => state.waits.delete(wait)))
  })
}
