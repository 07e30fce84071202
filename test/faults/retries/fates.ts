/** What becomes of a record: a pure function of its number and of the attempt, the same in every process. */

/**
 * - `transient`: fails once or twice, then succeeds.
 * - `slow`: takes its time, fails once, takes its time again.
 * - `permanent`, `defect`: fail and die each time.
 * - `poison`: cannot be decoded.
 */
export type Fate = "fine" | "transient" | "slow" | "permanent" | "defect" | "poison"

const failing: ReadonlyArray<Fate> = ["transient", "slow", "permanent", "defect", "poison"]

/** The end of murmur3: neighbours have nothing in common, and neither have the records of a key. */
const mixed = (n: number): number => {
  let hash = n + 1
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** One in a hundred each. */
export const fateOf = (n: number): Fate => failing[mixed(n) % 100] ?? "fine"

/** Where it ends: handled, or in the dead letter topic. */
export const isDead = (n: number): boolean => ["permanent", "defect", "poison"].includes(fateOf(n))

/** How many of its attempts fail. */
export const failuresOf = (n: number): number => {
  switch (fateOf(n)) {
    case "transient":
      return 1 + (mixed(n) >>> 16) % 2
    case "slow":
      return 1
    case "permanent":
    case "defect":
      return Number.POSITIVE_INFINITY
    default:
      return 0
  }
}

/** The names of errors in headers. */
export const errorTags: Readonly<Record<Fate, string | undefined>> = {
  fine: undefined,
  transient: "Transient",
  slow: "Slow",
  permanent: "Permanent",
  defect: "TypeError",
  poison: "Poison"
}

/** The value of a record; of a poisoned one there is only the beginning. */
export const valueOf = (n: number): string => fateOf(n) === "poison" ? `{"n":${n}` : `{"n":${n}}`

/** The number in a value, decodable or not. */
export const numberIn = (value: Uint8Array | null): number =>
  Number(/\d+/.exec(Buffer.from(value ?? []).toString("latin1"))?.[0])

/** Where records are, and their keys: a key stays in its partition. */
export const places = (partitions: number, keys: number) => ({
  partitionOf: (n: number): number => n % partitions,
  offsetOf: (n: number): number => Math.floor(n / partitions),
  keyOf: (n: number): string => `k${n % keys}`
})
