/** `millrace schemas ls`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { printTable } from "../table.ts"
import { anyTargetsOf, type Target, targetsOf, topics } from "./registrations.ts"
import { concurrency, stateOf, statusOf } from "./state.ts"

const words = {
  registered: "registered",
  older: "registered, not the latest",
  unregistered: "not registered",
  new: "no subject"
}

const row = Effect.fnUntraced(function*(target: Target) {
  const { part, schema, subject, topic } = target
  const state = yield* stateOf(target)
  return {
    ...{ subject, type: schema.type, topic, part, compatibility: state.compatibility, status: statusOf(state) },
    ...{ version: state.own?.version, id: state.own?.id, latest: state.latest?.version }
  }
})

type Row = Effect.Success<ReturnType<typeof row>>

/** Subjects of the registry that no topic of the config has. */
const others = Effect.fnUntraced(function*(known: ReadonlyArray<Row>) {
  const registry = yield* SchemaRegistry.Service
  const subjects = (yield* registry.subjects()).filter((name) => !known.some(({ subject }) => subject === name))
  return yield* Effect.forEach(
    subjects,
    Effect.fnUntraced(function*(subject) {
      const { type, version } = yield* registry.version(subject, "latest")
      return {
        ...{ subject, type, topic: undefined, part: undefined, status: undefined },
        ...{ compatibility: yield* registry.compatibility(subject), version: undefined, id: undefined, latest: version }
      }
    }),
    { concurrency }
  )
})

/** Lists the subjects of the config's topics. */
export const ls = Command.make(
  "ls",
  {
    topics,
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Also the subjects of the registry that no topic of the config has"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const registry = yield* registryOf(loaded)
    const targets = yield* (flags.all ? anyTargetsOf : targetsOf)(loaded, flags.topics)
    const rows = yield* Effect.gen(function*() {
      const own = yield* Effect.forEach(targets, row, { concurrency })
      return [...own, ...(flags.all ? yield* others(own) : [])]
    }).pipe(Effect.provide(registry))
    if (flags.json) return yield* Console.log(JSON.stringify(rows))
    const cells = rows.map(({ compatibility, id, latest, part, status, subject, topic, type, version }) => [
      ...[subject, type, topic ?? "-", part ?? "-", version ?? "-", id ?? "-", latest ?? "-", compatibility],
      status === undefined ? "-" : words[status]
    ])
    const header = ["SUBJECT", "TYPE", "TOPIC", "PART", "VERSION", "ID", "LATEST", "COMPATIBILITY", "STATE"]
    yield* printTable(header, cells)
  })
).pipe(Command.withDescription("List the subjects of the config's topics, and whether their schemas are registered"))
