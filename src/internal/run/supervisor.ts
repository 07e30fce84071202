/** Keeps a consumer running in the background: starts it again when what ended it can heal. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { KafkaError, Reason } from "../../KafkaError.ts"
import { logCause } from "../shared/causes.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"
import type { Running } from "./runtime.ts"

/** After so long without an error the restart schedule begins anew, in milliseconds. */
const settled = 60_000

/** What no restart can heal: the program, its settings or its credentials must change. */
const hopeless: ReadonlySet<Reason["_tag"]> = new Set([
  "AuthenticationFailed",
  "InvalidSetting",
  "Unsupported",
  "DriverMissing"
])

/**
 * Starts in the current scope. The first start decides about the caller: an error that cannot heal fails it, any other
 * leaves the supervisor trying.
 */
export const supervise = Effect.fnUntraced(function*(
  start: (onStarted: (run: Running) => Effect.Effect<void>) => Effect.Effect<Running, KafkaError, any>,
  options: { readonly restart: Schedule.Schedule<unknown, unknown>; readonly health: HealthCell }
): Effect.fn.Return<void, KafkaError, Scope.Scope> {
  let current: Running | undefined
  const attempt = start((run) =>
    Effect.sync(() => {
      current = run
    })
  )
  yield* Effect.addFinalizer(() => current === undefined ? Effect.void : current.stop)
  const first = yield* Effect.exit(attempt)
  if (Exit.isFailure(first)) {
    const error = Cause.findErrorOption(first.cause)
    if (error._tag === "None" || hopeless.has(error.value.reason._tag)) return yield* Exit.asVoid(first)
  }

  const again = Effect.fnUntraced(function*(before: Exit.Exit<Running, KafkaError>) {
    let exit: Exit.Exit<Running, KafkaError> = before
    let delay = yield* Schedule.toStepWithSleep(options.restart)
    while (true) {
      const startedAt = yield* Clock.currentTimeMillis
      const ended = Exit.isSuccess(exit) ? yield* Effect.exit(exit.value.await) : Exit.asVoid(exit)
      current = undefined
      if (Exit.isSuccess(ended)) return
      options.health.restarting()
      yield* logCause(Effect.logWarning, "consumer ended; starting it again", ended.cause)
      if ((yield* Clock.currentTimeMillis) - startedAt > settled) {
        delay = yield* Schedule.toStepWithSleep(options.restart)
      }
      if (Exit.isFailure(yield* Effect.exit(delay(ended.cause)))) {
        yield* Effect.logError("consumer is not started again: its restart schedule is over")
        return options.health.givenUp()
      }
      exit = yield* Effect.exit(attempt)
    }
  })
  yield* Effect.forkScoped(again(first))
})
