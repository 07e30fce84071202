/** Looks at connectors from time to time, and restarts what failed. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Connect, Described, Status } from "../ConnectModel.ts"
import { failureIn } from "../plan/publishing.ts"
import type { Watched, WatchOptions } from "../WatchModel.ts"
import { causeOf, Restarts } from "./restarts.ts"

const defaultEvery = Duration.seconds(10)
const defaultForget = Duration.minutes(10)

/** 10 s, 20 s, 40 s, … five times. */
const defaultRestart = Schedule.exponential("10 seconds").pipe(Schedule.upTo({ times: 5 }))

interface Seen {
  readonly restarts: Restarts
  /** Since when it has run without a failure. */
  wellSince: number | undefined
  count: number
}

/** What is reported of a connector that runs, or does what it was asked to. */
const health = (status: Status): Watched["health"] =>
  status.state === "UNASSIGNED" || status.state === "RUNNING" && status.tasks.length === 0 ? "starting" : "well"

/** Looks once at all connectors. One of these for each watch. */
export const watcher = (connect: Connect, names: ReadonlyArray<string>, options: WatchOptions) => {
  const forgetAfter = Duration.toMillis(Duration.fromInputUnsafe(options.forgetAfter ?? defaultForget))
  const schedule = options.restart === "never" ? undefined : options.restart ?? defaultRestart
  const seen = new Map<string, Seen>()
  const seenOf = (name: string): Seen => {
    const known = seen.get(name)
    if (known !== undefined) return known
    const fresh = { restarts: new Restarts(schedule ?? Schedule.recurs(0)), wellSince: undefined, count: 0 }
    seen.set(name, fresh)
    return fresh
  }

  const ofFailed = Effect.fnUntraced(function*(name: string, status: Status, cause: string, now: number) {
    const known = seenOf(name)
    known.wellSince = undefined
    const problem = failureIn(status)!
    const report = (health: Watched["health"], more = ""): Watched => ({
      name,
      status,
      health,
      restarts: known.count,
      problem: `${problem}${more}`
    })
    if (schedule === undefined) return report("failed")
    const decision = yield* known.restarts.decide(cause, now)
    if (decision._tag === "GiveUp") {
      return report("given-up", `; given up after ${decision.attempts} restarts for the same cause`)
    }
    if (decision._tag === "Wait") {
      return report(
        "failed",
        `; restart ${decision.attempt} in ${Duration.format(Duration.millis(decision.until - now))}`
      )
    }
    const error = yield* Effect.flip(connect.restart(name, { tasks: "failed" })).pipe(Effect.option)
    known.count++
    return report("restarting", error._tag === "Some" ? `; the restart failed: ${error.value.message}` : "")
  })

  const look = Effect.fnUntraced(function*(
    name: string,
    described: Described | undefined,
    now: number
  ): Effect.fn.Return<Watched> {
    const known = seenOf(name)
    const status = described?.status
    if (status === undefined) {
      // Right after it was created there is no status yet.
      const health = described === undefined ? "missing" : "starting"
      const problem = described === undefined ? "Connect has no connector of this name" : undefined
      return { name, status, health, restarts: known.count, problem }
    }
    const cause = causeOf(status)
    if (cause !== undefined) return yield* ofFailed(name, status, cause, now)
    known.wellSince ??= now
    if (now - known.wellSince >= forgetAfter) known.restarts.forget()
    return { name, status, health: health(status), restarts: known.count, problem: undefined }
  })

  return Effect.gen(function*() {
    const listed = yield* Effect.result(connect.connectors)
    const now = yield* Clock.currentTimeMillis
    if (listed._tag === "Failure") {
      const { message } = listed.failure
      return names.map((name): Watched => ({
        name,
        status: undefined,
        health: "unreachable",
        restarts: seenOf(name).count,
        problem: message
      }))
    }
    const there = new Map(listed.success.map((each) => [each.info.name, each]))
    return yield* Effect.forEach(names, (name) => look(name, there.get(name), now))
  })
}

export const everyOf = ({ every }: WatchOptions): Duration.Duration =>
  every === undefined ? defaultEvery : Duration.fromInputUnsafe(every)
