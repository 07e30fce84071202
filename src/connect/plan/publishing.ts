/**
 * Carries a plan out: creates and changes before it deletes, and one connector's error stops no other, unless it is the
 * error of all.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import { shortened } from "../../rest/bodies.ts"
import { isMasked, scrubbed, secretsOf, settingIn } from "../config/secrets.ts"
import * as Errors from "../ConnectError.ts"
import type { ConnectError } from "../ConnectError.ts"
import type { Connect, ConnectorConfig, Status } from "../ConnectModel.ts"
import type { DesiredState } from "../Connector.ts"
import { markerKey } from "../given.ts"
import type { Entry, Plan, Published, SettleOptions, Step } from "../PlanModel.ts"
import { isDown } from "./serving.ts"
import { askedTo } from "./steps.ts"

const carryOut = (connect: Connect, name: string, step: Step): Effect.Effect<unknown, ConnectError> => {
  switch (step._tag) {
    case "Create":
      return Effect.catchIf(
        // An earlier Connect does not know the state.
        connect.create(name, step.config, step.initialState === "RUNNING" ? {} : { initialState: step.initialState }),
        // It may be done although its response was lost, or another instance of the program was faster.
        (error) => error.isRetryable || error.reason._tag === "ConnectorExists",
        (error) => untilListed(connect, name, step, error)
      )
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

type Setting = ConnectorConfig[string]

const isLike = (sent: Setting, listed: Setting | undefined): boolean =>
  Redacted.isRedacted(sent) || Redacted.isRedacted(listed) || sent.trim() === listed?.trim() || isMasked(listed ?? "")

/** Whether a worker lists the settings that were published; masked and secret ones cannot tell. */
const isListed = (connect: Connect, name: string, { _tag, ...step }: Step) =>
  Effect.match(connect.get(name), {
    onFailure: ({ reason }) => _tag === "Delete" && reason._tag === "ConnectorNotFound",
    onSuccess: (info) =>
      _tag !== "Delete" && (!("config" in step)
        || Object.entries(step.config).every(([key, value]) =>
          key === markerKey || isLike(value, settingIn(info.config, key))
        ))
  })

const movesTo: { readonly [tag in Step["_tag"]]?: DesiredState } = {
  Resume: "running",
  Pause: "paused",
  Stop: "stopped"
}
const beginsAs = { RUNNING: "running", PAUSED: "paused", STOPPED: "stopped" } as const

/** What steps ask a connector to do; `undefined` if that stays as it was. */
export const asks = (steps: ReadonlyArray<Step>): DesiredState | undefined =>
  steps.reduce<DesiredState | undefined>(
    (state, step) => step._tag === "Create" ? beginsAs[step.initialState] : movesTo[step._tag] ?? state,
    undefined
  )

/** Whether a worker lists what a connector was asked to do. A new one that runs has no status at first. */
const isInState = (connect: Connect, name: string, state: DesiredState) =>
  Effect.match(connect.status(name), {
    onFailure: ({ reason }) => state === "running" && reason._tag === "ConnectorNotFound",
    onSuccess: (status) => askedTo(status) === state
  })

/**
 * A worker lists a change some milliseconds after it has taken it. Without this a plan that follows at once would still
 * see what was before. It gives up in silence: the change is done.
 */
const untilVisible = (connect: Connect, name: string, steps: ReadonlyArray<Step>): Effect.Effect<void> => {
  const step = steps.find(({ _tag }) => _tag === "Create" || _tag === "Update" || _tag === "Delete")
  const state = asks(steps)
  return Effect.gen(function*() {
    if (step !== undefined && !(yield* isListed(connect, name, step))) return false
    return state === undefined || (yield* isInState(connect, name, state))
  }).pipe(
    Effect.repeat({ until: (visible) => visible, schedule: Schedule.spaced(visibleEvery) }),
    Effect.timeoutOption(visibleWithin),
    Effect.asVoid
  )
}

/** Waits for a connector that was perhaps created; fails with the error if it was not, or with other settings. */
const untilListed = (connect: Connect, name: string, step: Step, error: ConnectError) =>
  isListed(connect, name, step).pipe(
    Effect.repeat({ until: (listed) => listed, schedule: Schedule.spaced(visibleEvery) }),
    Effect.timeoutOption(visibleWithin),
    Effect.flatMap((listed) => listed._tag === "Some" ? Effect.void : Effect.fail(error))
  )

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

interface PublishOptions {
  /** Whether the valid connectors of a plan with invalid ones are published. */
  readonly ignoreFailures?: boolean | undefined
  /** Hears of each connector as soon as it is done. */
  readonly each?: ((published: Published) => Effect.Effect<void>) | undefined
}

export const publish = Effect.fnUntraced(function*(
  connect: Connect,
  { entries }: Plan,
  { each = () => Effect.void, ignoreFailures = false }: PublishOptions = {}
): Effect.fn.Return<ReadonlyArray<Published>> {
  let isHeldBack = !ignoreFailures && entries.some(({ problems }) => problems.length > 0)
  const published = new Map<string, Published>()
  for (const entry of [...entries.filter((entry) => !isDeletion(entry)), ...entries.filter(isDeletion)]) {
    const one = entry.problems.length > 0
      ? refused(entry)
      : isHeldBack
      ? { name: entry.name, done: [], isHeldBack: entry.steps.length > 0, error: undefined }
      : yield* publishOne(connect, entry)
    published.set(entry.name, one)
    yield* each(one)
    // Each of the others would be waited for as long.
    if (!isHeldBack && one.error !== undefined && (yield* isDown(connect, one.error))) isHeldBack = true
  }
  return entries.map(({ name }) => published.get(name)!)
})

/** Why a connector failed, in one line. */
export const failureIn = ({ state, tasks, trace }: Status): string | undefined => {
  const failed = tasks.find((task) => task.state === "FAILED")
  if (state !== "FAILED" && failed === undefined) return undefined
  const what = state === "FAILED" ? "the connector" : `task ${failed!.id}`
  const why = (state === "FAILED" ? trace : failed!.trace) ?? "no trace"
  return `${what} failed: ${shortened(why.split("\n")[0]!, 1_000)}`
}

/** Whether a connector and its tasks do one thing; a running one has tasks. */
export const isSettled = ({ state, tasks }: Status, wanted?: DesiredState | undefined): boolean =>
  Object.hasOwn(beginsAs, state) && (wanted === undefined || beginsAs[state as keyof typeof beginsAs] === wanted)
  && (state !== "RUNNING" || tasks.length > 0) && tasks.every((task) => task.state === state)

/** A worker that took a change shows what was before for some 100 ms; while tasks move to others it takes longer. */
const defaultSteady = "1 second"

const lookEvery = "250 millis"

/** A look may take this many milliseconds, also the last one. */
const leastLook = 5_000

const silence = ({ url }: Connect) =>
  Errors.make("get a status", new Errors.Unavailable({ problem: "no response in time" }), { url })

const isPassing = ({ isRetryable, reason }: ConnectError): boolean => reason._tag === "ConnectorNotFound" || isRetryable

/** A status of a Connect of one's own does not tell them. */
const listedSecrets = (connect: Connect, name: string): Effect.Effect<ReadonlyArray<string>> =>
  Effect.match(connect.get(name), { onFailure: () => [], onSuccess: ({ config }) => secretsOf(config) })

/**
 * Waits until a connector does what it was asked to, at most `within`; a failed task ends the wait. `secrets`: those
 * that a trace may quote, and that Connect does not tell.
 */
export const settle = Effect.fnUntraced(function*(
  connect: Connect,
  name: string,
  within: Duration.Input,
  { state, steadyFor = defaultSteady }: Omit<SettleOptions, "connector"> = {},
  secrets: ReadonlyArray<string> = []
): Effect.fn.Return<Status, ConnectError> {
  const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(Duration.fromInputUnsafe(within))
  const steady = Duration.toMillis(Duration.fromInputUnsafe(steadyFor))
  const fail = (problem: string) =>
    Errors.make("wait for a connector", new Errors.NotRunning({ connector: name, problem }))
  let seen = { verdict: "", since: 0 }
  while (true) {
    // Right after it was created there is no status yet; a worker that restarts is waited for.
    const left = until - (yield* Clock.currentTimeMillis)
    const looked = yield* connect.status(name).pipe(
      Effect.timeoutOrElse({ duration: Math.max(left, leastLook), orElse: () => Effect.fail(silence(connect)) }),
      Effect.result
    )
    if (looked._tag === "Failure" && !isPassing(looked.failure)) return yield* looked.failure
    const status = looked._tag === "Success" ? looked.success : undefined
    const now = yield* Clock.currentTimeMillis
    const failure = status === undefined ? undefined : failureIn(status)
    const settled = status !== undefined && isSettled(status, state) ? status : undefined
    const verdict = failure ?? (settled === undefined ? "" : "settled")
    if (verdict !== seen.verdict) seen = { verdict, since: now }
    if (now - seen.since >= steady || now >= until) {
      if (status !== undefined && failure !== undefined) {
        const known = [...secrets, ...yield* listedSecrets(connect, name)]
        return yield* fail(failureIn(scrubbed(status, known)) ?? failure)
      }
      if (settled !== undefined) return settled
    }
    if (now >= until) {
      const tasks = looked._tag === "Failure"
        ? `no status: ${looked.failure.message}`
        : `${looked.success.state}, tasks ${looked.success.tasks.map(({ state }) => state)}`
      return yield* fail(`not after ${Duration.format(Duration.fromInputUnsafe(within))} (${tasks})`)
    }
    yield* Effect.sleep(lookEvery)
  }
})
