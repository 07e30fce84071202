/** `millrace sql status`. */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { shownBytes } from "../../sql/check/problems.ts"
import * as SourceDatabase from "../../sql/SourceDatabase.ts"
import * as SyncStatus from "../../sql/SyncStatus.ts"
import { config, json } from "../root.ts"
import { printTable } from "../table.ts"
import { toJson } from "../values.ts"
import { database } from "./database.ts"
import { inTime, letGo, timeout } from "./patience.ts"
import { names, selected } from "./selecting.ts"

const seconds = (millis: number): string => `${(millis / 1_000).toFixed(1)} s`

const print = Effect.fnUntraced(function*({ outbox, partitions, slots, waiting }: SyncStatus.Status) {
  yield* printTable(
    ["GROUP", "TOPIC", "PARTITION", "STORED", "END", "LAG", "SINCE"],
    partitions.map((one) => [
      one.group,
      one.topic,
      one.partition,
      one.next ?? "-",
      one.end ?? "-",
      one.lag ?? "-",
      seconds(one.ageMillis)
    ])
  )
  if (slots.length > 0) {
    yield* Console.log("")
    yield* printTable(
      ["SLOT", "ACTIVE", "WAL", "KEEPS", "LAG"],
      slots.map(({ isActive, lagBytes, name, retainedBytes, walStatus }) => [
        name,
        isActive ? "yes" : "no",
        walStatus ?? "-",
        retainedBytes === undefined ? "-" : shownBytes(retainedBytes),
        lagBytes === undefined ? "-" : shownBytes(lagBytes)
      ])
    )
  }
  if (waiting !== undefined) yield* Console.log(`\n${waiting} records wait for others`)
  if (outbox !== undefined) {
    const { oldestMillis, parked, waiting: unsent } = outbox
    yield* Console.log(`\noutbox: ${unsent} wait, the oldest for ${seconds(oldestMillis)}; ${parked} parked`)
  }
})

/** How the syncs are doing. */
export const status = Command.make(
  "status",
  { names, timeout, json },
  Effect.fnUntraced(function*(flags) {
    const syncs = yield* selected(flags.names)
    const { engine, sqlSource } = yield* config
    const { layer, tables } = yield* database
    const source: Layer.Layer<never, unknown> = sqlSource === undefined
      ? Layer.empty
      : SourceDatabase.layer(letGo(sqlSource))
    const look = Effect.provide(SyncStatus.read(syncs, tables), [layer, engine, source])
    const found = yield* inTime("read the status of syncs", flags.timeout, look)
    if (flags.json) return yield* Console.log(toJson(found))
    yield* print(found)
  })
).pipe(
  Command.withDescription("Show how far the config's syncs are, and what the replication slots of the source keep")
)
