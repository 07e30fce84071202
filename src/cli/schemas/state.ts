/** How a schema of the config stands to its subject. */
import * as Effect from "effect/Effect"
import type { RegistryError } from "../../registry/RegistryError.ts"
import type { Compatibility, Registered } from "../../registry/RegistryModel.ts"
import * as SchemaRegistry from "../../registry/SchemaRegistry.ts"
import type { Target } from "./registrations.ts"

/** Fewer requests at once than any registry minds. */
export const concurrency = 4

/** What the registry has of a target's subject. */
export interface State {
  /** The version that is exactly the target's schema. */
  readonly own: Registered | undefined
  /** The latest version; `undefined` where the subject is new. */
  readonly latest: Registered | undefined
  readonly compatibility: Compatibility
}

/** By the reason's tag: the config module may have a copy of this package of its own. */
const orMissing = <A>(effect: Effect.Effect<A, RegistryError>): Effect.Effect<A | undefined, RegistryError> =>
  Effect.catchIf(
    effect,
    ({ reason }) => reason._tag === "SubjectNotFound" || reason._tag === "SchemaNotFound",
    () => Effect.undefined
  )

/** Looks a target up. */
export const stateOf = Effect.fnUntraced(function*(
  { normalize, schema, subject }: Target
): Effect.fn.Return<State, RegistryError, SchemaRegistry.Service> {
  const registry = yield* SchemaRegistry.Service
  const latest = yield* orMissing(registry.version(subject, "latest"))
  const own = latest === undefined ? undefined : yield* orMissing(registry.lookup(subject, schema, { normalize }))
  return { own, latest, compatibility: yield* registry.compatibility(subject) }
})

/** A state in a word: the schema is the latest version, an older one or none of its subject, or the first one. */
export const statusOf = ({ latest, own }: State): "registered" | "older" | "unregistered" | "new" => {
  if (latest === undefined) return "new"
  if (own === undefined) return "unregistered"
  return own.version === latest.version ? "registered" : "older"
}
