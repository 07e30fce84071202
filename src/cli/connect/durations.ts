/** Durations on the command line: `60s`, `5m`, `500ms`. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { UsageError } from "../exit.ts"

const units: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** Milliseconds; `undefined` where nothing is given. */
export const duration = (flag: string, given: Option.Option<string>): Effect.Effect<number | undefined, UsageError> => {
  if (Option.isNone(given)) return Effect.succeed(undefined)
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(given.value.trim())
  return match === null
    ? Effect.fail(new UsageError({ problem: `${flag} ${given.value}: use a number with ms, s, m or h, such as 60s` }))
    : Effect.succeed(Number(match[1]) * units[match[2]!]!)
}
