/** `millrace schemas delete`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RegistryError } from "../../registry/RegistryError.ts"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { agreed } from "../confirm.ts"
import { dryRun, yes } from "../dltFilter.ts"
import { worksOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { config } from "../root.ts"
import { registryOf } from "../services.ts"
import { plain } from "../values.ts"
import { subject, version, versionOf, withNames } from "./subjects.ts"

interface Flags {
  readonly subject: string
  readonly permanent: boolean
}

const orNone = (versions: Effect.Effect<ReadonlyArray<number>, RegistryError>) =>
  Effect.catch(
    versions,
    (error) => error.reason._tag === "SubjectNotFound" ? Effect.succeed<ReadonlyArray<number>>([]) : Effect.fail(error)
  )

/** The versions that go: those that are there, or, for good, those that were deleted before. */
const goingOf = Effect.fnUntraced(function*({ permanent, subject }: Flags, only: number | "latest" | undefined) {
  const registry = yield* SchemaRegistry.Service
  const all = yield* registry.versions(subject, { deleted: permanent })
  const live = permanent ? yield* orNone(registry.versions(subject)) : []
  const wanted = only === "latest" ? all.slice(-1) : only === undefined ? all : all.filter((each) => each === only)
  if (wanted.length === 0) {
    return yield* new WorkFailed({ problem: `subject "${subject}" has no version ${only}, but ${all.join(", ")}` })
  }
  const early = wanted.filter((each) => live.includes(each))
  if (early.length === 0) return wanted
  return yield* new WorkFailed({
    problem:
      `version ${early.join(", ")} of "${subject}" is still there; only what was deleted without --permanent can `
      + "be deleted for good"
  })
})

const run = Effect.fnUntraced(function*(
  flags: Flags & { readonly yes: boolean; readonly dryRun: boolean },
  only: number | "latest" | undefined
) {
  const { permanent, subject } = flags
  const registry = yield* SchemaRegistry.Service
  const going = yield* goingOf(flags, only)
  const what = plain(`version ${going.join(", ")} of subject "${subject}"`)
  const after = permanent ? "deleted for good: records that were written with it cannot be read" : "deleted"
  if (flags.dryRun) return yield* Console.log(`${what} would be ${after}`)
  if (!flags.yes) {
    yield* Console.log(`${what} would be ${after}`)
    yield* agreed("Delete?")
  }
  yield* worksOn
  if (only === undefined) yield* registry.deleteSubject(subject, { permanent })
  else yield* Effect.forEach(going, (each) => registry.deleteVersion(subject, each, { permanent }), { discard: true })
  yield* Console.log(`${what}: ${after}`)
})

/** Deletes a subject, or a version of it. */
export const remove = Command.make(
  "delete",
  {
    subject,
    version: version.pipe(Flag.withDescription("Only this version: a number, or latest; else the whole subject")),
    permanent: Flag.Boolean("permanent").pipe(
      Flag.withDescription("For good, what was deleted before"),
      Flag.withDefault(false)
    ),
    dryRun,
    yes
  },
  Effect.fnUntraced(function*(flags) {
    const registry = yield* Effect.flatMap(config, registryOf)
    const only = Option.isNone(flags.version) ? undefined : yield* versionOf(flags.version)
    yield* run(flags, only).pipe(withNames(flags.subject), Effect.provide(registry))
  })
).pipe(
  Command.withDescription(
    "Delete a subject or a version of it: no writer finds it any more, and records that carry its id are still read"
  )
)
