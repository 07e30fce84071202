/** Looks at connectors from time to time, and restarts what failed. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { scrubbed, secretsOf } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { Connect, Described, Status } from "../ConnectModel.ts"
import { failureIn, isSettled } from "../plan/publishing.ts"
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
  /** Since when it has been starting. */
  startingSince: number | undefined
  count: number
}

/** Starting takes some seconds, also while tasks move to another worker. */
const startsWithin = Duration.toMillis("30 seconds")

/** A look must end, so that a cluster that hangs is seen; requests are repeated for some 25 seconds. */
const looksWithin = Duration.seconds(30)

const silence = ({ url }: Connect) =>
  Errors.make(
    "list connectors",
    new Errors.Unavailable({ problem: `nothing came within ${Duration.format(looksWithin)}` }),
    { url }
  )

/** What a connector that has not failed does not do yet. */
const lateIn = ({ state, tasks }: Status): string => {
  const task = tasks.find((each) => each.state !== state)
  return task === undefined
    ? `the connector is ${state}, with ${tasks.length} tasks`
    : `the connector is ${state}, and task ${task.id} is ${task.state}`
}

/** Looks once at all connectors. One of these for each watch. `secrets`: those that are declared, by connector. */
export const watcher = (
  connect: Connect,
  names: ReadonlyArray<string>,
  secrets: ReadonlyMap<string, ReadonlyArray<string>>,
  options: WatchOptions
) => {
  const forgetAfter = Duration.toMillis(Duration.fromInputUnsafe(options.forgetAfter ?? defaultForget))
  const schedule = options.restart === "never" ? undefined : options.restart ?? defaultRestart
  const seen = new Map<string, Seen>()
  const seenOf = (name: string): Seen => {
    const known = seen.get(name)
    if (known !== undefined) return known
    const fresh = {
      restarts: new Restarts(schedule ?? Schedule.recurs(0)),
      wellSince: undefined,
      startingSince: undefined,
      count: 0
    }
    seen.set(name, fresh)
    return fresh
  }

  const ofFailed = Effect.fnUntraced(function*(name: string, status: Status, cause: string, now: number) {
    const known = seenOf(name)
    known.wellSince = undefined
    known.startingSince = undefined
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
    const asked = yield* Effect.result(connect.restart(name, { tasks: "failed" }))
    if (asked._tag === "Failure") {
      known.restarts.undo(cause, now)
      return report("failed", `; the restart could not be asked for: ${asked.failure.message}`)
    }
    known.count++
    return report("restarting")
  })

  const look = Effect.fnUntraced(function*(
    name: string,
    described: Described | undefined,
    now: number
  ): Effect.fn.Return<Watched> {
    const known = seenOf(name)
    const status = described?.status === undefined
      ? undefined
      : scrubbed(described.status, [...secrets.get(name) ?? [], ...secretsOf(described.info.config)])
    const report = (health: Watched["health"], problem?: string): Watched => ({
      name,
      status,
      health,
      restarts: known.count,
      problem
    })
    const isStarting = described !== undefined && (status === undefined || !isSettled(status))
    const cause = status === undefined ? undefined : causeOf(status)
    if (status !== undefined && cause !== undefined) return yield* ofFailed(name, status, cause, now)
    known.startingSince = isStarting ? known.startingSince ?? now : undefined
    if (described === undefined) return report("missing", "Connect has no connector of this name")
    if (isStarting) {
      // Right after it was created there is no status yet.
      const late = status === undefined ? "Connect has no status of it" : lateIn(status)
      return report(now - known.startingSince! >= startsWithin ? "stalled" : "starting", late)
    }
    known.wellSince ??= now
    known.restarts.excuse()
    if (now - known.wellSince >= forgetAfter) known.restarts.forget()
    return report("well")
  })

  return Effect.gen(function*() {
    const listed = yield* Effect.result(connect.connectors.pipe(
      Effect.timeoutOrElse({ duration: looksWithin, orElse: () => Effect.fail(silence(connect)) })
    ))
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
    // A worker may take long to restart one.
    return yield* Effect.forEach(names, (name) => look(name, there.get(name), now), { concurrency: "unbounded" })
  })
}

export const everyOf = ({ every }: WatchOptions): Duration.Duration =>
  every === undefined ? defaultEvery : Duration.fromInputUnsafe(every)
