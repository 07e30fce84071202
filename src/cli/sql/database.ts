/** The database of a config. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import * as Outbox from "../../sql/Outbox.ts"
import { UsageError } from "../exit.ts"
import { config } from "../root.ts"
import { letGo } from "./patience.ts"

/** Its client, and where Millrace's tables are in it. */
export const database = Effect.gen(function*() {
  const { sql, sqlTables } = yield* config
  if (sql === undefined) {
    return yield* new UsageError({
      problem:
        "the config module has no database; add `sql: PgClient.layer({ … })` to defineConfig in the config module"
    })
  }
  const layer: Layer.Layer<SqlClient, unknown> = Layer.merge(letGo(sql), Outbox.layer(sqlTables))
  return { layer, tables: sqlTables }
})
