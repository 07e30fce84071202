/** `millrace connect publish`: lets Connect run what the config declares. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import { secretsOf } from "../../connect/config/secrets.ts"
import * as Connectors from "../../connect/Connectors.ts"
import * as KafkaConnect from "../../connect/KafkaConnect.ts"
import * as Publishing from "../../connect/plan/publishing.ts"
import type { Plan, Published, Settings } from "../../connect/PlanModel.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import { agreed } from "../confirm.ts"
import { worksOn } from "../ending.ts"
import { UsageError, WorkFailed } from "../exit.ts"
import { json } from "../root.ts"
import { plain } from "../values.ts"
import { duration } from "./durations.ts"
import { publishedLine, unavailable } from "./lines.ts"
import { jsonOf, printed, prune } from "./plan.ts"
import { names, select, type Selected, settingsOf } from "./selecting.ts"

/** `--ignore-failures`. */
export const ignoreFailures = Flag.Boolean("ignore-failures").pipe(
  Flag.withDescription("Publish the valid connectors although others are not, and end with 0 although some failed"),
  Flag.withDefault(false)
)

const read = (file: string) =>
  Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (cause) => new UsageError({ problem: `--plan ${file}: ${messageOf(cause)}` })
  })

/** Secrets that were sent: a trace may have them, and a cluster that hides settings does not list them. */
const secretsIn = (done: Published["done"]): ReadonlyArray<string> =>
  done.flatMap((step) => "config" in step ? secretsOf(step.config) : [])

/** Waits for all that were published; returns the names of those that do not run. */
const settled = Effect.fnUntraced(function*(published: ReadonlyArray<Published>, within: number, asJson: boolean) {
  const connect = yield* KafkaConnect.Service
  const waited = published.filter(({ done, error }) =>
    error === undefined && done.length > 0 && done.every(({ _tag }) => _tag !== "Delete")
  )
  return yield* Effect.forEach(
    waited,
    ({ done, name }) =>
      Publishing.settle(connect, name, within, { state: Publishing.asks(done) }, secretsIn(done)).pipe(
        Effect.tap((status) =>
          asJson ? Effect.void : Console.log(plain(`${name}: ${status.state}, ${status.tasks.length} tasks`))
        ),
        Effect.as(undefined),
        Effect.catch((error) => Effect.as(Console.error(plain(error.message)), name))
      ),
    { concurrency: "unbounded" }
  ).pipe(Effect.map((all) => all.filter((name) => name !== undefined)))
})

/** `late`: those that do not run in time, if that was waited for. */
const report = (published: ReadonlyArray<Published>, late: ReadonlyArray<string> | undefined) =>
  Console.log(JSON.stringify(published.map(({ done, error, isHeldBack, name }) => ({
    name,
    done: done.map(({ _tag }) => _tag),
    heldBack: isHeldBack,
    error: error?.message,
    running: late === undefined ? undefined : error === undefined && !late.includes(name)
  }))))

interface Wanted {
  readonly ignoreFailures: boolean
  readonly json: boolean
  readonly wait: number | undefined
}

/** Carries a plan out; returns how many failed. */
export const carriedOut = Effect.fnUntraced(function*(plan: Plan, { ignoreFailures, json, wait }: Wanted) {
  // Its work goes on when nobody reads what it says.
  yield* worksOn
  const seen: Array<Published> = []
  const isRefused = !ignoreFailures && plan.entries.some(({ problems }) => problems.length > 0)
  const heldBack = isRefused ? "another connector is not valid" : unavailable
  const each = (one: Published) => {
    seen.push(one)
    return json ? Effect.void : Console.log(publishedLine(one, heldBack))
  }
  const published = yield* Effect.onInterrupt(
    Publishing.publish(yield* KafkaConnect.Service, plan, { ignoreFailures, each }),
    () =>
      Effect.andThen(
        Console.error(
          `interrupted: ${seen.length} of ${plan.entries.length} connectors are done; publish again to do what is left`
        ),
        json ? report(seen, undefined) : Effect.void
      )
  )
  const late = wait === undefined ? [] : yield* settled(published, wait, json).pipe(
    Effect.onInterrupt(() => json ? report(published, undefined) : Effect.void)
  )
  if (json) yield* report(published, wait === undefined ? undefined : late)
  // What is left was not even tried, which is no failure to be ignored.
  if (!isRefused && published.some(({ isHeldBack }) => isHeldBack)) {
    return yield* new WorkFailed({ problem: `not everything was published, because ${unavailable}` })
  }
  return published.filter(({ error }) => error !== undefined).length + late.length
})

const isRisky = ({ entries }: Plan): boolean => entries.some(({ steps }) => steps.some(({ _tag }) => _tag === "Delete"))

/** The plan of the flags. */
const planOf = Effect.fnUntraced(function*(
  selected: Selected,
  settings: Settings,
  file: Option.Option<string>
) {
  const made = Option.isNone(file)
    ? Connectors.plan(selected.connectors, settings)
    : Connectors.restore(yield* read(file.value), selected.connectors, settings)
  return yield* Effect.provide(made, selected.connect)
})

export const publish = Command.make(
  "publish",
  {
    names,
    plan: Flag.String("plan").pipe(
      Flag.withDescription(
        "Publish exactly what a saved plan says, with the names and --prune of that plan; refused if something else is "
          + "to be done now"
      ),
      Flag.optional
    ),
    prune,
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription(
        "Also delete; without this flag a plan that deletes is shown, and on a terminal you are asked"
      ),
      Flag.withDefault(false)
    ),
    wait: Flag.String("wait").pipe(
      Flag.withDescription("Wait until every task runs, at most this long: 60s, 5m"),
      Flag.optional
    ),
    ignoreFailures,
    json
  },
  Effect.fnUntraced(function*(flags) {
    const wait = yield* duration("--wait", flags.wait)
    const selected = yield* select(flags.names)
    const settings = yield* settingsOf(selected, flags.names, flags.prune)
    const plan = yield* planOf(selected, settings, flags.plan)
    if (isRisky(plan) && !flags.yes && Option.isNone(flags.plan)) {
      // With --json standard output is JSON alone.
      yield* flags.json ? Console.error(plain(JSON.stringify(jsonOf(plan)))) : printed(plan)
      yield* agreed("Do this, and delete?")
    }
    const { ignoreFailures, json } = flags
    const failed = yield* carriedOut(plan, { ignoreFailures, json, wait }).pipe(Effect.provide(selected.connect))
    if (failed > 0 && !ignoreFailures) return yield* new WorkFailed({ problem: `${failed} connectors failed` })
  })
).pipe(Command.withDescription("Let Connect run what the config declares: create, change and delete what differs"))
