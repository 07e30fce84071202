/** What differs between rows that were read. Pure. */
import { mostBytes } from "../tables/messages.ts"
import type { Key } from "./ranges.ts"

/** A key and the checksum of its row. */
export interface Row {
  readonly key: Key
  readonly checksum: string
}

/** PostgreSQL has no text with a NUL in it. */
export const keyText = (key: Key): string => key.join("\0")

/** The keys whose rows differ, or are on one side alone. */
export const differingKeys = (
  source: ReadonlyArray<Row>,
  target: ReadonlyArray<Row>,
  hasExtras: boolean
): ReadonlyArray<Key> => {
  const there = new Map(target.map((row) => [keyText(row.key), row]))
  const found: Array<Key> = []
  for (const { checksum, key } of source) {
    const text = keyText(key)
    if (there.get(text)?.checksum !== checksum) found.push(key)
    there.delete(text)
  }
  return hasExtras ? [...found, ...Array.from(there.values(), ({ key }) => key)] : found
}

/** A digest of each value of a row. */
export type Digests = ReadonlyArray<string | null>

/** How the rows of one key are. */
export interface Look {
  readonly key: Key
  readonly kind: "missing" | "extra" | "different"
  /** The places of values that differ. */
  readonly places: ReadonlyArray<number>
  /** The same in two looks if nothing has changed between them. */
  readonly state: string
}

/** How rows differ that are on either side or on both; `undefined` if they do not. */
export const lookOf = (
  key: Key,
  source: Digests | undefined,
  target: Digests | undefined,
  hasExtras: boolean
): Look | undefined => {
  const state = JSON.stringify([source, target])
  if (source === undefined) {
    return target === undefined || !hasExtras ? undefined : { key, kind: "extra", places: [], state }
  }
  if (target === undefined) return { key, kind: "missing", places: [], state }
  const places = source.flatMap((digest, place) => digest === target[place] ? [] : [place])
  return places.length === 0 ? undefined : { key, kind: "different", places, state }
}

/** Rows that are copied at once. */
export interface Part {
  readonly looks: ReadonlyArray<Look>
  /** Whether it is one row of more bytes than others have together. */
  readonly isWide: boolean
}

/** Neighbours with few bytes together; a row that has more is alone. */
export const partsOf = (looks: ReadonlyArray<Look>, bytesOf: (look: Look) => number): ReadonlyArray<Part> => {
  const parts: Array<{ readonly looks: Array<Look>; readonly isWide: boolean }> = []
  let sum = 0
  for (const look of looks) {
    const bytes = bytesOf(look)
    const last = parts.at(-1)
    const isWide = bytes > mostBytes
    if (last === undefined || isWide || last.isWide || sum + bytes > mostBytes) {
      parts.push({ looks: [look], isWide })
      sum = bytes
    } else {
      last.looks.push(look)
      sum += bytes
    }
  }
  return parts
}
