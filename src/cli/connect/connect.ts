/** `millrace connect`: connectors of the config, and what Connect runs. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as ConnectError from "../../connect/ConnectError.ts"
import * as Connectors from "../../connect/Connectors.ts"
import { worksOn } from "../ending.ts"
import { UsageError, WorkFailed } from "../exit.ts"
import { pause, restart, resume, stop } from "./control.ts"
import { list, listed } from "./list.ts"
import { offsets } from "./offsets.ts"
import { plan } from "./plan.ts"
import { carriedOut, ignoreFailures, publish } from "./publish.ts"
import { select, settingsOf } from "./selecting.ts"
import { status, statusOf, watch } from "./status.ts"
import { validate, validated } from "./validate.ts"
import { loggers, plugins } from "./workers.ts"

const flag = (name: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

const publishAll = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>, ignoreFailures: boolean) {
  const selected = yield* select(wanted)
  const settings = yield* settingsOf(selected, wanted, false)
  return yield* Effect.flatMap(
    Connectors.plan(selected.connectors, settings),
    (plan) => carriedOut(plan, { ignoreFailures, json: false, wait: undefined })
  ).pipe(Effect.provide(selected.connect))
})

/** Whether the other parts would fail for the same reason. */
const isOfAll = (error: unknown): boolean =>
  error instanceof UsageError || error instanceof WorkFailed
  || ConnectError.isConnectError(error) && error.reason._tag === "Unavailable"

/** One part of the work; what it fails with is counted, so that the other parts are done, too. */
const counted = <E, R>(part: Effect.Effect<number, E, R>) =>
  Effect.catch(part, (error) =>
    isOfAll(error)
      ? Effect.fail(error)
      : Effect.as(Effect.logError(error instanceof Error ? error.message : String(error)), 1))

/** Everything about connectors; without a subcommand the flags say what is done, in one order. */
export const connect = Command.make(
  "connect",
  {
    connector: Flag.String("connector").pipe(Flag.withDescription("Only this connector"), Flag.optional),
    list: flag("list", "As `connect list`"),
    validate: flag("validate", "As `connect validate`"),
    publish: flag("publish", "As `connect publish`, after validating; deletes what is marked for removal"),
    checkStatus: flag("check-status", "As `connect status`, at last"),
    ignoreFailures
  },
  Effect.fnUntraced(function*(flags) {
    const wanted = Option.toArray(flags.connector)
    if (!(flags.list || flags.validate || flags.publish || flags.checkStatus)) {
      return yield* new UsageError({
        problem: "say what to do: a subcommand (millrace connect --help lists them), or --list, --validate, --publish, "
          + "--check-status"
      })
    }
    // The parts before it print, too.
    if (flags.publish) yield* worksOn
    if (flags.list) yield* listed(wanted, false)
    let failed = 0
    if (flags.validate) failed += yield* counted(validated(wanted, false))
    if (flags.publish) failed += yield* counted(publishAll(wanted, flags.ignoreFailures))
    if (flags.checkStatus) failed += yield* counted(statusOf(wanted, false))
    if (failed > 0 && !flags.ignoreFailures) return yield* new WorkFailed({ problem: "not all of it succeeded" })
  })
).pipe(
  Command.withSubcommands([
    list,
    validate,
    plan,
    publish,
    status,
    watch,
    restart,
    pause,
    resume,
    stop,
    offsets,
    plugins,
    loggers
  ]),
  Command.withDescription("Compare the connectors of the config with Kafka Connect, publish and operate them")
)
