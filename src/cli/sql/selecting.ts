/** The syncs of a config, by the names that were given on the command line, and their databases. */
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import { unknown } from "../../internal/shared/suggestions.ts"
import { type AnySource, show } from "../../Source.ts"
import * as SourceDatabase from "../../sql/SourceDatabase.ts"
import type { Config } from "../Config.ts"
import { UsageError } from "../exit.ts"
import { config } from "../root.ts"
import { database } from "./database.ts"
import { letGo } from "./patience.ts"

/** `[sync…]`. */
export const names = Argument.String("sync").pipe(
  Argument.withDescription("Only these syncs of the config, by the table that they store into, or by their topic"),
  Argument.variadic()
)

type AnySync = Config["syncs"][number]

export const topicOf = (sync: AnySync): string => show(sync.source as AnySource)

/** The syncs that are meant: those that are named, or all. */
export const selected = Effect.fnUntraced(function*(wanted: ReadonlyArray<string>) {
  const { syncs } = yield* config
  if (syncs.length === 0) {
    return yield* new UsageError({
      problem: "the config module has no syncs; add `syncs: [ModelSync.make(…)]` to defineConfig in the config module"
    })
  }
  const namesOf = (sync: AnySync) => [sync.settings.table as string, topicOf(sync)]
  const missing = wanted.find((name) => !syncs.some((sync) => namesOf(sync).includes(name)))
  if (missing !== undefined) {
    return yield* new UsageError({ problem: unknown("sync", missing, [...new Set(syncs.flatMap(namesOf))]) })
  }
  return wanted.length === 0 ? syncs : syncs.filter((sync) => namesOf(sync).some((name) => wanted.includes(name)))
})

/** Both databases of the config. */
export const databases = Effect.gen(function*() {
  const { sqlSource } = yield* config
  if (sqlSource === undefined) {
    return yield* new UsageError({
      problem: "the config module does not say where the rows come from; add `sqlSource: PgClient.layer({ … })` to "
        + "defineConfig in the config module"
    })
  }
  const { layer } = yield* database
  const both: Layer.Layer<SqlClient | SourceDatabase.Service, unknown> = Layer.merge(
    layer,
    SourceDatabase.layer(letGo(sqlSource))
  )
  return both
})
