import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Codec } from "millrace"
import { Change, type Table } from "millrace/sql"
import { cellsOf } from "../../src/sql/cells/cellsOf.ts"
import { columnsOf } from "./columns.ts"
import { decoderOf, goldenEvents, headersOf } from "./golden.ts"

const decode = decoderOf(Change.debezium)

const bytesOf = (value: unknown): Uint8Array | null => value === null ? null : Buffer.from(JSON.stringify(value))

/** What the events of a topic say, read from their bytes. */
const changesOf = (file: string, topic: string, format: Change.Format) =>
  goldenEvents(file).filter((event) => event.topic.endsWith(topic)).map(({ headers, key, value }) =>
    format.read({
      key: decode(bytesOf(key), []),
      value: decode(bytesOf(value), []),
      headers: headersOf(headers)
    })
  )

const table = columnsOf({
  id: ["integer", "integer"],
  name: ["text", "text"],
  qty: ["integer", "integer"],
  price: ["numeric", "numeric", (10 << 16 | 2) + 4],
  active: ["boolean", "boolean"],
  at: ["timestamptz", "timestamp with time zone"],
  ts: ["timestamp", "timestamp without time zone"],
  d: ["date", "date"],
  t: ["time", "time without time zone"],
  u: ["uuid", "uuid"],
  doc: ["json", "jsonb"],
  bin: ["bytes", "bytea"],
  tags: ["array", "integer[]", -1, { kind: "integer", type: "integer", typmod: -1 }],
  big: ["text", "text"]
})

const cellsIn = (row: Change.Values, modes: Change.Modes, columns: ReadonlyArray<Table.Column> = table) =>
  Object.fromEntries(
    columns.filter(({ name }) => name in row).map((column) => [column.name, cellsOf(column, modes)(row[column.name])])
  )

/** The row of the golden statements as PostgreSQL takes it; `bin` is left out of none. */
const cells = {
  qty: "7",
  price: "12345.60",
  active: "t",
  u: "7d444840-9dc0-11d1-b245-5ffdce74fad2",
  doc: "{\"a\": null, \"b\": [1, 2]}",
  bin: "\\xdeadbeef",
  tags: "{1,2,3}",
  at: "2026-01-02T01:04:05.678901Z"
}
const byInteger = { ...cells, ts: "2026-01-02 03:04:05.678901", d: "2026-01-02", t: "03:04:05.678901" }
const byText = { ...cells, ts: "2026-01-02T03:04:05.678901Z", d: "2026-01-02Z", t: "03:04:05.678901Z" }
const long = "xxxxx... (5000 x)"

const nulls = Object.fromEntries(table.slice(2).map(({ name }) => [name, null]))

/** Each change of the golden statements in short, with the cells of its row. */
const shortly = (
  changes: ReadonlyArray<Change.Change | Change.Malformed>,
  modes: Change.Modes
): ReadonlyArray<object> =>
  changes.map((change) => {
    switch (change._tag) {
      case "Upsert":
        return { upsert: change.key, cells: cellsIn(change.row, modes), ...(change.oldKey && { old: change.oldKey }) }
      case "Delete":
        return { delete: change.key, ...(change.newKey && { new: change.newKey }) }
      case "Truncate":
        return { truncate: change.table }
      case "Ignore":
        return { ignore: change.why }
      case "Malformed":
        return { malformed: change.message }
    }
  })

/** What the golden statements do to a table without the full identity: insert, update, change of a key, delete. */
const expected = (row: { readonly [column: string]: string }): ReadonlyArray<object> => [
  { upsert: { id: 1 }, cells: { ...row, id: "1", name: "snap", big: "short" } },
  { upsert: { id: 2 }, cells: { ...row, id: "2", name: "ins", big: long } },
  { upsert: { id: 3 }, cells: { ...nulls, id: "3", name: "nulls" } },
  // The text out of line was not changed, and is not sent.
  { upsert: { id: 2 }, cells: { ...row, id: "2", name: "upd" } },
  { upsert: { id: 2 }, cells: { ...row, id: "2", name: "upd", qty: null, big: "now short" } },
  { delete: { id: 2 }, new: { id: 20 } },
  { upsert: { id: 20 }, cells: { ...row, id: "20", name: "upd", qty: null, big: "now short" }, old: { id: 2 } },
  { delete: { id: 20 } }
]

/** The same with each tombstone as a deletion of its own. */
const twice = (row: { readonly [column: string]: string }) =>
  expected(row).flatMap((one) => "delete" in one ? [one, one] : [one])

const tombstone = { ignore: "tombstone" }

describe("Change", () => {
  it("reads the envelopes of a real Debezium, and their cells", () => {
    const format = Change.envelope({ times: "adaptive", decimals: "precise" })
    const changes = changesOf("a-envelope-json", "golden_def", format)
    const [truncate, ...rows] = [changes.at(-1), ...changes.slice(0, -1)]
    assert.deepStrictEqual(
      shortly(rows, format.modes),
      expected(byInteger).flatMap((one): ReadonlyArray<object> => "delete" in one ? [one, tombstone] : [one])
    )
    assert.deepStrictEqual(truncate, { _tag: "Truncate", table: "public.golden_def" })
    assert.deepStrictEqual(shortly(changesOf("a-envelope-json", "message", format), format.modes), [
      { ignore: "message" }
    ])
    const full = changesOf("a-envelope-json", "golden_full", format)
    const kept = full.find((change) => change._tag === "Upsert" && change.row.name === "upd" && change.row.qty === 7)
    // The full identity has the old row, and the text that did not change.
    assert.deepInclude(kept, {
      table: "public.golden_full",
      version: { lsn: 22684488n, timestamp: 1795444933465, transaction: undefined, isSnapshot: false }
    })
    assert.include((kept as Change.Upsert).before, { name: "ins", big: long })
    assert.include((kept as Change.Upsert).row, { big: long })
  })

  it("needs no modes where the records have schemas", () => {
    const format = Change.envelope()
    const changes = changesOf("b-envelope-json-schemas", "golden_full", format)
    assert.deepStrictEqual(shortly(changes, format.modes), [
      { upsert: { id: 1 }, cells: { ...byInteger, id: "1", name: "snap", big: "short" } },
      { upsert: { id: 2 }, cells: { ...byInteger, id: "2", name: "ins", big: long } },
      { upsert: { id: 2 }, cells: { ...byInteger, id: "2", name: "upd", big: long } },
      { delete: { id: 2 }, new: { id: 20 } },
      tombstone,
      { truncate: "public.golden_full" }
    ])
    // The same by another codec, which leaves schema and payload as they are.
    const other = decoderOf(Codec.json(Schema.Unknown))
    const again = goldenEvents("b-envelope-json-schemas").filter(({ topic }) => topic.endsWith("golden_full")).map(
      ({ headers, key, value }) =>
        format.read({
          key: key === null ? null : other(bytesOf(key), []),
          value: value === null ? null : other(bytesOf(value), []),
          headers: headersOf(headers)
        })
    )
    assert.deepStrictEqual(shortly(again, format.modes), shortly(changes, format.modes))
  })

  it("reads flattened rows, whose nulls delete", () => {
    const format = Change.flattened({ times: "adaptive", decimals: "precise" })
    const changes = changesOf("c-flattened", "golden_def", format)
    assert.deepStrictEqual(shortly(changes, format.modes), twice(byInteger))
    assert.deepInclude(changes[0], {
      table: "golden_def",
      version: { lsn: 22662120n, timestamp: 1795444929399, transaction: undefined, isSnapshot: true }
    })
    // A null says what its headers say: nothing of where it comes from.
    assert.deepStrictEqual((changes.at(-1) as Change.Delete).version?.lsn, undefined)
    assert.deepStrictEqual(shortly(changesOf("c-flattened", "message", format), format.modes), [{ ignore: "message" }])
  })

  it("reads flattened rows with times as texts and bytes as hexadecimal digits", () => {
    const format = Change.flattened({ times: "isostring", decimals: "string", binaries: "hex" })
    const changes = changesOf("e-flattened-isostring", "golden_def", format)
    assert.deepStrictEqual(shortly(changes, format.modes), twice(byText))
  })

  it("reads the tables of merged topics", () => {
    const format = Change.flattened()
    const changes = changesOf("d-flattened-rerouted", "parts", format)
    const [a, b] = ["public.part_a", "public.part_b"]
    const shown = changes.map((change) =>
      change._tag === "Upsert"
        ? [change.table, change.key, change.row]
        : change._tag === "Delete"
        ? [change.table, change.key]
        : change
    )
    assert.deepStrictEqual(shown, [
      [a, { id: 1 }, { id: 1, name: "a1" }],
      [b, { id: 1 }, { id: 1, name: "b1" }],
      [a, { id: 2 }, { id: 2, name: "a2" }],
      [b, { id: 1 }, { id: 1, name: "b1x" }],
      [a, { id: 1 }],
      [a, { id: 1 }],
      [a, { id: 10 }, { id: 10, name: "a1" }],
      [b, { id: 1 }],
      [b, { id: 1 }]
    ])
  })
})
