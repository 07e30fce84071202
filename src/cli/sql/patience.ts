/** Bounds how long a command waits for its databases: a network can lose a connection without a word. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { notForEver } from "../../sql/apply/running.ts"
import { within } from "../../sql/verify/patience.ts"
import { duration } from "../connect/durations.ts"
import { optional } from "../dltFilter.ts"

/** `--timeout` of a command that has no statements of unknown length. */
export const timeout = optional.text("timeout", "How long the command waits for the database (default 5m)")

/** Gives up what takes longer than `--timeout`, also what nothing interrupts. */
export const inTime = Effect.fnUntraced(function*<A, E, R>(
  operation: string,
  given: Option.Option<string>,
  work: Effect.Effect<A, E, R>
) {
  const millis = yield* duration("--timeout", given, 1)
  return yield* within(operation, Duration.fromInputUnsafe(millis ?? "5 minutes"), notForEver(work))
})

/** How long the end of a client is waited for, in milliseconds. */
const closeMillis = 5_000

/** A client waits for its connections, also for one that is lost; the command does not wait for that. */
export const letGo = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R> =>
  Layer.effectContext(Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) =>
      Effect.timeoutOption(Effect.interruptible(notForEver(Scope.close(scope, exit))), closeMillis)
    )
    return yield* Scope.provide(Layer.build(layer), scope)
  }))
