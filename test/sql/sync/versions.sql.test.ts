/** Versions that come from a field of the row: they are compared, and kept, as the source has them. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { afterAll, beforeAll } from "vitest"
import { connectTopic, runToEnd, world } from "./kit.ts"

interface Case {
  readonly name: string
  /** Of the column that keeps the version, and of the one that it comes from if that is another one. */
  readonly type: string
  readonly own?: string
  readonly format?: Change.Format
  readonly older: unknown
  readonly newer: unknown
  /** The newer version, as the database has it. */
  readonly kept: string
}

const cases: ReadonlyArray<Case> = [
  {
    name: "microseconds of a timestamptz",
    type: "timestamptz",
    older: "2026-01-01T00:00:00.123111Z",
    newer: "2026-01-01T00:00:00.123456Z",
    kept: "2026-01-01 00:00:00.123456+00"
  },
  {
    name: "a timestamp without a zone, in any time zone of the process",
    type: "timestamp",
    // An hour that is skipped where clocks go forward, and one that comes twice where they go back.
    older: "2026-03-29T02:30:00",
    newer: "2026-10-25 02:30:00",
    kept: "2026-10-25 02:30:00"
  },
  {
    name: "integers of Debezium",
    type: "timestamp",
    format: Change.flattened({ times: "microseconds" }),
    older: 1_767_225_600_123_455,
    newer: 1_767_225_600_123_456,
    kept: "2026-01-01 00:00:00.123456"
  },
  {
    name: "days before Christ, and infinity",
    type: "timestamptz",
    older: "-0043-03-15T12:00:00Z",
    newer: "infinity",
    kept: "infinity"
  },
  {
    name: "the column of another field",
    type: "timestamptz",
    own: "timestamp",
    format: Change.flattened({ times: "microseconds" }),
    older: 1_767_225_600_123_455,
    newer: 1_767_225_600_123_456,
    kept: "2026-01-01 00:00:00.123456+00"
  },
  { name: "a whole number", type: "bigint", older: 7, newer: 9_007_199_254_740_993n, kept: "9007199254740993" },
  {
    name: "a time in a bigint, in milliseconds",
    type: "bigint",
    own: "timestamptz",
    older: "2026-01-01T00:00:00.123Z",
    newer: "2026-01-01T00:00:00.124456Z",
    kept: "1767225600124"
  }
]

const { TZ } = process.env

layer(world([]), { excludeTestServices: true })("A version from a field", (it) => {
  // The zone of the process means nothing for what a source says.
  beforeAll(() => {
    process.env.TZ = "Europe/Berlin"
  })
  afterAll(() => {
    if (TZ === undefined) delete process.env.TZ
    else process.env.TZ = TZ
  })

  for (const [i, { format = Change.plain, kept, name, newer, older, own, type }] of cases.entries()) {
    it.effect(`is what the source has: ${name}`, () =>
      Effect.gen(function*() {
        const sql = yield* SqlClient
        for (const order of ["together", "apart"] as const) {
          const table = `versions_${i}_${order}`
          const more = own === undefined ? "" : `, at ${own}`
          yield* sql.unsafe(`CREATE TABLE ${table} (id int PRIMARY KEY, v text, ver ${type}${more})`)
          const topic = connectTopic(table)
          const field = own === undefined ? "ver" : "at"
          const send = (v: string, version: unknown) =>
            Producer.send(topic, { key: { id: 1 }, value: { id: 1, v, [field]: version }, partition: 0 })
          const version = { column: "ver", from: { field } }
          const handler = ModelSync.handler(ModelSync.make(topic, { table: `public.${table}`, format, version }))
          const run = Effect.map(runToEnd(handler, table), (failures) => assert.deepStrictEqual(failures, []))
          yield* send("newer", newer)
          if (order === "apart") yield* run
          yield* send("older", older)
          yield* run
          const zone = "CASE WHEN isfinite(ver) THEN '+00' ELSE '' END"
          const shown = type === "timestamptz" ? `(ver AT TIME ZONE 'UTC')::text || ${zone}` : "ver::text"
          assert.deepStrictEqual((yield* sql.unsafe(`SELECT v, ${shown} FROM ${table}`).values)[0], ["newer", kept])
        }
      }))
  }

  it.effect("that the column cannot hold is the fault of its record alone", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE unheld (id int PRIMARY KEY, ver timestamp)`
      const topic = connectTopic("unheld")
      const messages = [1, 2, 3].map((id) => ({
        key: { id },
        value: { id, nanos: id === 2 ? 1_767_225_600_123_456_789n : id },
        partition: 0
      }))
      yield* Producer.sendAll(topic, messages)
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(topic, {
        table: "public.unheld",
        format: Change.plain,
        unknownFields: "ignore",
        version: { column: "ver", from: { field: "nanos" } }
      })))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1])
      assert.strictEqual(failures[0]!.error.reason._tag, "BadValue")
      assert.include(failures[0]!.error.message, "public.unheld.ver of the row id=2")
      assert.deepStrictEqual((yield* sql`SELECT id FROM unheld ORDER BY id`.values).map(([id]) => id), [1, 3])
    }))
})
