/** `millrace dlt discard`. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as DeadLetters from "../DeadLetters.ts"
import { agreed } from "./confirm.ts"
import { consumer, dryRun, filter, optional, yes } from "./dltFilter.ts"
import { worksOn } from "./ending.ts"
import { orSay } from "./halfway.ts"
import { config, json } from "./root.ts"
import { selectOne } from "./selection.ts"
import { printTable } from "./table.ts"

/** Gives dead letters up. */
export const discard = Command.make(
  "discard",
  {
    consumer,
    topic: filter.topic,
    partition: filter.partition,
    parked: filter.parked,
    before: optional.number("before", "With --partition: only those before this offset"),
    deleteRecords: Flag.Boolean("delete-records").pipe(
      Flag.withDescription("Also delete them from the topic, for all readers and for good"),
      Flag.withDefault(false)
    ),
    dryRun,
    yes,
    json
  },
  Effect.fnUntraced(function*(flags) {
    const loaded = yield* config
    const one = yield* selectOne(loaded, Option.getOrUndefined(flags.consumer))
    const discarding = (dryRun: boolean) =>
      DeadLetters.discard(one, {
        topic: Option.getOrUndefined(flags.topic),
        partition: Option.getOrUndefined(flags.partition),
        before: Option.getOrUndefined(flags.before),
        parked: flags.parked,
        deleteRecords: flags.deleteRecords,
        dryRun
      })
    const what = `${flags.deleteRecords ? "deleted, and " : ""}passed by group ${DeadLetters.groupOf(one)}`
    const halfway = `the records may be passed by group ${DeadLetters.groupOf(one)}${
      flags.deleteRecords ? ", and some of them deleted" : ""
    }; the same command does what is left`
    const report = Effect.fnUntraced(function*(parts: ReadonlyArray<DeadLetters.Discarded>, executed: boolean) {
      if (flags.json) return yield* Console.log(JSON.stringify({ executed, partitions: parts }))
      const rows = parts.map(({ from, partition, to, topic }) => [topic, partition, from, to, to - from])
      yield* printTable(["TOPIC", "PARTITION", "FROM", "TO", "RECORDS"], rows)
      yield* Console.log(executed ? what : `would be ${what}; nothing was done`)
    })
    const work = Effect.gen(function*() {
      // Also with --yes: what is wrong with the flags is found out before anything is done.
      const parts = yield* discarding(true)
      if (flags.dryRun || !flags.yes) {
        yield* report(parts, false)
        if (flags.dryRun || parts.length === 0) return
        yield* agreed("Give them up?")
      }
      yield* worksOn
      yield* report(yield* orSay(halfway)(discarding(false)), true)
    })
    yield* Effect.provide(work, loaded.engine)
  })
).pipe(
  Command.withDescription(
    "Discard dead letters: no redrive sees them any more; with --delete-records they are deleted"
  )
)
