/** What can be wrong with a record, or with the database, and that nothing else suffers from it. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, type Handler, OnFailure, Producer } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client } from "../../services/database.ts"
import { sharedPostgres } from "../../services/env.ts"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

const statements = [
  "CREATE TABLE parents (id int PRIMARY KEY)",
  "INSERT INTO parents VALUES (1)",
  `CREATE TABLE items (
    id int PRIMARY KEY, short varchar(3), parent int REFERENCES parents, amount numeric(4,2), small smallint,
    at timestamptz, day date, text text, number int, words tsvector)`,
  "CREATE TABLE changing (id int PRIMARY KEY, name text, gone text)",
  "CREATE TABLE held (id int PRIMARY KEY, name text)",
  "CREATE TABLE disk (is_full boolean)",
  `CREATE FUNCTION fills() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM disk WHERE is_full) THEN
      RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
  END $$`,
  "CREATE TRIGGER fills AFTER INSERT OR UPDATE ON held EXECUTE FUNCTION fills()"
]

interface Case {
  readonly name: string
  readonly row: { readonly [field: string]: unknown }
  readonly tag: string
  readonly says: ReadonlyArray<string>
}

const cases: ReadonlyArray<Case> = [
  { name: "a type that does not fit", row: { number: "seven" }, tag: "BadValue", says: ["number"] },
  { name: "a value that is too long", row: { short: "abcd" }, tag: "Refused", says: ["22001", "character varying(3)"] },
  { name: "a parent that is not there", row: { parent: 9 }, tag: "Refused", says: ["23503", "items_parent_fkey"] },
  { name: "a NUL byte in a text", row: { text: "a\0b" }, tag: "BadValue", says: ["text"] },
  { name: "a number that overflows", row: { amount: "123.45" }, tag: "Refused", says: ["22003"] },
  { name: "an integer out of range", row: { small: 70_000 }, tag: "Refused", says: ["22003"] },
  { name: "a timestamp out of range", row: { at: "+294277-01-01T00:00:00Z" }, tag: "Refused", says: ["22008"] },
  { name: "a text of another syntax", row: { words: "'a" }, tag: "Refused", says: ["42601", "tsvector"] },
  { name: "a field without a column", row: { colour: "red" }, tag: "UnknownField", says: ["colour"] }
]

layer(world(statements), { excludeTestServices: true })("bad input", (it) => {
  const format = Change.flattened({ tombstones: "delete" })

  it.effect("is refused with table, key and place, and the rest of the batch is stored, once", () =>
    Effect.gen(function*() {
      const Items = connectTopic("items")
      const handler = ModelSync.handler(ModelSync.make(Items, { table: "public.items", format }))
      // A good record before, between and behind the bad ones.
      const messages = cases.flatMap(({ row }, i) => [
        { id: 2 * i },
        { id: 2 * i + 1, ...row }
      ])
      yield* Producer.sendAll(
        Items,
        [...messages, { id: 100 }].map((value) => ({
          key: { id: value.id },
          value,
          partition: 0
        }))
      )
      // Records of other keys may be judged before those that only the database refuses.
      const failures = (yield* runToEnd(handler)).sort((a, b) => a.offset - b.offset)
      assert.deepStrictEqual(failures.map(({ offset }) => offset), cases.map((_, i) => 2 * i + 1))
      cases.forEach(({ name, says, tag }, i) => {
        const { error, offset } = failures[i]!
        assert.strictEqual(error.reason._tag, tag, name)
        for (const words of ["items/0", `offset ${offset}`, "public.items", ...says]) {
          assert.include(error.message, words, name)
        }
        if (tag !== "UnknownField") assert.include(error.message, `id=${offset}`, name)
      })
      assert.strictEqual((yield* rowsOf("items")).length, cases.length + 1)
    }))

  it.effect("that throws when it is looked at fails alone, and nothing of its batch is lost", () =>
    Effect.gen(function*() {
      const Throwing = connectTopic("throwing")
      const sync = ModelSync.make(Throwing, {
        table: "public.items",
        format: Change.plain,
        row: (row, { offset }) =>
          offset === 1
            ? {
              ...row,
              get text(): string {
                throw new Error("a getter")
              }
            }
            : row
      })
      const messages = [210, 211, 212].map((id) => ({ key: { id }, value: { id }, partition: 0 }))
      yield* Producer.sendAll(Throwing, messages)
      const failures = yield* runToEnd(ModelSync.handler(sync))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1])
      assert.strictEqual(failures[0]!.error.reason._tag, "Malformed")
      assert.include(failures[0]!.error.message, "a getter")
      const rows = yield* rowsOf("(SELECT id FROM items WHERE id BETWEEN 210 AND 219)")
      assert.deepStrictEqual(rows, [{ id: 210 }, { id: 212 }])
    }))

  it.effect("is no field that only has the name of something that all objects have", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE named ("constructor" int PRIMARY KEY, "toString" text, other text)`
      const Named = connectTopic("named")
      const value = JSON.parse("{\"constructor\": 1, \"toString\": \"a\", \"name\": \"b\"}")
      yield* Producer.send(Named, { key: { constructor: 1 }, value, partition: 0 })
      yield* Producer.send(Named, { key: {}, value: { name: "c" }, partition: 0 })
      const rename = { name: "other" }
      for (const key of [undefined, ["constructor"]]) {
        const sync = ModelSync.make(Named, { table: "public.named", format: Change.plain, rename, key })
        const failures = yield* runToEnd(ModelSync.handler(sync))
        assert.deepStrictEqual(failures.map(({ error, offset }) => [offset, error.reason._tag]), [[1, "Malformed"]])
        assert.deepStrictEqual(yield* rowsOf("named", "other"), [{ constructor: 1, toString: "a", other: "b" }])
      }
    }))

  it.effect("is a field that is named like the column of a renamed one", () =>
    Effect.gen(function*() {
      const Renamed = connectTopic("renamed")
      const values = [{ id: 220, text: "own", name: "renamed" }, { id: 221, name: "renamed", text: "own" }]
      yield* Producer.sendAll(Renamed, values.map((value) => ({ key: { id: value.id }, value, partition: 0 })))
      const settings = { table: "public.items", format: Change.plain, rename: { name: "text" } }
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Renamed, settings)))
      assert.deepStrictEqual(failures.map(({ error }) => error.reason._tag), ["UnknownField", "UnknownField"])
      const ignoring = ModelSync.make(Renamed, { ...settings, unknownFields: "ignore" })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(ignoring)), [])
      const rows = yield* rowsOf("(SELECT id, text FROM items WHERE id BETWEEN 220 AND 229)")
      assert.deepStrictEqual(rows, [{ id: 220, text: "renamed" }, { id: 221, text: "renamed" }])
    }))

  it.effect("without a key, or with a null in it, is refused", () =>
    Effect.gen(function*() {
      const Keyless = connectTopic("keyless")
      const handler = ModelSync.handler(ModelSync.make(Keyless, { table: "public.items", format }))
      yield* Producer.send(Keyless, { key: null, value: { short: "a" }, partition: 0 })
      yield* Producer.send(Keyless, { key: { id: null }, value: { id: null, short: "a" }, partition: 0 })
      yield* Producer.send(Keyless, { key: { id: 200 }, value: "no object", partition: 0 })
      const failures = yield* runToEnd(handler)
      assert.deepStrictEqual(failures.map(({ error }) => error.reason._tag), ["Malformed", "BadValue", "Malformed"])
      assert.include(failures[0]!.error.message, "\"id\"")
    }))

  it.effect("of a transform that throws, fails or returns no row is that record's own", () =>
    Effect.gen(function*() {
      const Transformed = connectTopic("transformed")
      const sync = ModelSync.make(Transformed, {
        table: "public.items",
        format: Change.plain,
        row: (row, { offset }) => {
          switch (offset) {
            case 1:
              throw new Error("thrown")
            case 2:
              return Effect.fail("failed" as const)
            case 3:
              // As a program without types would.
              return undefined as unknown as Change.Values
            default:
              return Effect.succeed({ ...row, text: "made" })
          }
        }
      })
      const messages = Array.from({ length: 5 }, (_, i) => ({ key: { id: 400 + i }, value: { id: 400 + i } }))
      yield* Producer.sendAll(Transformed, messages.map((message) => ({ ...message, partition: 0 })))
      const failures = yield* runToEnd(ModelSync.handler(sync))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1, 2, 3])
      assert.include(String(failures[0]!.error), "thrown")
      assert.strictEqual(String(failures[1]!.error), "failed")
      assert.include(failures[2]!.error.message, "`row` returned undefined, not an object of fields")
      const rows = yield* rowsOf("(SELECT id, text FROM items WHERE id >= 400)")
      assert.deepStrictEqual(rows, [{ id: 400, text: "made" }, { id: 404, text: "made" }])
    }))

  it.effect("of a transform that returns no fields is refused, and is no row of its key alone", () =>
    Effect.gen(function*() {
      const Returning = connectTopic("returning")
      const returned: ReadonlyArray<() => unknown> = [
        () => Promise.reject(new Error("late")),
        () => new Map(),
        () => new Date(),
        () => ["a"],
        () => () => ({}),
        () => Effect.succeed([{ text: "a" }])
      ]
      const settings = { table: "public.items", format: Change.plain }
      // As a program without types would.
      const row = (_: unknown, { offset }: { readonly offset: number }) => returned[offset]!() as Change.Values
      const sync = ModelSync.make(Returning, { ...settings, row })
      const messages = returned.map((_, i) => ({ key: { id: 600 + i }, value: { id: 600 + i }, partition: 0 }))
      yield* Producer.sendAll(Returning, messages)
      const failures = yield* runToEnd(ModelSync.handler(sync))
      assert.strictEqual(failures.length, returned.length)
      for (const { error } of failures) assert.include(error.message, "not an object of fields")
      assert.match(failures[0]!.error.message, /`row` returned a Promise, .*Effect\.tryPromise/)
      class Made extends Schema.Class<Made>("Made")({ text: Schema.String }) {}
      const making = ModelSync.make(Returning, { ...settings, row: () => new Made({ text: "made" }) })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(making)), [])
      const rows = yield* rowsOf("(SELECT id, text FROM items WHERE id >= 600)")
      assert.deepStrictEqual(rows, returned.map((_, i) => ({ id: 600 + i, text: "made" })))
    }))

  it.effect("sends of a transform are suppressed, unless they are asked for", () =>
    Effect.gen(function*() {
      const Sending = connectTopic("sending")
      const Out = connectTopic("sent")
      const sync = ModelSync.make(Sending, {
        table: "public.items",
        format: Change.plain,
        row: (row) => Effect.as(Producer.send(Out, { key: null, value: "echo" }), row)
      })
      yield* Producer.send(Sending, { key: { id: 500 }, value: { id: 500 }, partition: 0 })
      const sent = Effect.flatMap(InMemoryKafka, (kafka) => Effect.map(kafka.records("sent"), ({ length }) => length))
      yield* Producer.send(Out, { key: null, value: "first" })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.strictEqual(yield* sent, 1)
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync, { suppress: false })), [])
      assert.strictEqual(yield* sent, 2)
    }))

  it.effect("that is only odd is stored as it is: infinity, BC, a cell of a megabyte", () =>
    Effect.gen(function*() {
      const Odd = connectTopic("odd")
      const handler = ModelSync.handler(ModelSync.make(Odd, { table: "public.items", format }))
      const values = [
        { id: 300, at: "infinity" },
        { id: 301, at: "-0043-03-15T12:00:00.000000Z" },
        { id: 302, text: "x".repeat(1_000_000) }
      ]
      yield* Producer.sendAll(Odd, values.map((value) => ({ key: { id: value.id }, value, partition: 0 })))
      assert.deepStrictEqual(yield* runToEnd(handler), [])
      const rows = yield* rowsOf("(SELECT id, at::text, length(text) AS long FROM items WHERE id BETWEEN 300 AND 399)")
      assert.deepStrictEqual(rows, [
        { id: 300, at: "infinity", long: null },
        { id: 301, at: "0044-03-15 12:00:00+00 BC", long: null },
        { id: 302, at: null, long: 1_000_000 }
      ])
    }))
})

/** Runs a consumer beside a test. */
const beside = (handler: Handler.Handler<any, SqlClient>, retry: OnFailure.For<any, never> = OnFailure.stop) =>
  Effect.forkScoped(Consumer.run(Consumer.make("beside", {
    offsetReset: "earliest",
    onFailure: retry,
    handlers: [handler]
  })))

const quick = Schedule.spaced("20 millis")

layer(world(statements), { excludeTestServices: true })("a database that changes", (it) => {
  const rowsAre = (table: string, count: number) =>
    Effect.repeat(rowsOf(table), { until: (rows) => rows.length === count, schedule: Schedule.spaced("10 millis") })

  it.effect("has columns dropped and added while records come", () =>
    Effect.gen(function*() {
      const Changing = connectTopic("changing")
      const send = (id: number, more: object) =>
        Producer.send(Changing, { key: { id }, value: { id, name: "x", ...more }, partition: 0 })
      const sync = ModelSync.make(Changing, {
        table: "public.changing",
        format: Change.flattened(),
        unknownFields: "ignore"
      })
      const sql = yield* SqlClient
      const running = yield* beside(ModelSync.handler(sync, { retry: quick }))
      yield* send(1, { gone: "a" })
      yield* rowsAre("changing", 1)
      yield* sql`ALTER TABLE changing DROP COLUMN gone`
      yield* send(2, { gone: "b" })
      yield* rowsAre("changing", 2)
      yield* sql`ALTER TABLE changing ADD COLUMN added int`
      const strict = ModelSync.make(Changing, {
        table: "public.changing",
        format: Change.flattened(),
        fields: { exclude: ["gone"] }
      })
      yield* Fiber.interrupt(running)
      yield* beside(ModelSync.handler(strict, { retry: quick }))
      yield* send(3, { added: 5 })
      yield* rowsAre("changing", 3)
      yield* sql`ALTER TABLE changing ADD COLUMN later int`
      yield* send(4, { added: 5, later: 6 })
      const rows = yield* rowsAre("changing", 4)
      assert.deepStrictEqual(rows.slice(2), [
        { id: 3, name: "x", added: 5, later: null },
        { id: 4, name: "x", added: 5, later: 6 }
      ])
    }).pipe(Effect.scoped))

  it.effect("has a column of another type by now: no record is refused for the type that it had", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE retyped (id int PRIMARY KEY, value int)`
      const Retyped = connectTopic("retyped")
      const send = (id: number, value: unknown) =>
        Producer.send(Retyped, { key: { id }, value: { id, value }, partition: 0 })
      const format = Change.flattened()
      // A record that is refused would end it.
      yield* beside(ModelSync.handler(ModelSync.make(Retyped, { table: "public.retyped", format }), { retry: quick }))
      yield* send(1, 1)
      yield* rowsAre("retyped", 1)
      yield* sql`ALTER TABLE retyped ALTER COLUMN value TYPE text`
      yield* send(2, "two")
      assert.deepStrictEqual(yield* rowsAre("retyped", 2), [{ id: 1, value: "1" }, { id: 2, value: "two" }])
    }).pipe(Effect.scoped))

  it.effect("has a row that refers to one that is deleted, until another partition says what becomes of it", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE owners (id int PRIMARY KEY)`
      yield* sql`CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owners)`
      yield* sql`INSERT INTO owners VALUES (1), (2)`
      yield* sql`INSERT INTO owned VALUES (1, 1)`
      const Owners = connectTopic("owners")
      const Owned = connectTopic("owned")
      const format = Change.flattened({ tombstones: "delete" })
      const handlers = [
        ModelSync.handler(ModelSync.make(Owners, { table: "public.owners", format })),
        ModelSync.handler(ModelSync.make(Owned, { table: "public.owned", format }))
      ] as const
      yield* Producer.send(Owners, { key: { id: 3 }, value: { id: 3 }, partition: 0 })
      yield* Producer.send(Owners, { key: { id: 1 }, value: null, partition: 0 })
      yield* Effect.forkScoped(
        Consumer.run(Consumer.make("owners", { offsetReset: "earliest", onFailure: OnFailure.stop, handlers }))
      )
      // What precedes it is stored meanwhile.
      yield* rowsAre("owners", 3)
      yield* Producer.send(Owned, { key: { id: 1 }, value: { id: 1, owner: 2 }, partition: 0 })
      assert.deepStrictEqual(yield* rowsAre("owners", 2), [{ id: 2 }, { id: 3 }])
      assert.deepStrictEqual(yield* rowsOf("owned"), [{ id: 1, owner: 2 }])
    }).pipe(Effect.scoped))

  it.effect("is full, read-only or without its table: the partition waits, and no record fails", () =>
    Effect.gen(function*() {
      const Held = connectTopic("held")
      const send = (id: number) => Producer.send(Held, { key: { id }, value: { id, name: "x" }, partition: 0 })
      const sql = yield* SqlClient
      const admin = (text: string) =>
        Effect.provide(
          Effect.flatMap(PgClient.PgClient, (sql) => sql.unsafe(text)),
          client({ ...sharedPostgres(), database: "postgres" })
        )
      const [name] = (yield* sql.unsafe("SELECT current_database()").values)[0]!
      let failures = 0
      const retry = Schedule.tap(quick, () => Effect.sync(() => failures++))
      const failing = (more: number) =>
        Effect.suspend(() => {
          const least = failures + more
          return Effect.repeat(Effect.sync(() => failures), {
            until: (count) => count >= least,
            schedule: Schedule.spaced("10 millis")
          })
        })
      const handler = ModelSync.handler(
        ModelSync.make(Held, { table: "public.held", format: Change.flattened() }),
        { retry }
      )
      yield* beside(handler)
      yield* send(1)
      yield* rowsAre("held", 1)

      yield* sql`INSERT INTO disk VALUES (true)`
      yield* send(2)
      yield* failing(2)
      yield* sql`DELETE FROM disk`
      yield* rowsAre("held", 2)

      yield* sql`ALTER TABLE held RENAME TO elsewhere`
      yield* send(3)
      yield* failing(2)
      yield* sql`ALTER TABLE elsewhere RENAME TO held`
      yield* rowsAre("held", 3)

      const restart = admin(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`)
      yield* admin(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
      yield* restart
      yield* send(4)
      yield* failing(2)
      yield* admin(`ALTER DATABASE ${name} RESET default_transaction_read_only`)
      yield* restart
      yield* Effect.retry(rowsAre("held", 4), quick)
    }).pipe(Effect.scoped))
})
