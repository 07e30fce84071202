/** Compatibility checks, as registries offer them. */
import * as Effect from "effect/Effect"
import { UnexpectedBody } from "../../rest/bodies.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Registry, SchemaText, Verdict, Version } from "../RegistryModel.ts"

/** Asks whether a schema is compatible with a version, or, by the subject's level, with all that it has to be. */
export type Ask = (
  subject: string,
  schema: SchemaText,
  against: Version | undefined,
  options: { readonly normalize?: boolean | undefined } | undefined
) => Effect.Effect<Verdict, RegistryError>

const compatible: Verdict = { isCompatible: true, messages: [] }

/** What a registry says, with its messages; some have one `reason` instead. */
export const verdictOf = (body: unknown): Verdict => {
  const { is_compatible: isCompatible, messages, reason } = body as {
    readonly is_compatible?: unknown
    readonly messages?: unknown
    readonly reason?: unknown
  }
  if (typeof isCompatible !== "boolean") throw new UnexpectedBody("the body has no boolean \"is_compatible\"")
  const said = Array.isArray(messages) ? messages.map(String) : typeof reason === "string" ? [reason] : []
  return { isCompatible, messages: said }
}

/** What was asked about is not there. */
export const isMissing = ({ reason }: RegistryError): boolean =>
  reason._tag === "SubjectNotFound" || reason._tag === "SchemaNotFound"

/** A subject has no level, or no mode, of its own: 40408 and 40409 of registries that do not look further. */
export const hasNone = (error: RegistryError): boolean =>
  isMissing(error) || error.reason._tag === "Unexpected" && (error.reason.code === 40408 || error.reason.code === 40409)

/** A path that the registry does not have, or not for this method. */
export const isUnknownPath = ({ reason }: RegistryError) =>
  reason._tag === "Unexpected" && (reason.status === 404 || reason.status === 405)

/**
 * A check by the level of the subject. Old registries can only be asked about one version, and take the latest one for
 * all: there each version is asked about that counts.
 */
export const checkWith = (
  ask: Ask,
  { compatibility, versions }: Pick<Registry, "compatibility" | "versions">
): Registry["check"] =>
(subject, schema, options) => {
  const each = Effect.fnUntraced(function*(): Effect.fn.Return<Verdict, RegistryError> {
    const level = yield* compatibility(subject)
    if (level === "NONE") return compatible
    const counting: ReadonlyArray<Version> = level.endsWith("_TRANSITIVE")
      ? (yield* versions(subject)).toReversed()
      : ["latest"]
    const verdicts = yield* Effect.forEach(counting, (version) => ask(subject, schema, version, options))
    return verdicts.find(({ isCompatible }) => !isCompatible) ?? compatible
  })
  return ask(subject, schema, undefined, options).pipe(
    Effect.catchIf(isUnknownPath, each),
    // A subject that is not there takes any schema.
    Effect.catchIf(isMissing, () => Effect.succeed(compatible))
  )
}
