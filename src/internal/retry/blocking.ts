/** Delays of blocking retries. The schedule takes a step per failure; after a restart it goes on where it was. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"

type Step = (now: number, input: any) => Pull.Pull<[unknown, Duration.Duration], never, unknown, any>

/** The part of a failure that its schedule needs. */
interface Failed {
  readonly attempts: number
  readonly firstFailedAt: number
  readonly failedAt: number
  readonly memory: Map<unknown, unknown>
}

/**
 * How many steps of earlier attempts are repeated at most, once after a restart; they take about a tenth of a second.
 * The number of attempts comes from a header or a commit, so it may be wrong.
 */
const mostReplayed = 100_000

const over: Step = () => Cause.done(undefined)

const take = (step: Step, now: number, error: unknown): Pull.Pull<number, never, unknown, any> =>
  Effect.map(step(now, error), ([, delay]) => Math.max(0, Duration.toMillis(delay)))

/**
 * How long to wait before the next attempt, in milliseconds, or `undefined` when the schedule is over. Dies with what
 * the schedule dies of: a bug in it is a bug in the policy, and no end of the retries.
 */
export const nextDelay = <E, R>(
  schedule: Schedule.Schedule<unknown, E, never, R>,
  failed: Failed,
  error: unknown
): Effect.Effect<number | undefined, never, R> =>
  Effect.gen(function*() {
    let step = failed.memory.get(schedule) as Step | undefined
    if (step === undefined) {
      step = yield* Schedule.toStep(schedule)
      failed.memory.set(schedule, step)
      // Attempts of an earlier assignment count: the schedule takes their steps first.
      let now = failed.firstFailedAt
      const missed = Math.min(failed.attempts - 1, mostReplayed)
      for (let i = 0; i < missed; i++) now += yield* take(step, now, error)
    }
    return yield* take(step, failed.failedAt, error)
  }).pipe(
    Effect.exit,
    Effect.flatMap((exit) => {
      if (Exit.isSuccess(exit)) return Effect.succeed(exit.value)
      if (!Pull.isDoneCause(exit.cause)) return Effect.die(Cause.squash(exit.cause))
      // It stays over: a schedule that is stepped after its end may return anything.
      failed.memory.set(schedule, over)
      return Effect.undefined
    })
  )
