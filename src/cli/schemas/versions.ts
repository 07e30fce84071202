/** `millrace schemas versions`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { printTable } from "../table.ts"
import { concurrency } from "./state.ts"
import { subject, withNames } from "./subjects.ts"

const listed = Effect.fnUntraced(function*(subject: string, deleted: boolean) {
  const registry = yield* SchemaRegistry.Service
  const all = yield* registry.versions(subject, { deleted })
  const live = deleted
    ? yield* Effect.catch(
      registry.versions(subject),
      (error) => error.reason._tag === "SubjectNotFound" ? Effect.succeed([]) : Effect.fail(error)
    )
    : all
  return yield* Effect.forEach(
    all,
    Effect.fnUntraced(function*(version) {
      if (!live.includes(version)) return { version, id: undefined, type: undefined, references: [], deleted: true }
      const { id, references = [], type } = yield* registry.version(subject, version)
      return { version, id, type, references, deleted: false }
    }),
    { concurrency }
  )
})

/** Lists the versions of a subject. */
export const versions = Command.make(
  "versions",
  {
    subject,
    deleted: Flag.Boolean("deleted").pipe(
      Flag.withDescription("Also those that are deleted, and not for good"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const registry = yield* Effect.flatMap(config, registryOf)
    const found = yield* listed(flags.subject, flags.deleted).pipe(withNames(flags.subject), Effect.provide(registry))
    if (flags.json) return yield* Console.log(JSON.stringify(found))
    const rows = found.map(({ deleted, id, references, type, version }) => [
      version,
      id ?? "-",
      type ?? "-",
      references.length === 0 ? "-" : references.map(({ subject, version }) => `${subject} ${version}`).join(", "),
      deleted ? "deleted" : "there"
    ])
    yield* printTable(["VERSION", "ID", "TYPE", "REFERENCES", "STATE"], rows)
  })
).pipe(Command.withDescription("List the versions of a subject, oldest first"))
