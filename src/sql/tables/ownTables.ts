/** Where Millrace keeps its own tables. Pure. */
import { quotedTable } from "./names.ts"

/** Where the tables are. */
export interface Place {
  /** The schema (default `"millrace"`). */
  readonly schema?: string | undefined
  /** What their names begin with (default nothing). */
  readonly prefix?: string | undefined
}

export const schemaOf = ({ schema }: Place): string => schema ?? "millrace"

/** A table of Millrace's own, quoted for SQL. */
export const ownTable = (place: Place, name: string): string =>
  quotedTable({ schema: schemaOf(place), name: `${place.prefix ?? ""}${name}` })

/** A table of Millrace's own, as errors show it. */
export const shownOwnTable = (place: Place, name: string): string => `${schemaOf(place)}.${place.prefix ?? ""}${name}`
