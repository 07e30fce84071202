/** Delays of blocking retries: a schedule that is asked once per failure, and carried on after a restart. */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"

type Step = (now: number, input: any) => Pull.Pull<[unknown, Duration.Duration], never, unknown, any>

/** What the schedule has to know of a failure. */
interface Failed {
  readonly attempts: number
  readonly firstFailedAt: number
  readonly failedAt: number
  readonly memory: Map<unknown, unknown>
}

/**
 * Steps of earlier attempts that are made up for at most: a tenth of a second or so, once after a restart. What a
 * header or a commit says is not trusted further.
 */
const mostReplayed = 100_000

const over: Step = () => Cause.done(undefined)

const take = (step: Step, now: number, error: unknown): Pull.Pull<number, never, unknown, any> =>
  Effect.map(step(now, error), ([, delay]) => Math.max(0, Duration.toMillis(delay)))

/**
 * How long to wait before the next attempt, in milliseconds, or `undefined` when the schedule is over. A schedule that
 * dies of an input it did not expect is over as well.
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
      // Attempts of an earlier assignment count: the schedule is brought to where it was.
      let now = failed.firstFailedAt
      const missed = Math.min(failed.attempts - 1, mostReplayed)
      for (let i = 0; i < missed; i++) now += yield* take(step, now, error)
    }
    return yield* take(step, failed.failedAt, error)
  }).pipe(
    Effect.exit,
    Effect.map((exit) => {
      if (Exit.isSuccess(exit)) return exit.value
      // For good, as it is after a restart: a schedule need not know what to answer behind its end.
      failed.memory.set(schedule, over)
      return undefined
    })
  )
