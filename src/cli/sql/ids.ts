/** Rows that are named by their ids. */
import * as Argument from "effect/cli/Argument"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { UsageError } from "../exit.ts"

/** `what`: such as "messages"; `where`: the command that lists them. */
export const ids = (what: string, where: string) =>
  Argument.String("id").pipe(
    Argument.withDescription(`Only these ${what}, by their ids in \`${where}\``),
    Argument.variadic()
  )

export const all = (what: string) => Flag.Boolean("all").pipe(Flag.withDescription(what), Flag.withDefault(false))

export const most = Flag.Int("max").pipe(
  Flag.withDescription("At most this many (default 1000)"),
  Flag.filter((most) => most >= 1 && most < 2 ** 31, (most) => `--max is ${most}, not a whole number of at least 1`),
  Flag.withDefault(1_000)
)

/** The ids that are meant: those that were named, or `every`. */
export const meant = <E, R>(
  { all, ids }: { readonly ids: ReadonlyArray<string>; readonly all: boolean },
  what: string,
  every: Effect.Effect<ReadonlyArray<string>, E, R>
): Effect.Effect<ReadonlyArray<string>, E | UsageError, R> => {
  if (all !== (ids.length === 0)) {
    return Effect.fail(new UsageError({ problem: `name ${what}s by their ids, or say --all` }))
  }
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id))
  if (wrong !== undefined) return Effect.fail(new UsageError({ problem: `"${wrong}" is no id of a ${what}` }))
  // Each row once, however often it is named.
  return all ? every : Effect.succeed([...new Set(ids.map((id) => String(BigInt(id))))])
}
