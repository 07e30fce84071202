/** `millrace sql verify` and `millrace sql resync`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Verify from "../../sql/Verify.ts"
import { agreed } from "../confirm.ts"
import { duration } from "../connect/durations.ts"
import { optional, yes } from "../dltFilter.ts"
import { worksOn } from "../ending.ts"
import { UsageError, WorkFailed } from "../exit.ts"
import { orSay } from "../halfway.ts"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { plain, toJson } from "../values.ts"
import { databases, names, selected, topicOf } from "./selecting.ts"

const comparing = {
  names,
  ignore: Flag.String("ignore").pipe(
    Flag.withDescription("A column of the target that is not compared; may be repeated"),
    Flag.atLeast(0)
  ),
  rangeSize: optional.number("range-size", "How many rows of the source a range has (default 5000)"),
  pause: optional.text("pause", "How long rows that differ have until they are looked at again (default 2s)"),
  rechecks: optional.number("rechecks", "How often they are looked at again at most (default 5)"),
  timeout: optional.text(
    "timeout",
    "How long a statement is waited for (default 5m); what takes longer ends the command"
  ),
  json
}

interface Comparing {
  readonly ignore: ReadonlyArray<string>
  readonly rangeSize: Option.Option<number>
  readonly pause: Option.Option<string>
  readonly rechecks: Option.Option<number>
  readonly timeout: Option.Option<string>
}

const optionsOf = Effect.fnUntraced(function*(flags: Comparing) {
  const numbers = { rangeSize: 1, rechecks: 0 } as const
  for (const [name, least] of Object.entries(numbers)) {
    const given = Option.getOrUndefined(flags[name as keyof typeof numbers])
    if (given !== undefined && given < least) {
      const flag = name === "rangeSize" ? "range-size" : name
      return yield* new UsageError({ problem: `--${flag} ${given} is below ${least}` })
    }
  }
  return {
    ignore: flags.ignore,
    rangeSize: Option.getOrUndefined(flags.rangeSize),
    pause: yield* duration("--pause", flags.pause),
    rechecks: Option.getOrUndefined(flags.rechecks),
    timeout: yield* duration("--timeout", flags.timeout, 1)
  }
})

/** A line about a row. Keys are what somebody wrote. */
const printRow = (target: string, key: { readonly [column: string]: string }, words: string): Effect.Effect<void> => {
  const shown = Object.entries(key).map(([column, value]) => `${column}=${value}`).join(" ")
  return Console.log(plain(`${target} ${shown}: ${words}`))
}

const printComparisons = Effect.fnUntraced(function*(comparisons: ReadonlyArray<Verify.Comparison>) {
  yield* printTable(
    ["SOURCE", "TARGET", "ROWS", "MISSING", "EXTRA", "DIFFERENT"],
    comparisons.map((one) => [one.source, one.target, one.sourceRows, one.missing, one.extra, one.different])
  )
  for (const { different, differences, extra, missing, target } of comparisons) {
    for (const { columns, isMoving, key, kind } of differences) {
      const where = columns.length === 0 ? "" : ` in ${columns.join(", ")}`
      yield* printRow(target, key, `${kind}${where}${isMoving ? " (it still changes)" : ""}`)
    }
    const more = missing + extra + different - differences.length
    if (more > 0) yield* Console.log(plain(`${target}: ${more} more`))
  }
})

const printResynced = Effect.fnUntraced(function*(done: ReadonlyArray<Verify.Resynced>) {
  yield* printTable(
    ["SOURCE", "TARGET", "COPIED", "DELETED", "ASKED FOR", "KEPT", "REFUSED"],
    done.map((one) => [
      one.source,
      one.target,
      one.copied,
      one.deleted,
      one.signalled,
      one.kept,
      one.refusedCount
    ])
  )
  for (const { refused, target } of done) {
    for (const { key, problem } of refused) yield* printRow(target, key, problem)
  }
})

/** Compares the tables of the syncs. */
export const verify = Command.make(
  "verify",
  { ...comparing, max: optional.number("max", "How many differences of a table are listed at most (default 20)") },
  Effect.fnUntraced(function*(flags) {
    const options = yield* optionsOf(flags)
    const most = Option.getOrElse(flags.max, () => 20)
    if (most < 0) return yield* new UsageError({ problem: `--max ${most} is below 0` })
    const syncs = yield* selected(flags.names)
    const comparisons = yield* Effect.forEach(syncs, (sync) => Verify.compare(sync, { ...options, most })).pipe(
      Effect.map((all) => all.flat()),
      Effect.provide(yield* databases)
    )
    if (flags.json) yield* Console.log(toJson(comparisons))
    else yield* printComparisons(comparisons)
    if (!Verify.isAlike(comparisons)) return yield* new WorkFailed({})
  })
).pipe(
  Command.withDescription("Compare the tables of the config's syncs with those that their rows come from")
)

const wayOf = (
  flags: {
    readonly by: "copy" | "signal"
    readonly deleteExtra: boolean
    readonly signalTable: Option.Option<string>
  }
): Effect.Effect<Pick<Verify.ResyncOptions, "by"> & Verify.ResyncOptions, UsageError> => {
  const fail = (problem: string) => Effect.fail(new UsageError({ problem }))
  if (flags.by === "copy") {
    if (Option.isSome(flags.signalTable)) return fail("--signal-table needs --by signal")
    return Effect.succeed({ by: "copy", extra: flags.deleteExtra ? "delete" : "keep" })
  }
  if (flags.deleteExtra) return fail("--delete-extra needs --by copy: Debezium sends no rows that are not there")
  return Option.isNone(flags.signalTable)
    ? fail("--by signal needs --signal-table, the connector's signal.data.collection")
    : Effect.succeed({ by: "signal", signalTable: flags.signalTable.value })
}

/** Repairs what differs. */
export const resync = Command.make(
  "resync",
  {
    ...comparing,
    by: Flag.Literals("by", ["copy", "signal"]).pipe(
      Flag.withDescription("Copy the rows, or let Debezium send them again (default copy)"),
      Flag.withDefault("copy" as const)
    ),
    deleteExtra: Flag.Boolean("delete-extra").pipe(
      Flag.withDescription("With --by copy: delete rows that only the target has"),
      Flag.withDefault(false)
    ),
    signalTable: optional.text("signal-table", "With --by signal: the connector's signal.data.collection"),
    yes
  },
  Effect.fnUntraced(function*(flags) {
    const options = { ...yield* optionsOf(flags), ...yield* wayOf(flags) }
    const syncs = yield* selected(flags.names)
    const layer = yield* databases
    yield* Effect.gen(function*() {
      if (!flags.yes) {
        const { ignore, pause, rangeSize, rechecks, timeout } = options
        const found = (yield* Effect.forEach(
          syncs,
          (sync) => Verify.compare(sync, { ignore, pause, rangeSize, rechecks, timeout, most: 20 })
        )).flat()
        if (!flags.json) yield* printComparisons(found)
        if (Verify.isAlike(found)) return yield* Console.log(flags.json ? "[]" : "nothing to do: nothing differs")
        const how = flags.by === "copy" ? "Copy these rows" : "Let Debezium send these rows again"
        yield* agreed(`${how}${flags.deleteExtra ? ", and delete the extra ones" : ""}?`)
      }
      yield* worksOn
      const done: Array<Verify.Resynced> = []
      const each = Effect.forEach(
        syncs,
        (sync) =>
          Effect.map(Verify.resync(sync, options), (tables) => void done.push(...tables)).pipe(
            orSay(`${topicOf(sync)}: ended halfway; the same command does what is left`)
          ),
        { discard: true }
      )
      // What was done is said also where a later one fails.
      yield* Effect.ensuring(each, Effect.suspend(() => flags.json ? Console.log(toJson(done)) : printResynced(done)))
      if (done.some(({ refusedCount }) => refusedCount > 0)) {
        return yield* new WorkFailed({ problem: "the target refuses some rows; see above" })
      }
    }).pipe(Effect.provide(layer))
  })
).pipe(
  Command.withDescription("Make rows that differ alike again: copy them, or let Debezium send them once more")
)
