/** What the replication origins of an instance are called. Pure. */
import { type Kinds, type KindsOf, requireFields } from "../../internal/shared/fields.ts"
import { positive } from "../../internal/shared/handedIn/settingKinds.ts"

/** Whose origins. */
export interface Instance {
  /**
   * What tells this sync from others of the same PostgreSQL server: 1 to 40 letters, digits, `_` and `-`. All processes
   * of a sync have the same.
   */
  readonly instance: string
  /**
   * How many origins there are (default 4): as many as connections write at once, over all processes. Each takes up one
   * of the server's `max_active_replication_origins` (10 by default) until it is dropped.
   */
  readonly names?: number | undefined
}

/** The names that an instance may lease. */
export interface Leasable {
  readonly instance: string
  readonly names: ReadonlyArray<string>
}

export const instanceKinds: KindsOf<Instance> = {
  instance: {
    words: "a name of 1 to 40 letters, digits, _ and -",
    is: (value) => typeof value === "string" && /^[\w-]{1,40}$/.test(value)
  },
  names: positive
}

/** Throws for what is no instance. `where` is what was called. */
export const requireInstance = (where: string, given: unknown, kinds: Kinds = instanceKinds): void => {
  requireFields(where, "options", given, kinds)
  if ((given as { readonly instance?: unknown }).instance === undefined) {
    throw new Error(`${where}: instance is missing`)
  }
}

export const prefixOf = (instance: string): string => `millrace_${instance}_`

/** The names of an instance, in the order in which they are tried. */
export const namesOf = ({ instance, names = 4 }: Instance): ReadonlyArray<string> =>
  Array.from({ length: names }, (_, n) => `${prefixOf(instance)}${n + 1}`)
