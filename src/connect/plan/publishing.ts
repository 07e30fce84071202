/** Carries a plan out: creates and changes before it deletes, and one connector's error stops no other. */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect, Status } from "../ConnectModel.ts"
import type { Entry, Plan, Published, Step } from "../PlanModel.ts"

const carryOut = (connect: Connect, name: string, step: Step): Effect.Effect<unknown, ConnectError> => {
  switch (step._tag) {
    case "Create":
      return step.initialState === "RUNNING"
        // An earlier Connect does not know the state.
        ? connect.create(name, step.config)
        : connect.create(name, step.config, { initialState: step.initialState })
    case "Update":
      return connect.update(name, step.config)
    case "SetOffsets":
      return connect.alterOffsets(name, step.offsets)
    case "Pause":
      return connect.pause(name)
    case "Resume":
      return connect.resume(name)
    case "Stop":
      return connect.stop(name)
    case "Delete":
      // Somebody else was faster.
      return Effect.catchIf(
        connect.delete(name),
        ({ reason }) => reason._tag === "ConnectorNotFound",
        () => Effect.void
      )
  }
}

/** How long a worker may take to read back what it was given, and how often it is asked. */
const visibleWithin = "10 seconds"
const visibleEvery = "50 millis"

/** Whether a worker lists what was published; masked and secret settings cannot tell. */
const isVisible = (connect: Connect, name: string, { _tag, ...step }: Step) =>
  Effect.match(connect.get(name), {
    onFailure: ({ reason }) => _tag === "Delete" && reason._tag === "ConnectorNotFound",
    onSuccess: (info) =>
      _tag !== "Delete" && (!("config" in step)
        || Object.entries(step.config).every(([key, value]) =>
          typeof value !== "string" || typeof info.config[key] !== "string" || info.config[key] === value
        ))
  })

/**
 * A worker lists a change some milliseconds after it has taken it. Without this a plan that follows at once would still
 * see what was before. It gives up in silence: the change is done.
 */
const untilVisible = (connect: Connect, name: string, steps: ReadonlyArray<Step>): Effect.Effect<void> => {
  const step = steps.find(({ _tag }) => _tag === "Create" || _tag === "Update" || _tag === "Delete")
  if (step === undefined) return Effect.void
  return isVisible(connect, name, step).pipe(
    Effect.repeat({ until: (visible) => visible, schedule: Schedule.spaced(visibleEvery) }),
    Effect.timeoutOption(visibleWithin),
    Effect.asVoid
  )
}

const publishOne = Effect.fnUntraced(function*(connect: Connect, { name, steps }: Entry): Effect.fn.Return<Published> {
  const done: Array<Step> = []
  for (const step of steps) {
    const result = yield* Effect.result(carryOut(connect, name, step))
    if (result._tag === "Failure") return { name, done, isHeldBack: false, error: result.failure }
    done.push(step)
  }
  yield* untilVisible(connect, name, done)
  return { name, done, isHeldBack: false, error: undefined }
})

const isDeletion = ({ steps }: Entry): boolean => steps.some(({ _tag }) => _tag === "Delete")

/** What its plugin refuses is an error of the connector. */
const refused = ({ name, problems }: Entry): Published => ({
  name,
  done: [],
  isHeldBack: false,
  error: Errors.make("publish", new Errors.InvalidConfig({ connector: name, problems }))
})

/** `ignoreFailures`: whether the valid connectors of a plan with invalid ones are published. */
export const publish = Effect.fnUntraced(function*(
  connect: Connect,
  { entries }: Plan,
  { ignoreFailures = false }: { readonly ignoreFailures?: boolean | undefined } = {}
): Effect.fn.Return<ReadonlyArray<Published>> {
  const isHeldBack = !ignoreFailures && entries.some(({ problems }) => problems.length > 0)
  const published = new Map<string, Published>()
  for (const entry of [...entries.filter((each) => !isDeletion(each)), ...entries.filter(isDeletion)]) {
    published.set(
      entry.name,
      entry.problems.length > 0
        ? refused(entry)
        : isHeldBack
        ? { name: entry.name, done: [], isHeldBack: entry.steps.length > 0, error: undefined }
        : yield* publishOne(connect, entry)
    )
  }
  return entries.map(({ name }) => published.get(name)!)
})

const settledStates = new Set(["RUNNING", "PAUSED", "STOPPED"])

/** Why a connector failed, in one line. */
export const failureIn = ({ state, tasks, trace }: Status): string | undefined => {
  const failed = tasks.find((task) => task.state === "FAILED")
  if (state !== "FAILED" && failed === undefined) return undefined
  const what = state === "FAILED" ? "the connector" : `task ${failed!.id}`
  const why = (state === "FAILED" ? trace : failed!.trace) ?? "no trace"
  return `${what} failed: ${why.split("\n")[0]}`
}

/** A running connector has tasks, which run, too. */
const isSettled = ({ state, tasks }: Status): boolean =>
  settledStates.has(state) && (state !== "RUNNING" || tasks.length > 0) && tasks.every((task) => task.state === state)

/** Waits until a connector does what it was asked to, at most `within`; a failed task ends the wait. */
export const settle = Effect.fnUntraced(function*(
  connect: Connect,
  name: string,
  within: Duration.Input
): Effect.fn.Return<Status, ConnectError> {
  const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(within))
  while (true) {
    // Right after it was created there is no status yet; a worker that restarts is waited for.
    const status: Status | undefined = yield* connect.status(name).pipe(
      Effect.catch((error) =>
        error.reason._tag === "ConnectorNotFound" || error.isRetryable ? Effect.succeed(undefined) : Effect.fail(error)
      )
    )
    const failure = status === undefined ? undefined : failureIn(status)
    const fail = (problem: string) =>
      Errors.make("wait for a connector", new Errors.NotRunning({ connector: name, problem }))
    if (failure !== undefined) return yield* fail(failure)
    if (status !== undefined && isSettled(status)) return status
    if ((yield* Clock.currentTimeMillis) >= until) {
      const tasks = status === undefined
        ? "no status"
        : `${status.state}, tasks ${status.tasks.map(({ state }) => state)}`
      return yield* fail(`not after ${Duration.format(Duration.fromInputUnsafe(within))} (${tasks})`)
    }
    yield* Effect.sleep("250 millis")
  }
})
