/** Durations on the command line: `60s`, `5m`, `500ms`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "../exit.ts"

const units: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds, and `undefined` where nothing is given; fails below `least`. */
export const duration = (
  flag: string,
  given: Option.Option<string>,
  least = 0
): Effect.Effect<number | undefined, UsageError> => {
  if (Option.isNone(given)) return Effect.succeed(undefined)
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(given.value.trim())
  const fail = (problem: string) => Effect.fail(new UsageError({ problem: `${flag} ${given.value}: ${problem}` }))
  if (match === null) return fail("use a number with ms, s, m or h, such as 60s")
  const millis = Number(match[1]) * units[match[2]!]!
  return millis < least ? fail(`use at least ${least}ms`) : Effect.succeed(millis)
}
