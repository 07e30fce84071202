/** Subjects that are named on the command line. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { unknown } from "../../internal/shared/suggestions.ts"
import type { RegistryError } from "../../registry/RegistryError.ts"
import type { Version } from "../../registry/RegistryModel.ts"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import { UsageError, WorkFailed } from "../exit.ts"

/** `<subject>`. */
export const subject = Argument.String("subject").pipe(
  Argument.withDescription("A subject of the registry, such as orders-value")
)

/** `--version`. */
export const version = Flag.String("version").pipe(
  Flag.withDescription("A number, or latest (unless given)"),
  Flag.optional
)

/** The version that the flag names. */
export const versionOf = (given: Option.Option<string>): Effect.Effect<Version, UsageError> => {
  const text = Option.getOrElse(given, () => "latest")
  if (text === "latest") return Effect.succeed(text)
  return /^[1-9]\d*$/.test(text)
    ? Effect.succeed(Number(text))
    : Effect.fail(new UsageError({ problem: `--version ${text}: use a number from 1, or latest` }))
}

/** Says of a subject that is not there which ones are. */
export const withNames = (subject: string) => <A, E, R>(effect: Effect.Effect<A, E | RegistryError, R>) =>
  Effect.catch(effect, (error): Effect.Effect<never, E | RegistryError | WorkFailed, SchemaRegistry.Service> => {
    const tag = (error as Partial<RegistryError>).reason?._tag
    if (tag !== "SubjectNotFound") return Effect.fail(error)
    return Effect.flatMap(
      SchemaRegistry.Service,
      (registry) =>
        Effect.flatMap(
          registry.subjects(),
          (names) => Effect.fail(new WorkFailed({ problem: unknown("subject", subject, names) }))
        )
    )
  })
