/** `millrace sql check`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SyncCheck from "../../sql/SyncCheck.ts"
import { optional } from "../dltFilter.ts"
import { UsageError, WorkFailed } from "../exit.ts"
import { config, json } from "../root.ts"
import { plain, toJson } from "../values.ts"
import { database } from "./database.ts"
import { inTime, timeout } from "./patience.ts"
import { databases, names, selected } from "./selecting.ts"

/** What would break the syncs later. */
export const check = Command.make(
  "check",
  {
    names,
    bothWays: Flag.Boolean("both-ways").pipe(
      Flag.withDescription("The target is synced back: its role has to set replication origins"),
      Flag.withDefault(false)
    ),
    sampleSize: optional.number("sample", "How many rows of a table are looked at for large values (default 10000)"),
    timeout,
    json
  },
  Effect.fnUntraced(function*(flags) {
    const sampleSize = flags.sampleSize._tag === "Some" ? flags.sampleSize.value : undefined
    if (sampleSize !== undefined && sampleSize < 1) {
      return yield* new UsageError({ problem: `--sample ${sampleSize} is below 1` })
    }
    const syncs = yield* selected(flags.names)
    const { engine } = yield* config
    const { tables } = yield* database
    const look = Effect.provide(
      SyncCheck.run(syncs, { ...tables, bothWays: flags.bothWays, sampleSize }),
      Layer.merge(yield* databases, engine)
    )
    const problems = yield* inTime("check syncs", flags.timeout, look)
    const errors = problems.filter(({ severity }) => severity === "error").length
    if (flags.json) yield* Console.log(toJson(problems))
    else {
      for (const { breaks, mend, problem, severity, side, subject } of problems) {
        yield* Console.log(plain(`${severity}: ${side}, ${subject}: ${problem}`))
        yield* Console.log(plain(`  ${breaks}`))
        if (mend !== undefined) yield* Console.log(plain(`  mend it by: ${mend}`))
      }
      const warnings = problems.length - errors
      yield* Console.log(
        problems.length === 0
          ? "nothing is wrong"
          : `${errors} ${errors === 1 ? "error" : "errors"}, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`
      )
    }
    if (errors > 0) return yield* new WorkFailed({})
  })
).pipe(Command.withDescription("Look for what breaks the config's syncs, or will, in both databases and their topics"))
