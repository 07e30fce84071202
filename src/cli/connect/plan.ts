/** `millrace connect plan`: what publishing would do. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { writeFileSync } from "node:fs"
import * as Connectors from "../../connect/Connectors.ts"
import type { Plan } from "../../connect/PlanModel.ts"
import { messageOf } from "../../internal/shared/causes.ts"
import { WorkFailed } from "../exit.ts"
import { json } from "../root.ts"
import { entryLines, summary } from "./lines.ts"
import { names, select, settingsOf } from "./selecting.ts"

/** `--prune`. */
export const prune = Flag.Boolean("prune").pipe(
  Flag.withDescription("Also delete connectors that begin with the config's prefix and are not in the config"),
  Flag.withDefault(false)
)

/** A plan in JSON, without settings: they may be secret. */
export const jsonOf = ({ entries, kafkaClusterId }: Plan) => ({
  kafkaClusterId,
  entries: entries.map(({ changes, findings, name, problems, steps }) => ({
    name,
    steps: steps.map(({ _tag }) => _tag),
    changes,
    problems,
    findings
  }))
})

/** Prints a plan. */
export const printed = Effect.fnUntraced(function*(plan: Plan) {
  for (const line of plan.entries.flatMap(entryLines)) yield* Console.log(line)
  yield* Console.log(summary(plan))
})

const write = (file: string, text: string) =>
  Effect.try({
    try: () => writeFileSync(file, text),
    catch: (cause) => new WorkFailed({ problem: `the plan cannot be written: ${messageOf(cause)}` })
  })

export const plan = Command.make(
  "plan",
  {
    names,
    prune,
    check: Flag.Boolean("check").pipe(
      Flag.withDescription("Exit code 1 if there is something to do, for pipelines"),
      Flag.withDefault(false)
    ),
    out: Flag.String("out").pipe(
      Flag.withDescription("Save the plan in a file, for publish --plan; it has no secrets"),
      Flag.optional
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const selected = yield* select(flags.names)
    const settings = yield* settingsOf(selected, flags.names, flags.prune)
    const made = yield* Connectors.plan(selected.connectors, settings).pipe(Effect.provide(selected.connect))
    if (flags.json) yield* Console.log(JSON.stringify(jsonOf(made)))
    else yield* printed(made)
    const wrong = made.entries.filter(({ problems }) => problems.length > 0).length
    if (wrong > 0) return yield* new WorkFailed({ problem: `${wrong} of the connectors would be refused` })
    if (Option.isSome(flags.out)) yield* write(flags.out.value, yield* Connectors.save(made))
    if (flags.check && !Connectors.isUpToDate(made)) return yield* new WorkFailed({})
  })
).pipe(Command.withDescription("Show what publishing would do; nothing is changed"))
