/** What a test draws; a seed determines it. */
export interface Random {
  /** Whole, both ends included. */
  readonly between: (least: number, most: number) => number
  readonly chance: (probability: number) => boolean
  readonly pick: <A>(items: ReadonlyArray<A>) => A
  readonly weighted: <K extends string>(weights: { readonly [P in K]: number }) => K
}

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
export const numbersOf = (seed: number) => {
  let state = seed | 0
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

export const randomOf = (seed: number): Random => {
  const next = numbersOf(seed)
  return {
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)]!,
    weighted: (weights) => {
      const names = Object.keys(weights) as Array<keyof typeof weights>
      let point = next() * names.reduce((sum, name) => sum + weights[name], 0)
      for (const name of names) {
        point -= weights[name]
        if (point < 0) return name
      }
      return names[names.length - 1]!
    }
  }
}
