/** What a logical slot with pgoutput sees of changes: their tables and the origins of their transactions. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"

/** A transaction of the log: its origin, and how many rows it inserted, updated and deleted. */
export interface Seen {
  readonly origin: string | undefined
  readonly changes: string
}

/** Makes a slot of this name, and a publication for all tables. */
export const watch = (slot: string) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    yield* sql.unsafe(`CREATE PUBLICATION ${slot} FOR ALL TABLES`)
    yield* Effect.acquireRelease(
      sql`SELECT slot_name FROM pg_create_logical_replication_slot(${slot}, 'pgoutput')`,
      () => Effect.orDie(sql`SELECT pg_drop_replication_slot(${slot})`)
    )
  })

/** What the slot has seen since it was last asked; with `isFiltered` as a connector with `origin=none` sees it. */
export const seen = (slot: string, isFiltered = false) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient
    const rows = yield* sql.unsafe(
      `SELECT data FROM pg_logical_slot_get_binary_changes('${slot}', NULL, NULL, 'proto_version', '1',
        'publication_names', '${slot}'${isFiltered ? ", 'origin', 'none'" : ""})`
    ).values
    const transactions: Array<Seen> = []
    let origin: string | undefined
    let changes = ""
    for (const [data] of rows) {
      const message = Buffer.from(data as Uint8Array).toString("latin1")
      if (message.startsWith("B")) [origin, changes] = [undefined, ""]
      else if (message.startsWith("O")) origin = /([\w-]+)\0$/.exec(message)?.[1]
      else if (message.startsWith("C")) transactions.push({ origin, changes })
      else if (/^[IUD]/.test(message)) changes += message[0]
    }
    return transactions
  })
