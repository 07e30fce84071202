/**
 * What is kept of a registry. Ids, GUIDs and numbered versions never change and are kept for good; the latest version
 * and what is not there are kept for a while; requests for one thing at one time are one request.
 */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RegistryError } from "../RegistryError.ts"
import type { Options, Registered, Registry } from "../RegistryModel.ts"

type Ttls = Pick<Options, "latestTtl" | "missingTtl">

/** More than any cluster has: it bounds what hostile ids can fill. */
const capacity = 10_000

const isMissing = (exit: Exit.Exit<unknown, RegistryError>): boolean => {
  if (Exit.isSuccess(exit)) return false
  const error = Exit.findErrorOption(exit)
  return error._tag === "Some"
    && (error.value.reason._tag === "SchemaNotFound" || error.value.reason._tag === "SubjectNotFound")
}

/** The part of a key before its first NUL, and the rest: subjects have none. */
const keyOf = (head: string | number, tail: string): string => `${head}\0${tail}`
const partsOf = (key: string): readonly [string, string] => {
  const at = key.indexOf("\0")
  return [key.slice(0, at), key.slice(at + 1)]
}

const contextOf = (subject: string | undefined): string =>
  subject === undefined ? "" : /^:\.[^:]*:/.exec(subject)?.[0] ?? ""

type LookupArguments = Parameters<Registry["lookup"]>

/** A registry in front of another one, which asks for nothing twice that cannot have changed. */
export const cached = Effect.fnUntraced(function*(registry: Registry, ttls: Ttls): Effect.fn.Return<Registry> {
  const missing = Duration.fromInputUnsafe(ttls.missingTtl ?? "10 seconds")
  const latestFor = Duration.fromInputUnsafe(ttls.latestTtl ?? "5 minutes")

  const kept = <A>(
    lookup: (key: string) => Effect.Effect<A, RegistryError>,
    life: (key: string) => Duration.Duration = () => Duration.infinity
  ) =>
    Cache.makeWith(lookup, {
      capacity,
      timeToLive: (exit: Exit.Exit<A, RegistryError>, key: string) =>
        Exit.isSuccess(exit) ? life(key) : isMissing(exit) ? missing : Duration.zero
    })

  const ids = yield* kept((key) => {
    const [id, context] = partsOf(key)
    return registry.byId(Number(id), context === "" ? undefined : context)
  })
  const guids = yield* kept(registry.byGuid)
  const versions = yield* kept<Registered>((key) => {
    const [version, subject] = partsOf(key)
    return registry.version(subject, version === "latest" ? "latest" : Number(version))
  }, (key) => key.startsWith("latest\0") ? latestFor : Duration.infinity)

  // All of a look-up is text and numbers, so its JSON is its key.
  const lookups = yield* kept((key) => registry.lookup(...JSON.parse(key) as LookupArguments))

  const forget = Effect.fnUntraced(function*(subject: string) {
    for (const key of yield* Cache.keys(versions)) {
      if (partsOf(key)[1] === subject) yield* Cache.invalidate(versions, key)
    }
    yield* Cache.invalidateAll(lookups)
  })

  return {
    ...registry,
    byId: (id, subject) => Cache.get(ids, keyOf(id, contextOf(subject))),
    byGuid: (guid) => Cache.get(guids, guid),
    version: (subject, version) => Cache.get(versions, keyOf(version, subject)),
    lookup: (subject, schema, options = {}) => Cache.get(lookups, JSON.stringify([subject, schema, options])),
    // What was not there, or was the latest, is no longer.
    register: (subject, schema, options) =>
      Effect.tap(registry.register(subject, schema, options), () => forget(subject)),
    deleteSubject: (subject, options) => Effect.tap(registry.deleteSubject(subject, options), () => forget(subject)),
    deleteVersion: (subject, version, options) =>
      Effect.tap(registry.deleteVersion(subject, version, options), () => forget(subject))
  }
})
