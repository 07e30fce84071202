/** Walks over both tables, range by range, and looks again at what differs. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SyncError } from "../SyncError.ts"
import { differingKeys, keyText, type Look } from "./differences.ts"
import { type Key, type Range, splitAt, stepOf } from "./ranges.ts"
import type { Reading } from "./reading.ts"

export interface Walk {
  /** How many rows of the source a range has. */
  readonly rangeSize: number
  /** How many keys are looked at at once, and how many wait together until they are looked at again. */
  readonly batchSize: number
  readonly together: number
  readonly pause: Duration.Input
  /** How often what differs is looked at again, at most. */
  readonly rechecks: number
  /** What is done with rows that still differ. */
  readonly found: (looks: ReadonlyArray<Seen>) => Effect.Effect<void, SyncError>
  readonly progress: (counts: Counts) => Effect.Effect<void>
}

/** A difference that is still there, and whether the rows have changed until the last look. */
export interface Seen extends Look {
  readonly isMoving: boolean
}

export interface Counts {
  readonly sourceRows: number
  readonly targetRows: number
  readonly ranges: number
  readonly differingRanges: number
}

/** Rows in flight become equal while it waits; what stays as it is differs. */
export const settled = Effect.fnUntraced(function*(
  reading: Pick<Reading, "looks">,
  keys: ReadonlyArray<Key>,
  { batchSize, pause, rechecks }: Pick<Walk, "batchSize" | "pause" | "rechecks">
): Effect.fn.Return<ReadonlyArray<Seen>, SyncError> {
  const look = Effect.fnUntraced(function*(keys: ReadonlyArray<Key>) {
    const all: Array<Look> = []
    for (let i = 0; i < keys.length; i += batchSize) all.push(...yield* reading.looks(keys.slice(i, i + batchSize)))
    return all
  })
  let looks: ReadonlyArray<Look> = yield* look(keys)
  let seen: ReadonlyArray<Seen> = looks.map((look) => ({ ...look, isMoving: false }))
  for (let i = 0; i < rechecks && looks.length > 0; i++) {
    yield* Effect.sleep(pause)
    const states = new Map(looks.map(({ key, state }) => [keyText(key), state]))
    looks = yield* look(looks.map(({ key }) => key))
    seen = looks.map((look) => ({ ...look, isMoving: states.get(keyText(look.key)) !== look.state }))
    if (looks.length === states.size && !seen.some(({ isMoving }) => isMoving)) break
  }
  return seen
})

/** Compares two tables. Only one range, and the keys that wait together, are in memory. */
export const walk = Effect.fnUntraced(function*(reading: Reading, options: Walk): Effect.fn.Return<Counts, SyncError> {
  const { hasExtras } = reading.pair
  const { rangeSize, together } = options
  let counts: Counts = { sourceRows: 0, targetRows: 0, ranges: 0, differingRanges: 0 }
  let open: Array<Key> = []

  const flush = Effect.fnUntraced(function*(least: number) {
    while (open.length >= least && open.length > 0) {
      const keys = open.slice(0, together)
      open = open.slice(together)
      yield* options.found(yield* settled(reading, keys, options))
    }
  })

  const range = Effect.fnUntraced(function*(whole: Range): Effect.fn.Return<void, SyncError> {
    let rest: Range | undefined = whole
    while (rest !== undefined) {
      const [source, target]: readonly [{ count: number; checksum: string }, { count: number; checksum: string }] =
        yield* reading.summaries(rest)
      const step = stepOf(source, target, rangeSize)
      if (typeof step === "object") {
        const middle: Key | undefined = yield* reading.boundary(step.splitBy, rest, rangeSize)
        if (middle !== undefined) {
          const [first, second]: readonly [Range, Range] = splitAt(rest, middle)
          yield* range(first)
          rest = second
          continue
        }
      }
      counts = {
        sourceRows: counts.sourceRows + source.count,
        targetRows: counts.targetRows + target.count,
        ranges: counts.ranges + 1,
        differingRanges: counts.differingRanges + (step === "equal" ? 0 : 1)
      }
      if (step !== "equal") {
        const [from, into] = yield* reading.rows(rest)
        open.push(...differingKeys(from, into, hasExtras))
        yield* flush(together)
      }
      yield* options.progress(counts)
      rest = undefined
    }
  })

  const all = Effect.gen(function*() {
    let after: Key | undefined
    while (true) {
      const upTo: Key | undefined = yield* reading.boundary("source", { after, upTo: undefined }, rangeSize)
      yield* range({ after, upTo })
      if (upTo === undefined) break
      after = upTo
    }
    yield* flush(0)
    return counts
  })
  return yield* Effect.mapError(all, ({ cause, operation, place, reason }) => {
    const { ranges, sourceRows } = counts
    const far = `after ${ranges} ${ranges === 1 ? "range" : "ranges"} with ${sourceRows} rows of the source`
    return new SyncError({ operation: `${operation}, ${far}`, reason, place, cause })
  })
})
