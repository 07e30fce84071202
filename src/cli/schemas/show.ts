/** `millrace schemas show`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { SchemaText } from "../../registry/RegistryModel.ts"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { UsageError } from "../exit.ts"
import { config, json } from "../root.ts"
import { registryOf } from "../services.ts"
import { plain } from "../values.ts"
import { targetsOf } from "./registrations.ts"
import { subject, version, versionOf, withNames } from "./subjects.ts"
import { readable } from "./text.ts"

const print = (schema: SchemaText) =>
  Effect.forEach(readable(schema).split("\n"), (line) => Console.log(plain(line)), { discard: true })

/** Shows a version of a subject, or the schema of the config. */
export const show = Command.make(
  "show",
  {
    subject,
    version,
    local: Flag.Boolean("local").pipe(
      Flag.withDescription("The schema that the config's topics have, instead of the registry's"),
      Flag.withDefault(false)
    ),
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    if (flags.local) {
      if (Option.isSome(flags.version)) {
        return yield* new UsageError({ problem: "--local shows the schema of the config, which has no --version" })
      }
      const target = (yield* targetsOf(loaded, [])).find((target) => target.subject === flags.subject)
      if (target !== undefined) return yield* flags.json ? Console.log(JSON.stringify(target)) : print(target.schema)
      return yield* new UsageError({ problem: `no topic of the config has subject "${flags.subject}"` })
    }
    const wanted = yield* versionOf(flags.version)
    const work = Effect.flatMap(SchemaRegistry.Service, (registry) => registry.version(flags.subject, wanted))
    const found = yield* work.pipe(withNames(flags.subject), Effect.provide(yield* registryOf(loaded)))
    if (flags.json) return yield* Console.log(JSON.stringify(found))
    const { id, references = [], rules = [], type } = found
    // Standard output is the schema alone, so that it can be a file.
    yield* Console.error(plain(`${found.subject}: version ${found.version}, id ${id}, ${type}`))
    for (const { name, subject, version } of references) {
      yield* Console.error(plain(`refers to ${name}: version ${version} of ${subject}`))
    }
    if (rules.length > 0) yield* Console.error(plain(`has rules: ${rules.join(", ")}`))
    yield* print(found)
  })
).pipe(Command.withDescription("Print a schema: a version of a subject, or what the config's topics register"))
