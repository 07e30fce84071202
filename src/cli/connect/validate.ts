/** `millrace connect validate`: what the plugins say about the settings of connectors. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Connectors from "../../connect/Connectors.ts"
import type { Entry } from "../../connect/PlanModel.ts"
import { WorkFailed } from "../exit.ts"
import { json } from "../root.ts"
import { plain } from "../values.ts"
import { names, sayRemoved, select, settingsOf } from "./selecting.ts"

const linesOf = ({ findings, name, problems }: Entry): ReadonlyArray<string> =>
  [
    `${name}: ${problems.length === 0 ? "valid" : "not valid"}`,
    ...problems.flatMap(({ key, messages }) =>
      messages.map((message) => `  ${key === undefined ? "" : `${key}: `}${message}`)
    ),
    ...findings.map(({ problem, rule }) => `  warning ${rule}: ${problem}`)
  ].map(plain)

/** Validates, and returns how many are not valid. */
export const validated = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>, asJson: boolean) {
  const selected = yield* select(wanted)
  const { connect, connectors } = selected
  const settings = yield* settingsOf(selected, wanted, false)
  if (!asJson) yield* sayRemoved(selected, "not validated")
  const { entries } = yield* Connectors.plan(connectors.filter(({ _tag }) => _tag === "Declared"), settings).pipe(
    Effect.provide(connect)
  )
  const found = entries.map(({ findings, name, problems }) => ({
    name,
    valid: problems.length === 0,
    problems,
    findings
  }))
  if (asJson) yield* Console.log(JSON.stringify(found))
  else for (const line of entries.flatMap(linesOf)) yield* Console.log(line)
  return found.filter(({ valid }) => !valid).length
})

export const validate = Command.make(
  "validate",
  { names, json },
  Effect.fnUntraced(function*(flags) {
    const wrong = yield* validated(flags.names, flags.json)
    if (wrong > 0) return yield* new WorkFailed({ problem: `${wrong} of the connectors would be refused` })
  })
).pipe(Command.withDescription("Ask the plugins whether they take the settings; exit code 1 if one does not"))
