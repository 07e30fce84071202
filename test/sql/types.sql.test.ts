import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Change, Table } from "millrace/sql"
import { literalOf, travelsAsText } from "../../src/sql/cells/arrays.ts"
import { BadCell } from "../../src/sql/cells/cell.ts"
import { cellsOf } from "../../src/sql/cells/cellsOf.ts"
import { problemsOf } from "../../src/sql/cells/losses.ts"
import { database } from "../services/database.ts"
import { decoderOf, headersOf, types } from "./golden.ts"

const names = types.columns.map(({ name }) => name)
const quoted = (name: string): string => `"${name}"`

const insertSource = (id: number, value: 0 | 1) =>
  `INSERT INTO m (id, upd, ${names.map(quoted).join()}) VALUES (${id}, 0, ${
    types.columns.map(({ name, values }) => name.startsWith("T_") ? "NULL" : values[value]).join()
  })`

const decode = decoderOf(Change.debezium)

const bytesOf = (connector: string, value: string): Uint8Array =>
  Buffer.from(connector === "e" ? `{"schema":${types.schema},"payload":${value}}` : value)

const formatOf = (connector: string, lossy: "refuse" | "accept"): Change.Format => {
  const { config, ...rest } = types.connectors[connector]!
  const options = { ...rest, unknownTypes: config.includes("include.unknown.datatypes=true") }
  return connector === "b" ? Change.flattened({ ...options, lossy }) : Change.envelope({ ...options, lossy })
}

const rowOf = (connector: string, format: Change.Format, event: number): Change.Upsert => {
  const { headers, key, value } = types.events[connector]![event]!
  const read = {
    key: decode(Buffer.from(key), []),
    value: decode(bytesOf(connector, value!), []),
    headers: headersOf(headers)
  }
  const change = format.read(read)
  if (change._tag !== "Upsert") throw new Error(JSON.stringify(change))
  return change
}

const query = (sql: string, params: ReadonlyArray<unknown> = []) =>
  Effect.flatMap(PgClient.PgClient, (client) => client.unsafe<any>(sql, params))

/** The rows of a table as texts, without the large columns. */
const textsOf = (table: string) =>
  Effect.map(
    query(`SELECT ${names.map((name) => `${quoted(name)}::text`).join()} FROM ${table} ORDER BY id`),
    (rows) => rows as ReadonlyArray<{ readonly [column: string]: string | null }>
  )

/** Writes rows as the sync does, and returns the columns whose text differs from the source's, with both texts. */
const differences = Effect.fnUntraced(function*(connector: string, events: readonly [number, number]) {
  const format = formatOf(connector, "accept")
  const { columns } = yield* Table.read("t")
  const rows = events.map((event) => rowOf(connector, format, event).row)
  const written = columns.filter(({ isGenerated, name }) => !isGenerated && name in rows[0]! && !name.startsWith("T_"))
  const literals = written.map((column) => {
    const cells = rows.map((row) => cellsOf(column, format.modes)(row[column.name]))
    const good = cells.map((cell) => {
      if (cell instanceof BadCell) throw new Error(`${column.name}: ${cell.problem}`)
      return cell ?? null
    })
    return literalOf(good, column.kind)
  })
  const sources = written.map((column, i) => `$${i + 1}::text::${travelsAsText(column) ? "text" : column.type}[]`)
  const selected = written.map((column, i) => travelsAsText(column) ? `x${i}::${column.type}` : `x${i}`)
  yield* query("TRUNCATE t")
  yield* query(
    `INSERT INTO t (${
      written.map(({ name }) => quoted(name)).join()
    }) SELECT ${selected.join()} FROM unnest(${sources.join()}) s(${written.map((_, i) => `x${i}`).join()})`,
    literals
  )
  const [source, target] = [yield* textsOf("m"), yield* textsOf("t")]
  const found: { [column: string]: ReadonlyArray<string | null> } = {}
  for (const name of names.filter((name) => written.some((column) => column.name === name))) {
    source.forEach((row, i) => {
      if (row[name] !== target[i]![name]) found[`${name} ${i + 1}`] = [row[name]!, target[i]![name]!]
    })
  }
  return found
})

/** The columns that the table has but for its own, and those that a connector was told to leave out. */
const sources = Object.fromEntries(
  types.columns.filter(({ name }) => !name.startsWith("T_")).map(({ name, type }) => [name, type])
)
const excluded: { readonly [connector: string]: ReadonlyArray<string> } = {
  a: ["n4"],
  c: ["n4"],
  d: ["ts0", "ts3", "ts6", "ts7", "ts8", "ts9"],
  e: ["n4"]
}

const setup = [
  ...types.setup,
  insertSource(1, 0),
  insertSource(2, 1),
  "CREATE TABLE t (LIKE m INCLUDING GENERATED)"
]

layer(database(setup))("Cells of a real Debezium's events", (it) => {
  /** What Debezium has lost in every mode, with the text of the source and what is left of it. */
  const always = {
    "ttz 1": ["03:04:05.678901+02", "01:04:05.678901+00"],
    "ttz 2": ["24:00:00+02", "22:00:00+00"],
    "iv 2": ["infinity", "00:00:00"],
    "vb 1": ["0010110011", "10110011"],
    "vb8 2": ["00000000000000000001", "1"],
    "a2 1": ["{{1,2},{3,4}}", "{NULL,NULL}"],
    "ati 1": ["{03:04:05.678901}", "{03:04:05.678}"],
    "attz 1": ["{03:04:05.678901+02}", "{01:04:05+00}"]
  }
  const snapshot = { "d 2": ["0044-03-15 BC", "0044-03-15"] }
  const streamed = { "nm 1": ["nam", null], "nm 2": ["x", null] }
  const intervals = {
    "iv 1": ["1 year 2 mons 3 days 04:05:06.789012", "10303:05:06.789012"],
    "iv2 1": ["-1 years -2 mons +3 days -04:05:06.789012", "-10159:05:06.789012"]
  }
  const scales = { "an 1": ["{1.50,NULL,12345678901234567890}", "{1.5,NULL,12345678901234567890}"] }
  const day = { "t0 2": ["24:00:00", "00:00:00"], "t3 2": ["24:00:00", "00:00:00"], "t6 2": ["24:00:00", "00:00:00"] }
  const cut = {
    "t6 1": ["03:04:05.678901", "03:04:05.678"],
    "ts6 1": ["2026-01-02 03:04:05.678901", "2026-01-02 03:04:05.678"],
    "ts8 1": ["290000-01-01 23:59:59.999999", "290000-01-01 23:59:59.999"],
    "ts9 1": ["1969-12-31 23:59:59.999999", "1969-12-31 23:59:59.999"],
    "aso 1": ["{\"2026-01-02 03:04:05.678901\"}", "{\"2026-01-02 03:04:05.678\"}"]
  }
  const doubles = {
    "n 1": ["1234567890123456789.123456789", "1234567890123456770"],
    "an 1": ["{1.50,NULL,12345678901234567890}", "{1.5,NULL,12345678901234567000}"]
  }
  const ofMode: { readonly [connector: string]: object } = {
    a: { ...intervals, ...scales },
    b: day,
    c: { ...intervals, ...doubles, ...cut },
    d: intervals,
    e: { ...intervals, ...scales }
  }

  for (const [connector, { config, ...options }] of Object.entries(types.connectors)) {
    it.effect(`are the source's texts but for what it has lost: ${JSON.stringify(options)} ${config}`, () =>
      Effect.gen(function*() {
        const lost = { ...always, ...ofMode[connector] }
        assert.deepStrictEqual(yield* differences(connector, [0, 1]), { ...lost, ...snapshot })
        // With include.unknown.datatypes a name is streamed, too.
        const names = connector === "c" ? {} : streamed
        assert.deepStrictEqual(yield* differences(connector, [2, 3]), { ...lost, ...names })
      }))

    it.effect(`are refused where the loss shows: ${JSON.stringify(options)} ${config}`, () =>
      Effect.gen(function*() {
        const { columns } = yield* Table.read("t")
        const format = formatOf(connector, "refuse")
        const { row } = rowOf(connector, format, 2)
        const bad = columns.filter(({ name }) => name in row).flatMap((column) => {
          const cell = cellsOf(column, format.modes)(row[column.name])
          return cell instanceof BadCell ? [[cell.column, cell.isLoss] as const] : []
        })
        const shown = ["vb", "vb8", "a2", "ati", "attz", ...(connector === "b" ? [] : ["iv", "iv2"])]
        const withName = connector === "c" ? shown : [...shown, "nm"]
        assert.deepStrictEqual(bad.map(([name]) => name).sort(), withName.sort())
        assert.isTrue(bad.every(([, isLoss]) => isLoss))
        const told = problemsOf({ columns }, format.modes)
        // The start has said so of each.
        for (const [name] of bad) {
          assert.include(told.filter(({ kind }) => kind !== "absent").map(({ column }) => column), name)
        }
        const absent = columns.filter(({ isGenerated, name }) => !isGenerated && !(name in row) && name in sources)
        const unknown = told.filter(({ kind }) => kind === "absent").map(({ column }) => column)
        for (const { name } of absent) if (!excluded[connector]?.includes(name)) assert.include(unknown, name)
      }))

    it.effect(`keep what is out of line and unchanged: ${JSON.stringify(options)} ${config}`, () =>
      Effect.gen(function*() {
        const { columns } = yield* Table.read("t")
        const format = formatOf(connector, "accept")
        // An update, and the second half of a change of the key.
        for (const event of [4, 6]) {
          const change = rowOf(connector, format, event)
          assert.isTrue(change.hasUnsureNulls)
          const large = columns.filter(({ name }) => name.startsWith("T_"))
          const written = large.filter((column) =>
            column.name in change.row
            && cellsOf(column, format.modes)(change.row[column.name], change.hasUnsureNulls) !== undefined
          )
          assert.deepStrictEqual(written.map(({ name }) => name), [])
          const refusing = formatOf(connector, "refuse")
          const refused = large.filter((column) =>
            cellsOf(column, refusing.modes)(change.row[column.name], change.hasUnsureNulls) instanceof BadCell
          )
          assert.deepStrictEqual(refused.map(({ name }) => name).filter((name) => !(name in change.row)), [])
          assert.include(refused.map(({ name }) => name), "T_an")
        }
      }))
  }
})
