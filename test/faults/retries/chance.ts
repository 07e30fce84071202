/** When something breaks and what, at random, and the same in each run. */
import { numbersOf } from "../../internal/loop/random.ts"

/** A fault: at which part of a portion of the load, and which of the members is killed, unless the broker restarts. */
export interface Fault {
  readonly at: number
  readonly what: "restart" | 0 | 1
}

/** Each member is killed and the broker restarts, in some order; in a thorough run three times over. */
export const faultsOf = (seed: number, thorough: boolean): ReadonlyArray<Fault> => {
  const next = numbersOf(seed)
  return Array.from({ length: thorough ? 3 : 1 }).flatMap(() => {
    const whats: Array<Fault["what"]> = ["restart", 0, 1]
    return Array.from({ length: whats.length }, () => ({
      what: whats.splice(Math.floor(next() * whats.length), 1)[0]!,
      at: 0.2 + next() * 0.5
    }))
  })
}
