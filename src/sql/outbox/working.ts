/**
 * Who publishes which queue when. Each queue goes its own way: one that is always full, or that waits for a broker,
 * does not hold up the others.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SqlClient } from "effect/sql/SqlClient"
import { isSqlError } from "effect/sql/SqlError"
import { errorOf, messageOf, oneLine } from "../../internal/shared/causes.ts"
import { monotonic, type ServiceCell } from "../../internal/telemetry/serviceCell.ts"
import { syncErrorOf } from "../tables/sqlErrors.ts"
import type { Alarm } from "./alarm.ts"
import { operation, unanswered, within } from "./asking.ts"
import { type Relay, troubleOf } from "./relay.ts"
import { queues, shownQueue } from "./shards.ts"
import { watched } from "./watching.ts"

/** How often it is looked which ids are final, and how old the oldest row is, in milliseconds. */
const observation = 1_000

/** How often everything is read again, whatever is known of it, in milliseconds. */
const reading = 60_000

/** How long nothing is tried after a failure, at first and at most, in milliseconds. */
const shortest = 1_000
const longest = 30_000

export interface WorkOptions {
  readonly concurrency: number
  /** How long it waits before it looks again, in milliseconds. */
  readonly least: number
  readonly most: number
}

const pauseAfter = (failures: number): number => Math.min(shortest * 2 ** failures, longest)

/** In the words of the health: the same for the same error, wherever it was met. */
export const problemIn = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasInterruptsOnly(cause)) return `${operation}: the client of the database or the producer was closed`
  const error = errorOf(cause)
  return oneLine(messageOf(isSqlError(error) ? syncErrorOf(operation, error) : error))
}

/**
 * Publishes for ever, unless it is interrupted, or the logger has a bug. Failures, and defects such as those of a
 * client, are logged and tried again; `health` shows those that last.
 */
export const work = Effect.fnUntraced(function*(
  relay: Relay,
  alarm: Alarm,
  health: ServiceCell,
  { concurrency, least, most }: WorkOptions
): Effect.fn.Return<never, never, SqlClient | Scope.Scope> {
  // Their ends take up to the same time, side by side.
  const queueScope = yield* Effect.acquireRelease(Scope.make("parallel"), (scope, exit) => Scope.close(scope, exit))
  const permits = Semaphore.makeUnsafe(concurrency)
  const busy = new Set<number>()
  const rests = new Map<number, { readonly failures: number; readonly until: number }>()
  let saidAt = -Infinity

  const failed = Effect.fnUntraced(function*(what: string, wait: number, cause: Cause.Cause<unknown>) {
    const now = yield* monotonic
    // Of queues that fail alike one is enough.
    if (now - saidAt < shortest / 2) return
    saidAt = now
    yield* Effect.logWarning(`${what} cannot be published, tried again in ${wait} ms`, cause)
  })

  /** One batch; what takes long gives its place to others. */
  const batch = (queue: number) =>
    Effect.acquireUseRelease(
      Effect.map(permits.take(1), () => {
        let isTaken = true
        return Effect.suspend(() => {
          if (!isTaken) return Effect.void
          isTaken = false
          return permits.release(1)
        })
      }),
      (release) => relay.batch(queue, Effect.asVoid(release)),
      (release) => release
    )

  const publish = Effect.fnUntraced(function*(queue: number) {
    while (true) {
      const { goesOn, published } = yield* batch(queue)
      rests.delete(queue)
      if (goesOn) continue
      return published
    }
  })

  const publishOne = (queue: number) =>
    publish(queue).pipe(
      Effect.catchCause((cause) =>
        Effect.gen(function*() {
          const failures = rests.get(queue)?.failures ?? 0
          const wait = pauseAfter(failures)
          rests.set(queue, { failures: failures + 1, until: (yield* monotonic) + wait })
          health.trouble(troubleOf(queue), problemIn(cause))
          yield* failed(`${shownQueue(queue)} of the outbox`, wait, cause)
          return 0
        })
      ),
      Effect.ensuring(Effect.sync(() => busy.delete(queue))),
      Effect.map((published) => published > 0 ? alarm.ring() : undefined)
    )

  const looked = "what is final"
  const watch = Effect.gen(function*() {
    let readAt = yield* monotonic
    while (true) {
      const now = yield* monotonic
      if (now - readAt >= reading) {
        relay.forget()
        readAt = now
      }
      yield* watched(within(relay.observe, reading / 2), () => relay.unseen).pipe(
        Effect.matchCauseEffect({
          onSuccess: () => Effect.sync(() => health.over(looked)),
          onFailure: (cause) => {
            health.trouble(looked, problemIn(cause), now)
            return relay.unseen
          }
        })
      )
      yield* Effect.sleep(observation)
    }
  })
  yield* Effect.forkIn(watch, queueScope)

  let [pause, failures] = [least, 0]
  const filling = "which queues have rows"
  const look = Effect.gen(function*() {
    const began = yield* monotonic
    const late = (seconds: number) => {
      health.trouble(filling, unanswered, began)
      return Effect.logWarning(`the outbox has waited for the database for ${seconds} s`)
    }
    const filled = yield* watched(relay.filled, late)
    health.running()
    health.over(filling)
    const now = yield* monotonic
    for (let queue = 0; queue < queues; queue++) {
      if (busy.has(queue)) continue
      if (!filled.includes(queue)) {
        rests.delete(queue)
        health.over(troubleOf(queue))
      } else if ((rests.get(queue)?.until ?? now) <= now) {
        busy.add(queue)
        yield* Effect.forkIn(publishOne(queue), queueScope)
      }
    }
    failures = 0
    pause = (yield* alarm.wait(pause)) ? least : Math.min(pause * 2, most)
  })
  return yield* Effect.forever(Effect.catchCause(look, (cause) => {
    const wait = pauseAfter(failures++)
    health.trouble(filling, problemIn(cause))
    return Effect.andThen(failed("the outbox", wait, cause), Effect.sleep(wait))
  }))
})
