/** `millrace sql outbox`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Outbox from "../../sql/Outbox.ts"
import type { SyncError } from "../../sql/SyncError.ts"
import { agreed } from "../confirm.ts"
import { yes } from "../dltFilter.ts"
import { worksOn } from "../ending.ts"
import { WorkFailed } from "../exit.ts"
import { orSay } from "../halfway.ts"
import { json } from "../root.ts"
import { printTable } from "../table.ts"
import { toJson } from "../values.ts"
import { database } from "./database.ts"
import { all as everything, ids as named, meant, most } from "./ids.ts"
import { inTime, timeout } from "./patience.ts"

const ids = named("messages", "outbox ls")
const all = everything("All parked messages")

const text = (bytes: Uint8Array | null): string => bytes === null ? "-" : Buffer.from(bytes).toString("utf8")

const ls = Command.make(
  "ls",
  { max: most, timeout, json },
  Effect.fnUntraced(function*(flags) {
    const { layer } = yield* database
    const look = Effect.provide(Outbox.parkedLines(flags.max), layer)
    const messages = yield* inTime("list parked messages", flags.timeout, look)
    const shown = messages.map(({ bytes, id, key, parkedAt, partition, problem, topic }) => ({
      id,
      topic,
      partition,
      key: text(key),
      bytes,
      parkedAt: new Date(parkedAt).toISOString(),
      problem
    }))
    if (flags.json) return yield* Console.log(toJson(shown))
    yield* printTable(
      ["ID", "TOPIC", "KEY", "BYTES", "PARKED", "PROBLEM"],
      shown.map(({ bytes, id, key, parkedAt, problem, topic }) => [id, topic, key, bytes, parkedAt, problem])
    )
  })
).pipe(Command.withDescription("List the messages that Kafka refused for good"))

const changing = (
  flags: { readonly ids: ReadonlyArray<string>; readonly all: boolean; readonly json: boolean },
  words: string,
  change: (ids: ReadonlyArray<string>) => Effect.Effect<number, SyncError, SqlClient>,
  allowed: (count: number) => Effect.Effect<void, WorkFailed>
) =>
  Effect.gen(function*() {
    const { layer } = yield* database
    yield* Effect.gen(function*() {
      const wanted = yield* meant(flags, "message", Outbox.parkedIds)
      if (wanted.length > 0) yield* allowed(wanted.length)
      yield* worksOn
      const count = wanted.length === 0
        ? 0
        : yield* orSay("it may be done; `millrace sql outbox ls` shows what is left")(change(wanted))
      yield* Console.log(flags.json ? toJson({ count }) : `${count} ${words}`)
      if (count < wanted.length) {
        return yield* new WorkFailed({ problem: `${wanted.length - count} of them are not parked (any more)` })
      }
    }).pipe(Effect.provide(layer))
  })

const retry = Command.make(
  "retry",
  { ids, all, json },
  (flags) => changing(flags, "will be published again", Outbox.retry, () => Effect.void)
).pipe(Command.withDescription("Let parked messages be published again, as if they were written now"))

const drop = Command.make(
  "drop",
  { ids, all, yes, json },
  (flags) =>
    changing(
      flags,
      "dropped",
      Outbox.drop,
      (count) => flags.yes ? Effect.void : agreed(`Drop ${count} messages for good?`)
    )
).pipe(Command.withDescription("Delete parked messages for good"))

/** How the outbox is doing, and what Kafka refused of it. */
export const outbox = Command.make(
  "outbox",
  { timeout, json },
  Effect.fnUntraced(function*(flags) {
    const { layer } = yield* database
    const status = yield* inTime("read the status of the outbox", flags.timeout, Effect.provide(Outbox.status, layer))
    if (flags.json) return yield* Console.log(toJson(status))
    const { oldestMillis, parked, waiting } = status
    yield* printTable(["WAITING", "OLDEST", "PARKED"], [[waiting, `${(oldestMillis / 1_000).toFixed(1)} s`, parked]])
  })
).pipe(
  Command.withSubcommands([ls, retry, drop]),
  Command.withDescription("Show how many messages of the outbox wait, and what Kafka refused of them")
)
