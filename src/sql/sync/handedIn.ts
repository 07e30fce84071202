/** What callers without types hand in where syncs belong. Pure. */
import * as Predicate from "effect/Predicate"
import { shown } from "../../internal/shared/fields.ts"

export const syncTypeId = "~millrace/ModelSync"

/** Throws for what is no sync. `where` is what was called. */
export const requireSync = (where: string, given: unknown): void => {
  if (Predicate.hasProperty(given, syncTypeId)) return
  throw new Error(`${where}: it takes a sync first, and this is ${shown(given)}; use ModelSync.make`)
}

/** Throws for what is no array of syncs. */
export const requireSyncs = (where: string, given: unknown): void => {
  if (Array.isArray(given) && given.every((one) => Predicate.hasProperty(one, syncTypeId))) return
  throw new Error(`${where}: it takes an array of syncs first; use ModelSync.make`)
}
