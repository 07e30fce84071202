/** Which registered schema a topic writes with: found once, before its first record. */
import * as Effect from "effect/Effect"
import { messageOf } from "../../internal/shared/causes.ts"
import { textsByName } from "../../internal/shared/fields.ts"
import type { WriteWith } from "../CodecModel.ts"
import type { Resolved } from "../format/resolved.ts"
import * as Errors from "../RegistryError.ts"
import type { RegistryError } from "../RegistryError.ts"
import type { Registry, SchemaText } from "../RegistryModel.ts"
import { resolve } from "./readers.ts"

export const isWriteWith = (value: unknown): boolean =>
  value === "lookup" || value === "register" || value === "latest"
  || typeof value === "object" && value !== null
    && ("id" in value ? Number.isSafeInteger(value.id) : "metadata" in value && textsByName.is(value.metadata))

/** What is written with, and where it is registered. */
export interface Writing {
  readonly registry: Registry
  readonly subject: string
  readonly schema: SchemaText
  readonly normalize: boolean
  /** How a schema of the registry differs from this one in what it writes; `undefined` if it does not. */
  readonly difference: (registered: Resolved) => string | undefined
  /** Whether the GUID is worth another request. */
  readonly needsGuid: boolean
}

/** The ids of the schema that is written with, and itself. */
export interface Written {
  readonly id: number
  readonly guid: string | undefined
  readonly schema: Resolved
}

/** The schema to write with; one that is not the one to be written is refused with the first difference. */
export const writtenWith = (mode: WriteWith, writing: Writing): Effect.Effect<Written, RegistryError> => {
  const { difference, needsGuid, normalize, registry, schema, subject } = writing
  const refused = (problem: string, cause?: unknown) =>
    Errors.make("prepare writing", new Errors.InvalidSchema({ subject, problem }), { url: registry.url, cause })
  const checked = Effect.fnUntraced(function*(
    id: number,
    registered: SchemaText & { readonly guid?: string | undefined }
  ) {
    const resolved = yield* resolve(registry, registered)
    const found = yield* Effect.try({
      try: () => difference(resolved),
      catch: (cause) =>
        refused(
          `the schema with id ${id} cannot be compared with the topic's Schema: ${messageOf(cause)}`,
          cause
        )
    })
    if (found === undefined) return { id, guid: registered.guid, schema: resolved }
    return yield* refused(`the schema with id ${id} has another layout than the topic's Schema, at ${found}`)
  })
  const own = ({ guid, id }: { readonly id: number; readonly guid?: string | undefined }) =>
    Effect.map(resolve(registry, schema), (resolved): Written => ({ id, guid, schema: resolved }))
  const lookup = Effect.flatMap(registry.lookup(subject, schema, { normalize }), own)
  if (mode === "lookup") return lookup
  if (mode === "register") {
    return Effect.flatMap(
      registry.register(subject, schema, { normalize }),
      (registered) => needsGuid && registered.guid === undefined ? lookup : own(registered)
    )
  }
  if (mode === "latest") {
    return Effect.flatMap(registry.version(subject, "latest"), (latest) => checked(latest.id, latest))
  }
  if ("metadata" in mode) {
    return Effect.flatMap(registry.latestWithMetadata(subject, mode.metadata), (found) => checked(found.id, found))
  }
  return Effect.flatMap(registry.byId(mode.id, subject), (found) => checked(mode.id, found))
}
