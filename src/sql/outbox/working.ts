/**
 * Who publishes which shard when. Each shard goes its own way: one that is always full, or that waits for a broker,
 * does not hold up the others.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SqlClient } from "effect/sql/SqlClient"
import type { Alarm } from "./alarm.ts"
import type { Relay } from "./relay.ts"
import { monotonic, watched } from "./watching.ts"

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

const isInterruption = (cause: Cause.Cause<unknown>): boolean => Cause.hasInterruptsOnly(cause)

/** Publishes for ever. Failures, and defects such as those of a client, are logged and tried again. */
export const work = Effect.fnUntraced(function*(
  relay: Relay,
  alarm: Alarm,
  { concurrency, least, most }: WorkOptions
): Effect.fn.Return<never, never, SqlClient | Scope.Scope> {
  // Their ends take up to the same time, side by side.
  const shardScope = yield* Effect.acquireRelease(Scope.make("parallel"), (scope, exit) => Scope.close(scope, exit))
  const permits = Semaphore.makeUnsafe(concurrency)
  const busy = new Set<number>()
  const rests = new Map<number, { readonly failures: number; readonly until: number }>()
  let saidAt = -Infinity

  const failed = Effect.fnUntraced(function*(what: string, wait: number, cause: Cause.Cause<unknown>) {
    const now = yield* monotonic
    // Of 16 shards that fail alike one is enough.
    if (now - saidAt < shortest / 2) return
    saidAt = now
    yield* Effect.logWarning(`${what} cannot be published, tried again in ${wait} ms`, cause)
  })

  /** One batch; what takes long gives its place to others. */
  const batch = (shard: number) =>
    Effect.acquireUseRelease(
      Effect.map(permits.take(1), () => {
        let isTaken = true
        return Effect.suspend(() => {
          if (!isTaken) return Effect.void
          isTaken = false
          return permits.release(1)
        })
      }),
      (release) => relay.batch(shard, Effect.asVoid(release)),
      (release) => release
    )

  const publish = Effect.fnUntraced(function*(shard: number) {
    while (true) {
      const { goesOn, published } = yield* batch(shard)
      rests.delete(shard)
      if (goesOn) continue
      return published
    }
  })

  const shardOf = (shard: number) =>
    publish(shard).pipe(
      Effect.matchCauseEffect({
        onSuccess: (published) => Effect.succeed(published > 0),
        onFailure: (cause) =>
          Effect.gen(function*() {
            if (isInterruption(cause)) return false
            const failures = rests.get(shard)?.failures ?? 0
            const wait = pauseAfter(failures)
            rests.set(shard, { failures: failures + 1, until: (yield* monotonic) + wait })
            yield* failed(`shard ${shard} of the outbox`, wait, cause)
            return false
          })
      }),
      Effect.flatMap((isDone) =>
        Effect.sync(() => {
          busy.delete(shard)
          if (isDone) alarm.ring()
        })
      )
    )

  const watch = Effect.gen(function*() {
    let readAt = yield* monotonic
    while (true) {
      const now = yield* monotonic
      if (now - readAt >= reading) {
        relay.forget()
        readAt = now
      }
      const looked = Effect.timeout(relay.observe, reading / 2)
      yield* Effect.catchCause(
        watched(looked, () => relay.unseen),
        (cause) => isInterruption(cause) ? Effect.failCause(cause as Cause.Cause<never>) : relay.unseen
      )
      yield* Effect.sleep(observation)
    }
  })
  yield* Effect.forkIn(watch, shardScope)

  let [pause, failures] = [least, 0]
  const look = Effect.gen(function*() {
    const late = (seconds: number) => Effect.logWarning(`the outbox has waited for the database for ${seconds} s`)
    const filled = yield* watched(relay.filled, late)
    const now = yield* monotonic
    for (const shard of filled) {
      if (busy.has(shard) || (rests.get(shard)?.until ?? now) > now) continue
      busy.add(shard)
      yield* Effect.forkIn(shardOf(shard), shardScope)
    }
    failures = 0
    pause = (yield* alarm.wait(pause)) ? least : Math.min(pause * 2, most)
  })
  return yield* Effect.forever(Effect.catchCause(look, (cause) => {
    if (isInterruption(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const wait = pauseAfter(failures++)
    return Effect.andThen(failed("the outbox", wait, cause), Effect.sleep(wait))
  }))
})
