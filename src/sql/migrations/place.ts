/** What callers without types hand in as the place of Millrace's tables. Pure. */
import { type Kind, type KindsOf, requireFields } from "../../internal/shared/fields.ts"
import type { Place } from "../tables/ownTables.ts"

/** PostgreSQL cuts longer names, and a dot would part the name. */
const plainName = (most: number, least: number): Kind => ({
  words: `a name of ${least === 0 ? "at most" : `${least} to`} ${most} letters, digits and _, no digit first`,
  is: (value) =>
    typeof value === "string" && value.length >= least && value.length <= most && /^(?:[A-Za-z_]\w*)?$/.test(value)
})

export const placeKinds: KindsOf<Place> = { schema: plainName(63, 1), prefix: plainName(40, 0) }

/** Throws for a place that is none. `where` is what was called. */
export const requirePlace = (where: string, place: unknown): void => requireFields(where, "options", place, placeKinds)
