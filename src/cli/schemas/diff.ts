/** `millrace schemas diff`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as TextDiff from "effect/TextDiff"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { plain } from "../values.ts"
import { type Target, targetsOf, topics } from "./registrations.ts"
import { concurrency, stateOf } from "./state.ts"
import { comparable } from "./text.ts"

/** The lines in which two schemas differ. */
const diffOf = Effect.fnUntraced(function*(target: Target) {
  const { part, schema, subject, topic } = target
  const { latest } = yield* stateOf(target)
  const before = latest === undefined ? "" : `${comparable(latest)}\n`
  const edits = TextDiff.lines(before, `${comparable(schema)}\n`)
  const text = TextDiff.unified(edits, {
    fromFile: latest === undefined ? "no subject" : `${subject}, version ${latest.version}`,
    toFile: `${subject}, topic ${topic}`
  })
  const isSame = edits.every(({ _tag }) => _tag === "Equal")
  return { subject, topic, part, latest: latest?.version, diff: isSame ? undefined : text.trimEnd() }
})

/** Shows how the schemas of the config's topics differ from the latest versions. */
export const diff = Command.make(
  "diff",
  { topics, json },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const registry = yield* registryOf(loaded)
    const targets = yield* targetsOf(loaded, flags.topics)
    const found = yield* Effect.forEach(targets, diffOf, { concurrency }).pipe(Effect.provide(registry))
    if (flags.json) return yield* Console.log(JSON.stringify(found))
    for (const { diff, latest, subject } of found) {
      const lines = diff === undefined ? [`${subject}: as version ${latest}`] : diff.split("\n")
      for (const line of lines) yield* Console.log(plain(line))
    }
  })
).pipe(Command.withDescription("Show how the schemas of the config's topics differ from the latest versions"))
