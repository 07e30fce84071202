/** The flags with which dead letters are chosen. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DeadLetter, Filter } from "../DeadLetter.ts"
import type { UsageError } from "./exit.ts"
import { functionOf } from "./modules.ts"
import * as Places from "./places.ts"

const text = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.optional)

const number = (name: string, description: string) =>
  Flag.Int(name).pipe(Flag.withDescription(description), Flag.optional)

/** A flag that may be left out. */
export const optional = { text, number }

/** `[consumer]`. */
export const consumer = Argument.String("consumer").pipe(
  Argument.withDescription("The consumer, by its group; may be left out if there is only one"),
  Argument.optional
)

/** `--yes`. */
export const yes = Flag.Boolean("yes").pipe(
  Flag.withDescription("Do it; without this flag the plan is shown, and on a terminal you are asked"),
  Flag.withDefault(false)
)

/** `--dry-run`. */
export const dryRun = Flag.Boolean("dry-run").pipe(
  Flag.withDescription("Only show what would be done"),
  Flag.withDefault(false)
)

/** Those of `DeadLetters.Filter`. */
export const filter = {
  topic: text("topic", "Only those of this source topic"),
  partition: number("partition", "Only those in this partition of the dead letter topic"),
  offset: number("offset", "Only those at this offset of the dead letter topic"),
  key: text("key", "Only those with this key"),
  tag: text("tag", "Only those whose error has this tag"),
  since: text("since", "Only those written at or after a time: 2026-01-31T12:00:00Z, or milliseconds"),
  until: text("until", "Only those written before a time"),
  where: text("where", "Only those for which the function that this module exports by default returns true"),
  parked: Flag.Boolean("parked").pipe(
    Flag.withDescription("Those in the parked topic instead of the dead letter topic"),
    Flag.withDefault(false)
  )
}

/** What the flags of {@link filter} were given. */
type Given = {
  readonly [K in keyof typeof filter]: K extends "parked" ? boolean
    : Option.Option<K extends "partition" | "offset" ? number : string>
}

const timeOf = (flag: string, given: Option.Option<string>): Effect.Effect<number | undefined, UsageError> =>
  Option.isNone(given) ? Effect.undefined : Places.timeFromFlag(flag, given.value)

/** The filter that the flags describe. */
export const filterOf = Effect.fnUntraced(function*(given: Given): Effect.fn.Return<Filter, UsageError> {
  const where = Option.isNone(given.where) ? undefined : yield* functionOf("where", given.where.value)
  return {
    topic: Option.getOrUndefined(given.topic),
    partition: Option.getOrUndefined(given.partition),
    offset: Option.getOrUndefined(given.offset),
    key: Option.getOrUndefined(given.key),
    tag: Option.getOrUndefined(given.tag),
    since: yield* timeOf("since", given.since),
    until: yield* timeOf("until", given.until),
    parked: given.parked,
    where: where === undefined ? undefined : {
      name: where.id,
      // Whatever it returns is checked where it is called.
      test: (letter: DeadLetter) => where.call(letter) as boolean
    }
  }
})
