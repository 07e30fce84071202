/** Keeps a consumer running in the background: starts it again unless a restart cannot help. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as KafkaEngine from "../../engine/KafkaEngine.ts"
import type { HandlerFailed } from "../../HandlerFailed.ts"
import type { KafkaError, Reason } from "../../KafkaError.ts"
import { logCause } from "../shared/causes.ts"
import type { HealthCell } from "../telemetry/healthCell.ts"
import { type Running, stopAll } from "./runtime.ts"

/** A run that lasted this long was healthy: the restart schedule starts from its beginning. In milliseconds. */
const settled = 60_000

/** No first start helps against these: the program, its settings or its credentials must change. */
const hopeless: ReadonlySet<Reason["_tag"]> = new Set([
  "AuthenticationFailed",
  "InvalidSetting",
  "Unsupported",
  "DriverMissing"
])

/** Whether a run that ended so would end so again: a handler's `startOffsets` returned what is no offset. */
const isWrong = (cause: Cause.Cause<KafkaError | HandlerFailed<any>>): boolean => {
  const error = Cause.findErrorOption(cause)
  return error._tag === "Some" && error.value._tag === "KafkaError" && error.value.reason._tag === "InvalidSetting"
}

/** A member to be supervised. */
export interface Supervised {
  readonly group: string
  readonly start: (
    onStarted: (run: Running) => Effect.Effect<void>
  ) => Effect.Effect<Running, KafkaError, KafkaEngine.Service>
  readonly health: HealthCell
}

/** Starts the members of a consumer in the current scope, each with a supervisor; they are stopped together. */
export const superviseAll = Effect.fnUntraced(function*(
  members: ReadonlyArray<Supervised>,
  restart: Schedule.Schedule<unknown, unknown>
): Effect.fn.Return<void, KafkaError, KafkaEngine.Service | Scope.Scope> {
  const running = new Map<Supervised, Running>()
  yield* Effect.addFinalizer(() => stopAll(running.values()))
  for (const member of members) {
    yield* supervise(member, restart, (run) => {
      if (run === undefined) running.delete(member)
      else running.set(member, run)
    })
  }
})

/**
 * Starts the consumer in the current scope. When the first start fails with an error that no restart can heal, so does
 * this effect; after any other error the supervisor goes on trying in the background.
 */
const supervise = Effect.fnUntraced(function*(
  { group, health, start }: Supervised,
  restart: Schedule.Schedule<unknown, unknown>,
  current: (run: Running | undefined) => void
): Effect.fn.Return<void, KafkaError, KafkaEngine.Service | Scope.Scope> {
  const attempt = start((run) => Effect.sync(() => current(run)))
  const settling = Effect.andThen(
    Effect.sleep(settled),
    Effect.andThen(Effect.sync(() => health.settled()), Effect.never)
  )
  const first = yield* Effect.exit(attempt)
  if (Exit.isFailure(first)) {
    const error = Cause.findErrorOption(first.cause)
    if (error._tag === "None" || hopeless.has(error.value.reason._tag)) return yield* Exit.asVoid(first)
  }

  const again = Effect.fnUntraced(function*(before: Exit.Exit<Running, KafkaError>) {
    let exit: Exit.Exit<Running, KafkaError> = before
    let delay = yield* Schedule.toStepWithSleep(restart)
    while (true) {
      const startedAt = yield* Clock.currentTimeMillis
      const ended = Exit.isSuccess(exit)
        ? yield* Effect.exit(Effect.raceFirst(exit.value.await, settling))
        : Exit.asVoid(exit)
      current(undefined)
      if (Exit.isSuccess(ended)) return
      const error = Cause.findErrorOption(ended.cause)
      if (error._tag === "Some") health.failedToStart(error.value)
      if (isWrong(ended.cause)) {
        yield* logCause(Effect.logError, "consumer ended; it is not started again, which would not help", ended.cause)
        return health.givenUp()
      }
      health.restarting()
      yield* logCause(Effect.logWarning, `consumer of group "${group}" ended; starting it again`, ended.cause)
      if ((yield* Clock.currentTimeMillis) - startedAt > settled) {
        delay = yield* Schedule.toStepWithSleep(restart)
      }
      if (Exit.isFailure(yield* Effect.exit(delay(ended.cause)))) {
        yield* Effect.logError(
          `consumer of group "${group}" is not started again: its restart schedule is over`
        )
        return health.givenUp()
      }
      exit = yield* Effect.exit(attempt)
    }
  })
  yield* Effect.forkScoped(again(first))
})
