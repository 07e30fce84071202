/** Which parts of two tables are looked at, and how closely. Pure. */

/** The parts of a key, as texts. */
export type Key = ReadonlyArray<string>

/** Keys behind `after`, up to `upTo` with that one; without a bound where it is undefined. */
export interface Range {
  readonly after: Key | undefined
  readonly upTo: Key | undefined
}

/** What one side has in a range. */
export interface Summary {
  readonly count: number
  /** The sum of the checksums of its rows, as digits. */
  readonly checksum: string
}

export type Step = "equal" | "rows" | { readonly splitBy: "source" | "target" }

/** A range of more rows than this many times the size is split, so that few rows are in memory. */
const tolerance = 2

/** What to do with a range in which both sides have this. */
export const stepOf = (source: Summary, target: Summary, size: number): Step => {
  if (source.count === target.count && source.checksum === target.checksum) return "equal"
  if (Math.max(source.count, target.count) <= tolerance * size) return "rows"
  return { splitBy: source.count > target.count ? "source" : "target" }
}

/** The two halves of a range. */
export const splitAt = ({ after, upTo }: Range, key: Key): readonly [Range, Range] => [
  { after, upTo: key },
  { after: key, upTo }
]
