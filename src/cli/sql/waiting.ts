/** `millrace sql waiting`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Waiting from "../../sql/Waiting.ts"
import { agreed } from "../confirm.ts"
import { yes } from "../dltFilter.ts"
import { worksOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { orSay } from "../halfway.ts"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { timeOf, toJson } from "../values.ts"
import { database } from "./database.ts"
import { all, ids, meant, most } from "./ids.ts"
import { inTime, timeout } from "./patience.ts"

const named = ids("rows", "waiting ls")

const ls = Command.make(
  "ls",
  { max: most, timeout, json },
  Effect.fnUntraced(function*(flags) {
    const { layer, tables } = yield* database
    const look = Effect.provide(Waiting.list({ ...tables, max: flags.max }), layer)
    const rows = yield* inTime("list rows that wait", flags.timeout, look)
    const shown = rows.map(({ since, until, ...rest }) => ({ ...rest, since: timeOf(since), until: timeOf(until) }))
    if (flags.json) return yield* Console.log(toJson(shown))
    yield* printTable(
      ["ID", "TABLE", "KEY", "STATE", "WAITS FOR", "SINCE", "RECORD", "PROBLEM"],
      shown.map(({ id, key, offset, parent, partition, problem, since, state, table, topic }) => [
        id,
        table,
        key,
        state,
        parent,
        since,
        `${topic}/${partition}@${offset}`,
        problem ?? "-"
      ])
    )
  })
).pipe(Command.withDescription("List the rows that wait, the oldest first"))

const retry = Command.make(
  "retry",
  { ids: named, all: all("All rows that wait"), json },
  Effect.fnUntraced(function*(flags) {
    const { layer, tables } = yield* database
    yield* Effect.gen(function*() {
      // All are not listed first: there may be many, and more may come.
      const wanted = yield* meant(flags, "row", Effect.succeed([]))
      yield* worksOn
      const { found, left } = yield* orSay(
        "some rows may be released, and stay so; `millrace sql waiting` says how many wait, the same command goes on"
      )(Waiting.retry(flags.all ? "all" : wanted, tables))
      const released = found - left
      yield* Console.log(
        flags.json ? toJson({ found, released, left }) : `${released} released, ${left} of ${found} are left`
      )
      if (found < wanted.length) {
        return yield* new WorkFailed({ problem: `${wanted.length - found} of them do not wait (any more)` })
      }
    }).pipe(Effect.provide(layer))
  })
).pipe(
  Command.withDescription("Release rows whose parents are there; the others begin to wait again, expired ones, too")
)

const drop = Command.make(
  "drop",
  { ids: named, all: all("All rows that wait"), yes, json },
  Effect.fnUntraced(function*(flags) {
    const { layer, tables } = yield* database
    yield* Effect.gen(function*() {
      const wanted = yield* meant(flags, "row", Waiting.ids(tables))
      if (wanted.length > 0 && !flags.yes) yield* agreed(`Drop ${wanted.length} rows for good?`)
      yield* worksOn
      const dropping = orSay("the rows may be dropped; `millrace sql waiting ls` shows which are left")
      const count = wanted.length === 0 ? 0 : yield* dropping(Waiting.drop(wanted, tables))
      yield* Console.log(flags.json ? toJson({ count }) : `${count} dropped`)
      if (count < wanted.length) {
        return yield* new WorkFailed({ problem: `${wanted.length - count} of them do not wait (any more)` })
      }
    }).pipe(Effect.provide(layer))
  })
).pipe(Command.withDescription("Delete rows that wait for good"))

/** The rows of syncs that wait for their parents. */
export const waiting = Command.make(
  "waiting",
  { timeout, json },
  Effect.fnUntraced(function*(flags) {
    const { layer, tables } = yield* database
    const look = Effect.provide(Waiting.status(tables), layer)
    const status = yield* inTime("count rows that wait", flags.timeout, look)
    if (flags.json) return yield* Console.log(toJson(status))
    const { expired, oldestMillis, refused, waiting: rows } = status
    yield* printTable(
      ["WAITING", "OLDEST", "EXPIRED", "REFUSED"],
      [[rows, `${(oldestMillis / 1_000).toFixed(1)} s`, expired, refused]]
    )
  })
).pipe(
  Command.withSubcommands([ls, retry, drop]),
  Command.withDescription("Show how many rows of syncs wait for their parents")
)
