/** Whatever comes first, and whatever is cut: at the end all rows are there, and none waits. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, OnFailure, Producer, Topic } from "millrace"
import { Change, Migrations, ModelSync, Waiting } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { numbersOf } from "../../internal/loop/random.ts"
import { crashing, type CrashPoint } from "../../services/crashingStream.ts"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { connectTopic, rowsOf } from "../sync/kit.ts"
import { fresh, statements, until } from "./kit.ts"

const tables = ["countries", "customers", "orders"] as const
type Name = typeof tables[number]

/** A row of the source, or fields of it that changed; null deletes. */
interface Event {
  readonly table: Name
  readonly id: number
  readonly row: { readonly [field: string]: unknown } | null
}

/** What a source with the same foreign keys does, and what it has at the end. */
const sourceOf = (seed: number) => {
  const random = numbersOf(seed)
  const below = (n: number) => Math.floor(random() * n)
  const rows: { readonly [table in Name]: Map<number, any> } = {
    countries: new Map(),
    customers: new Map(),
    orders: new Map()
  }
  const events: Array<Event> = []
  const some = (table: Name): number | null => {
    const ids = [...rows[table].keys()]
    return ids.length === 0 || random() < 0.1 ? null : ids[below(ids.length)]!
  }
  const put = (table: Name, id: number, fields: object) => {
    const before = rows[table].get(id)
    rows[table].set(id, { ...before, ...fields, id })
    // An update may leave out what it does not change.
    events.push({ table, id, row: before !== undefined && random() < 0.5 ? { ...fields, id } : rows[table].get(id) })
  }
  for (let i = 0; i < 120; i++) {
    const dice = random()
    if (dice < 0.1) put("countries", below(20), { name: `c${i}` })
    else if (dice < 0.35) put("customers", below(30), { country: some("countries"), name: `n${i}`, lsn: i })
    else if (dice < 0.45) {
      const id = some("orders")
      if (id === null) continue
      rows.orders.delete(id)
      events.push({ table: "orders", id, row: null })
    } else {
      const id = below(25)
      const change = rows.orders.has(id) && random() < 0.4
        ? random() < 0.5 ? { note: `o${i}` } : { customer: some("customers") }
        : { customer: some("customers"), seller: some("customers"), note: `o${i}`, total: i, gone_at: null }
      put("orders", id, change)
    }
  }
  return { events, rows, random }
}

const topicOf = (name: Name) => connectTopic(`converging.${name}`)

const consumerOf = (name: Name, maxSize: number, more: Partial<Consumer.Settings>) => {
  const sync = ModelSync.make(topicOf(name), { table: `public.${name}`, format: Change.plain, waitFor: "constraints" })
  const options = { maxSize, sweep: "20 millis", retry: Schedule.spaced("1 millis") } as const
  return Consumer.run(Consumer.make(`converging ${name}`, {
    offsetReset: "earliest",
    onFailure: OnFailure.stop,
    handlers: [ModelSync.handler(sync, options)],
    ...more
  }))
}

const prepared = (events: ReadonlyArray<Event>) =>
  Effect.gen(function*() {
    yield* fresh
    yield* (yield* SqlClient)`TRUNCATE millrace.offsets`
    yield* Topic.ensure(tables.map(topicOf), { partitions: 2, replication: 1 })
    for (const { id, row, table } of events) {
      yield* Producer.send(topicOf(table), { key: { id }, value: row, partition: id % 2 })
    }
  })

const sorted = (rows: ReadonlyMap<number, { readonly id: number }>) => [...rows.values()].sort((a, b) => a.id - b.id)

/** All rows are those of the source once nothing waits. */
const converges = (rows: { readonly [table in Name]: ReadonlyMap<number, any> }) =>
  Effect.gen(function*() {
    const sweeping = yield* Effect.forEach(tables, (name) => Effect.forkChild(consumerOf(name, 10, {})))
    yield* until(Effect.map(Waiting.status(), ({ refused, waiting }) => waiting + refused === 0))
    yield* Fiber.interruptAll(sweeping)
    assert.deepStrictEqual(yield* Waiting.status(), { waiting: 0, expired: 0, refused: 0, oldestMillis: 0 })
    for (const name of tables) assert.deepStrictEqual(yield* rowsOf(name), sorted(rows[name]))
  })

let place: Place

const world = Layer.effectDiscard(Effect.gen(function*() {
  const sql = yield* SqlClient
  for (const statement of statements) yield* sql.unsafe(statement)
  yield* Migrations.run()
})).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(makeDatabase, (made) => client(place = made)))),
  Layer.merge(Logger.layer([]))
)

const toEnd = { until: "end" } as const

layer(world, { excludeTestServices: true })("rows that wait are all written, in the order of their keys", (it) => {
  for (let seed = 1; seed <= 6; seed++) {
    it.effect(`whichever topic is read first, in chunks of any size (${seed})`, () =>
      Effect.gen(function*() {
        const { events, random, rows } = sourceOf(seed)
        yield* prepared(events)
        const order = seed % 2 === 0 ? tables : tables.toReversed()
        for (const name of order) yield* consumerOf(name, 1 + Math.floor(random() * 12), toEnd)
        yield* converges(rows)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }

  for (let seed = 7; seed <= 12; seed++) {
    it.effect(`while parents and children are written at the same time, by two members each (${seed})`, () =>
      Effect.gen(function*() {
        const { events, random, rows } = sourceOf(seed)
        yield* prepared(events)
        const member = (name: Name) => consumerOf(name, 1 + Math.floor(random() * 5), {})
        const leaving = yield* Effect.forEach(tables, (name) => Effect.forkChild(member(name)))
        yield* Effect.sleep(`${Math.floor(random() * 30)} millis`)
        const staying = yield* Effect.forEach(tables, (name) => Effect.forkChild(member(name)))
        yield* Effect.sleep(`${Math.floor(random() * 60)} millis`)
        yield* Fiber.interruptAll(leaving)
        yield* Fiber.interruptAll(staying)
        for (const name of tables) yield* consumerOf(name, 10, toEnd)
        yield* converges(rows)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }

  for (let seed = 13; seed <= 22; seed++) {
    it.effect(`where connections are cut in the middle of it (${seed})`, () =>
      Effect.gen(function*() {
        const { events, random, rows } = sourceOf(seed)
        yield* prepared(events)
        const points = Array.from({ length: 6 }, (_, i): CrashPoint => ({
          at: 1 + i * 40 + Math.floor(random() * 40),
          when: random() < 0.4 ? "before" : "after"
        }))
        const connections = crashing(place, points)
        // A handshake that is cut is waited for.
        const pool = {
          username: "postgres",
          database: place.database,
          ssl: false,
          connectTimeout: "200 millis"
        } as const
        const sql = PgClient.layer({ ...pool, maxConnections: 3, stream: connections.stream })
        for (const name of tables.toReversed()) {
          yield* Effect.provide(consumerOf(name, 1 + Math.floor(random() * 12), toEnd), sql)
        }
        assert.isAbove(connections.reached(), 2)
        yield* converges(rows)
      }).pipe(Effect.provide(InMemoryKafka.layer)))
  }
})
