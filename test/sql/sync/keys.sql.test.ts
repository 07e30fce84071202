/** One row may have a key that is written in several ways: what comes later wins all the same. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import { Change, ModelSync, RowVersion } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

interface Case {
  readonly type: string
  /** Two texts of one key. */
  readonly keys: readonly [string, string]
  /** Another key. */
  readonly other: string
}

const cases: ReadonlyArray<Case> = [
  { type: "int", keys: ["7", "07"], other: "8" },
  { type: "numeric", keys: ["1.5", "1.50"], other: "15" },
  { type: "float8", keys: ["-0", "0.0"], other: "1" },
  {
    type: "uuid",
    keys: ["AAAAAAAA-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "{aaaaaaaaaaaa4aaa8aaaaaaaaaaaaaaa}"],
    other: "baaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
  },
  { type: "char(5)", keys: ["a", "a    "], other: "b" },
  { type: "citext", keys: ["Ki", "KI"], other: "k" },
  { type: "text COLLATE insensitive", keys: ["é", "É"], other: "e" },
  { type: "date", keys: ["2026-01-01", "2026-01-01Z"], other: "2026-01-02" },
  { type: "time", keys: ["10:00:00", "10:00:00.000"], other: "10:00:01" },
  { type: "timestamp", keys: ["2026-01-01T00:00:00", "2026-01-01 00:00:00.000"], other: "2026-01-01T00:00:00.001" },
  { type: "timestamptz", keys: ["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"], other: "2026-01-01T01:00:00Z" },
  { type: "interval", keys: ["1 mon", "30 days"], other: "31 days" },
  { type: "inet", keys: ["10.0.0.1", "10.0.0.1/32"], other: "10.0.0.2" },
  { type: "int4range", keys: ["[1,3]", "[1,4)"], other: "[1,5)" },
  { type: "int[]", keys: ["{1,2}", "{ 1, 2 }"], other: "{1}" }
]

layer(
  world([
    "CREATE EXTENSION citext",
    "CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
  ]),
  { excludeTestServices: true }
)("A key that is written in several ways", (it) => {
  for (const [i, { keys: [one, two], other, type }] of cases.entries()) {
    it.effect(`is that of one row: ${type}`, () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        const deletes = { softDelete: "gone" }
        const write = (id: string, value: object) => ({ key: { id }, value })
        const remove = (id: string) => ({ key: { id }, value: null })
        const stored = Effect.fnUntraced(function*(
          name: string,
          messages: ReadonlyArray<{ readonly key: unknown; readonly value: unknown }>,
          settings: Partial<ModelSync.TableSettings> = {}
        ) {
          const table = `keys_${i}_${name}`
          yield* sql.unsafe(
            `CREATE TABLE ${table} (id ${type}, part int DEFAULT 1, v text, w text, gone timestamptz,`
              + " PRIMARY KEY (id))"
          )
          yield* sql.unsafe(`INSERT INTO ${table} (id, v) VALUES ('${one}', 'old')`)
          const topic = connectTopic(table)
          yield* Producer.sendAll(topic, messages.map((message) => ({ ...message, partition: 0 })))
          const sync = ModelSync.make(topic, { table: `public.${table}`, format: Change.plain, ...settings })
          assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
          return yield* rowsOf(`(SELECT id, v, w, gone IS NOT NULL AS gone FROM ${table})`)
        })
        const is = (rows: ReadonlyArray<unknown>, ...expected: ReadonlyArray<object>) => {
          assert.strictEqual(rows.length, expected.length)
          expected.forEach((one, at) => assert.deepInclude(rows[at], one))
        }
        const more = write(other, { v: "other" })
        const otherRow = { v: "other", gone: false }
        is(yield* stored("back", [more, remove(one), write(two, { v: "new" }), remove(other)]), { v: "new" })
        is(yield* stored("gone", [write(one, { v: "new" }), more, remove(two)]), otherRow)
        is(
          yield* stored("shapes", [write(one, { v: "1" }), write(two, { v: "2", w: "2" }), write(one, { v: "3" })]),
          { v: "3", w: "2" }
        )
        is(
          yield* stored("marked", [remove(one), write(two, { v: "new" })], { deletes }),
          { v: "new", gone: false }
        )
        is(yield* stored("mark", [write(one, { v: "new" }), remove(two)], { deletes }), { v: "new", gone: true })
      }))
  }

  it.effect("keeps its row, with what is not sent again, when its text changes", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      for (const deletes of ["delete", "softDelete"] as const) {
        const table = `changed_${deletes.toLowerCase()}`
        yield* sql.unsafe(`CREATE TABLE ${table} (id citext PRIMARY KEY, v text, body text, gone timestamptz)`)
        yield* sql.unsafe(`INSERT INTO ${table} VALUES ('a', 'old', 'large'), ('b', 'old', 'large')`)
        const topic = connectTopic(table)
        const send = (message: object) => Producer.send(topic, { ...message, partition: 0 } as never)
        const source = { schema: "public", table }
        const envelope = (op: string, before: object | null, after: object | null) => ({ op, before, after, source })
        // As Debezium sends it, and with the row before in one event.
        yield* send({
          key: { id: "a" },
          value: envelope("d", { id: "a" }, null),
          headers: { "__debezium.newkey": "{\"id\":\"A\"}" }
        })
        const after = (id: string) => ({ id, v: "new", body: "__debezium_unavailable_value" })
        yield* send({ key: { id: "A" }, value: envelope("c", null, after("A")) })
        yield* send({ key: { id: "B" }, value: envelope("u", { id: "b", body: "large" }, { id: "B", v: "new" }) })
        const sync = ModelSync.make(topic, {
          table: `public.${table}`,
          format: Change.envelope(),
          ...(deletes === "delete" ? {} : { deletes: { softDelete: "gone" } })
        })
        assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
        const rows = yield* rowsOf(`(SELECT lower(id::text) AS id, v, gone FROM ${table})`)
        assert.deepStrictEqual(rows, [{ id: "a", v: "new", gone: null }, { id: "b", v: "new", gone: null }])
        if (deletes === "delete") {
          assert.deepStrictEqual((yield* sql.unsafe(`SELECT id, body FROM ${table} WHERE id = 'a'`).values)[0], [
            "A",
            "large"
          ])
        }
      }
    }))

  for (const [i, type] of ["citext", "text COLLATE insensitive"].entries()) {
    it.effect(`is refused where deleted and waiting rows are found by its text: ${type}`, () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        const table = `public.free_${i}`
        yield* sql.unsafe(`CREATE TABLE ${table} (part int, id ${type}, lsn bigint, PRIMARY KEY (part, id))`)
        const sync = (settings: Partial<ModelSync.TableSettings>) =>
          ModelSync.make(connectTopic(`free_${i}`), { table, format: Change.envelope(), ...settings })
        yield* ModelSync.check(sync({}))
        const problems = [
          yield* Effect.flip(ModelSync.check(sync({ waitFor: "constraints" }))),
          yield* Effect.flip(ModelSync.check(sync({ version: { column: "lsn", from: "lsn" } }))),
          yield* Effect.flip(RowVersion.add(table, { site: 0 }))
        ]
        for (const { message, reason } of problems) {
          assert.strictEqual(reason._tag, "Unsupported")
          assert.match(message, new RegExp(`column ${table}\\.id: .*the database takes other texts for the same one`))
        }
      }))
  }
})
