/** `millrace schemas register`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { dryRun } from "../dltFilter.ts"
import { worksOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { plain } from "../values.ts"
import { type Checked, checksOf, isMissing, linesOf } from "./check.ts"
import { type Target, targetsOf, topics } from "./registrations.ts"

/** What a check found, and, if it was registered now, as which version. */
interface Done extends Omit<Checked, "status"> {
  readonly status: Checked["status"] | "made"
}

const registered = Effect.fnUntraced(function*(checked: Checked, { normalize, schema, subject }: Target) {
  const registry = yield* SchemaRegistry.Service
  yield* registry.register(subject, schema, { normalize })
  const { id, version } = yield* registry.lookup(subject, schema, { normalize })
  return { ...checked, status: "made", version, id } satisfies Done
})

const wordsOf = (done: Done, checked: Checked, next: number | undefined): ReadonlyArray<string> => {
  const { id, status, subject, version } = done
  if (status === "made") return [plain(`${subject}: registered as version ${version}, id ${id}`)]
  if (isMissing(checked)) return [plain(`${subject}: would be registered as version ${next}`)]
  return linesOf(checked)
}

/** Registers the schemas of the config's topics. */
export const register = Command.make(
  "register",
  { topics, dryRun, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const registry = yield* registryOf(loaded)
    const targets = yield* targetsOf(loaded, flags.topics)
    const work = Effect.gen(function*() {
      if (!flags.dryRun) yield* worksOn
      const found = yield* checksOf(targets)
      const wrong = found.filter(({ status }) => status === "incompatible").length
      // All or nothing: a rollout of a half would be neither the old nor the new state.
      const executes = !flags.dryRun && wrong === 0
      const done: Array<Done> = []
      const each = Effect.forEach(
        found,
        Effect.fnUntraced(function*({ next, ...checked }, i) {
          const one = executes && isMissing(checked) ? yield* registered(checked, targets[i]!) : checked
          done.push(one)
          if (!flags.json) { for (const line of wordsOf(one, checked, next)) yield* Console.log(line) }
        }),
        { discard: true }
      )
      // What was registered is said also where the registry fails after it.
      const report = Effect.suspend(() => flags.json ? Console.log(JSON.stringify(done)) : Effect.void)
      yield* Effect.ensuring(each, report)
      if (wrong > 0) {
        return yield* new WorkFailed({ problem: `${wrong} of ${found.length} may not be registered; nothing was` })
      }
    })
    yield* Effect.provide(work, registry)
  })
).pipe(Command.withDescription("Register the schemas of the config's topics; all of them, or none if one is refused"))
