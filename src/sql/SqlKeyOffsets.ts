/**
 * A `KeyOffsetStore` in the database, which all processes share and no restart forgets.
 *
 * @stability unstable
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import { KeyOffsetStore, KeyOffsetStoreError, type Observed } from "../KeyOffsetStore.ts"
import { bytesCell, literalOf } from "./apply/literals.ts"
import * as Sql from "./keyOffsets/keyOffsetsSql.ts"
import { requirePlace } from "./migrations/place.ts"
import type { Place } from "./tables/ownTables.ts"

/** Longer keys are not kept: an index takes some 2,700 bytes. */
const maxKeyBytes = 1_024

/** The last record of each key, of those that are kept. */
const lastOf = (records: ReadonlyArray<Observed>) => {
  const last = new Map<string, { readonly record: Observed; readonly key: string }>()
  for (const record of records) {
    if (record.key === null || record.key.length > maxKeyBytes) continue
    const key = bytesCell(record.key)
    last.set(`${record.topic}\0${key}`, { record, key })
  }
  return [...last.values()]
}

const topicsOf = (records: ReadonlyArray<Observed>): ReadonlyArray<string> => [
  ...new Set(records.map(({ topic }) => topic))
]

/**
 * A store in the table `key_offsets` of `Migrations`. What one process has read, all know, and a restart forgets
 * nothing; an offset never goes back within a partition. Each chunk that a consumer reads is one statement, and the
 * table has a row for each key of each topic: `KeyOffsetStore.forget` drops those of a topic. Keys of more than 1,024
 * bytes are not kept. Throws for options that it does not have.
 *
 * **When to use**: where several processes share a topic, and `KeyOffsetStore.layerMemory` would miss what the others
 * have read. One process alone is faster with that one.
 *
 * @example
 * ```ts
 * import { SqlKeyOffsets } from "millrace/sql"
 *
 * export const store = SqlKeyOffsets.layer({ prefix: "shop_" })
 * ```
 *
 * @stability unstable
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Place = {}): Layer.Layer<KeyOffsetStore, never, SqlClient> => {
  requirePlace("SqlKeyOffsets.layer", options)
  return Layer.effect(KeyOffsetStore)(Effect.map(SqlClient, (sql) => {
    const run = (
      operation: KeyOffsetStoreError["operation"],
      topics: ReadonlyArray<string>,
      statement: (place: Place) => string,
      parameters: ReadonlyArray<string>
    ) =>
      Effect.mapError(
        sql.unsafe(statement(options), parameters).values,
        (cause) => new KeyOffsetStoreError({ operation, topics, cause })
      )
    return {
      latest: (topic, key) =>
        Effect.map(run("latest", [topic], Sql.latest, [topic, bytesCell(key)]), ([row]) =>
          row === undefined
            ? Option.none()
            : Option.some({ partition: Number(row[0]), offset: Number(row[1]) })),
      observe: (records) =>
        Effect.suspend(() => {
          const last = lastOf(records)
          if (last.length === 0) return Effect.void
          return Effect.asVoid(run("observe", topicsOf(records), Sql.observe, [
            literalOf(last, ({ record }) => record.topic),
            literalOf(last, ({ key }) => key),
            literalOf(last, ({ record }) => String(record.partition)),
            literalOf(last, ({ record }) => String(record.offset))
          ]))
        }),
      forget: (topic) => Effect.asVoid(run("forget", [topic], Sql.forget, [topic]))
    }
  }))
}
