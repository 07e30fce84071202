/** Tables that refer to each other, their topics and rows, for tests of rows that wait. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import { Change, ModelSync, Waiting } from "millrace/sql"
import { connectTopic, rowsOf } from "../sync/kit.ts"

export const statements = [
  "CREATE TABLE countries (id int PRIMARY KEY, name text)",
  "CREATE TABLE customers (id int PRIMARY KEY, country int REFERENCES countries, name varchar(5), lsn bigint)",
  "CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, seller int REFERENCES customers, "
  + "note varchar(8), total int, gone_at timestamptz)",
  "CREATE TABLE loose (id int PRIMARY KEY, customer int)",
  "CREATE TABLE rooms (house text, nr int, PRIMARY KEY (house, nr))",
  "CREATE TABLE guests (id int PRIMARY KEY, room int, house text, "
  + "FOREIGN KEY (room, house) REFERENCES rooms (nr, house))",
  "CREATE TABLE parts (id int PRIMARY KEY, whole int REFERENCES parts, name text)"
]

export const format = Change.flattened({ tombstones: "delete" })

/** A topic of a table, with more partitions than one, and its sync. */
export const synced = (name: string, settings: Partial<ModelSync.TableSettings> = {}) => {
  const topic = connectTopic(name)
  const table = name.split(".").at(-1)!
  return {
    topic,
    sync: ModelSync.make(topic, { table: `public.${table}`, format, waitFor: "constraints", ...settings })
  }
}

export const send = (topic: ReturnType<typeof connectTopic>, value: { readonly id: number }, partition = 0) =>
  Producer.send(topic, { key: { id: value.id }, value, partition })
export const bury = (topic: ReturnType<typeof connectTopic>, id: number, partition = 0) =>
  Producer.send(topic, { key: { id }, value: null, partition })

/** Empty tables for each test. */
export const fresh = Effect.flatMap(
  SqlClient,
  (sql) => sql`TRUNCATE countries, customers, orders, loose, rooms, guests, parts, millrace.waiting`
)

export const country = (id: number) => ({ id, name: `c${id}` })
export const customer = (id: number, land: number | null = null) => ({ id, country: land, name: `n${id}`, lsn: null })
export const order = (id: number, buyer: number | null, note = "", seller: number | null = null) => ({
  id,
  customer: buyer,
  seller,
  note,
  total: 1,
  gone_at: null
})

export const notes = Effect.map(
  rowsOf("orders"),
  (rows) => (rows as ReadonlyArray<{ id: number; note: string }>).map(({ id, note }) => `${id} ${note}`)
)
export const waitingOffsets = Effect.map(
  Waiting.list(),
  (rows) => rows.map(({ offset, table }) => `${table} ${offset}`)
)

export const until = <E, R>(condition: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    while (!(yield* condition)) yield* Effect.sleep("10 millis")
  })
