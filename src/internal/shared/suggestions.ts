/** "Did you mean": the nearest of some names. Pure. */

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

const ranked = (wanted: string, names: ReadonlyArray<string>) =>
  [...new Set(names)]
    .map((name) => [name, distance(wanted, name)] as const)
    .sort(([a, near], [b, far]) => near - far || (a < b ? -1 : 1))

/** The name that was probably meant, when one is near enough. */
export const nearest = (wanted: string, names: ReadonlyArray<string>): string | undefined => {
  const [best] = ranked(wanted, names)
  if (best === undefined) return undefined
  const [name, far] = best
  // Of a short name two changes leave nothing.
  return far <= Math.max(2, Math.floor(wanted.length / 3)) && far < wanted.length ? name : undefined
}

const mostShown = 10

/** Existing names, those nearest to the wanted one first, and only as many as fit into a message. */
export const some = (wanted: string, names: ReadonlyArray<string>): string => {
  const sorted = ranked(wanted, names).map(([name]) => name)
  const more = sorted.length - mostShown
  return `${sorted.slice(0, mostShown).join(", ")}${more > 0 ? `, and ${more} more` : ""}`
}

/** A message about a missing name: what was probably meant, and which names exist. */
export const unknown = (what: string, wanted: string, names: ReadonlyArray<string>): string => {
  const near = nearest(wanted, names)
  const list = names.length === 0 ? "there is none" : `there is: ${some(wanted, names)}`
  return `unknown ${what} "${wanted}"; ${near === undefined ? list : `did you mean "${near}"?`}`
}
