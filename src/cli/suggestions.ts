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

/** The name that was probably meant, when one is near enough. */
export const nearest = (wanted: string, names: ReadonlyArray<string>): string | undefined => {
  const ranked = names.map((name) => [name, distance(wanted, name)] as const).sort((a, b) => a[1] - b[1])
  const [best] = ranked
  return best !== undefined && best[1] <= Math.max(2, Math.floor(wanted.length / 3)) ? best[0] : undefined
}

/** What is not there, what was probably meant, and what there is. */
export const unknown = (what: string, wanted: string, names: ReadonlyArray<string>): string => {
  const near = nearest(wanted, names)
  const list = names.length === 0 ? "there is none" : `there is: ${names.join(", ")}`
  return `unknown ${what} "${wanted}"; ${near === undefined ? list : `did you mean "${near}"?`}`
}
