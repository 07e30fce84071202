/** Keys of all types, whatever is equal, first, or lost in texts. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Change, ModelSync, SourceDatabase, Verify } from "millrace/sql"
import { atSource, atTarget, debeziumTopic, textsAt, twoDatabases } from "./kit.ts"

interface Case {
  readonly source: string
  /** Default: the type of the source. */
  readonly target?: string
  readonly keys: ReadonlyArray<string>
}

const cases: ReadonlyArray<Case> = [
  { source: "timetz", keys: ["24:00+01", "10:00+02", "09:00+00"] },
  { source: "int[]", keys: ["{1,2}", "{}", "{NULL}", "{{1,2},{3,4}}"] },
  { source: "text[]", keys: ["{a,\"b c\"}", "{NULL,\"NULL\"}", "{\"it's\"}"] },
  { source: "pair", keys: ["(1,\"a b\")", "(,)", "(2,\"\"\"\")"] },
  { source: "mood", keys: ["z", "a", "m"] },
  { source: "money", keys: ["1.50", "-2"] },
  { source: "timestamp", target: "timestamp(3)", keys: ["2026-01-01 00:00:00.1234", "2026-01-01 00:00:00.5678"] },
  { source: "timestamptz", target: "timestamp", keys: ["2026-01-01 00:00:00+02", "-infinity"] },
  { source: "timestamp", target: "date", keys: ["2026-01-01 10:00:00", "2026-01-02 11:00:00"] },
  { source: "time", target: "time(0)", keys: ["10:00:00.4", "10:00:01"] },
  { source: "numeric", target: "numeric(10,1)", keys: ["1.04", "2.28"] },
  { source: "numeric", target: "int", keys: ["1", "2"] },
  { source: "float8", target: "float4", keys: ["0.1", "1.23456789"] },
  { source: "float4", target: "float8", keys: ["0.1", "1.5"] },
  { source: "int", target: "float8", keys: ["1000000", "2"] },
  { source: "char(5)", target: "text", keys: ["a", "b"] },
  { source: "uuid", target: "text", keys: ["aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"] },
  { source: "text", target: "int", keys: ["1", "2"] },
  { source: "interval", keys: ["1 mon", "720:00:00.5"] }
]

/** Name, type, and two texts of one key. */
const spellings = [
  ["cased", "citext", "Ann", "ANN"],
  ["accents", "text COLLATE insensitive", "É", "é"],
  ["spans", "interval", "1 mon", "30 days"]
] as const

const types = [
  "CREATE TYPE pair AS (a int, b text)",
  "CREATE TYPE mood AS ENUM ('z', 'a', 'm')",
  "CREATE EXTENSION citext",
  "CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
]

/** As the sync stores it: Debezium sends UTC. */
const zone = (type: string): string => type === "timetz" ? " AT TIME ZONE 'UTC'" : ""

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

layer(twoDatabases(types, types))("Verify, by keys", (it) => {
  for (const [i, { keys, source, target = source }] of cases.entries()) {
    const name = `public.keys_${i}`
    const sync = ModelSync.make(debeziumTopic(name), { table: name, format: Change.envelope({ lossy: "accept" }) })

    it.effect(
      `of ${source}${source === target ? "" : ` and ${target}`} finds and repairs what differs`,
      () =>
        Effect.gen(function*() {
          const rows = keys.flatMap((key) => [1, 2, 3].map((part) => `(${literal(key)}::${source}, ${part}, 'v')`))
          const create = (type: string) => `CREATE TABLE ${name} (id ${type}, part int, v text, PRIMARY KEY (id, part))`
          yield* atSource(
            create(source),
            `INSERT INTO ${name} VALUES ${rows.join(", ")}`,
            "CREATE TABLE IF NOT EXISTS public.signal (id text PRIMARY KEY, type text, data text)",
            "DELETE FROM public.signal"
          )
          yield* atTarget(
            create(target),
            `INSERT INTO ${name} VALUES ${
              rows.map((row) => row.replace(`::${source}`, `::${source}::text::${target}${zone(target)}`)).join(", ")
            }`
          )
          const compare = Effect.gen(function*() {
            const found: Array<unknown> = []
            for (const rangeSize of [1, 2, 1_000]) {
              const [one] = yield* Verify.compare(sync, { pause: 0, rangeSize })
              found.push([one!.missing, one!.different, one!.extra])
            }
            return found
          })
          const thrice = (one: unknown) => [one, one, one]
          assert.deepStrictEqual(yield* compare, thrice([0, 0, 0]))
          yield* atTarget(
            `DELETE FROM ${name} WHERE part = 1`,
            `UPDATE ${name} SET v = NULL WHERE part = 2`,
            `INSERT INTO ${name} SELECT id, 9, v FROM ${name} WHERE part = 3`
          )
          const count = keys.length
          assert.deepStrictEqual(yield* compare, thrice([count, count, count]))
          const [asked] = yield* Verify.resync(sync, { pause: 0, by: "signal", signalTable: "public.signal" })
          assert.strictEqual(asked!.signalled, 2 * count)
          const atTheSource = yield* SourceDatabase.Service
          const [[data] = []] = yield* atTheSource.unsafe("SELECT data FROM signal").values
          const [{ filter }] = JSON.parse(String(data))["additional-conditions"]
          const [[matched] = []] = yield* atTheSource.unsafe(
            `SELECT string_agg(DISTINCT part::text, ',') || ' ' || count(*) FROM ${name} WHERE ${filter}`
          ).values
          assert.strictEqual(matched, `1,2 ${2 * count}`)
          const [copied] = yield* Verify.resync(sync, { pause: 0, by: "copy", extra: "delete" })
          assert.deepStrictEqual([copied!.copied, copied!.deleted, copied!.refused], [2 * count, count, []])
          assert.deepStrictEqual(yield* compare, thrice([0, 0, 0]))
          assert.deepStrictEqual(yield* textsAt(`SELECT count(*)::text FROM ${name}`), [String(3 * count)])
        }),
      { timeout: 60_000 }
    )
  }

  for (const [name, type, one, two] of spellings) {
    it.effect(`in another spelling are those of one row: ${type}`, () =>
      Effect.gen(function*() {
        const create = (more: string) =>
          `CREATE TABLE public.${name} (id ${type} PRIMARY KEY, v text, gone_at timestamptz${more})`
        const sync = ModelSync.make(debeziumTopic(`public.${name}`), {
          table: `public.${name}`,
          format: Change.envelope({ lossy: "accept" }),
          fields: { include: ["id", "v"] }
        })
        yield* atSource(create(""), `INSERT INTO ${name} VALUES ('${one}', 'new')`)
        yield* atTarget(create(", own text"))
        for (const extra of ["keep", "delete"] as const) {
          for (const chunkSize of [1, 500]) {
            yield* atTarget(`TRUNCATE ${name}`, `INSERT INTO ${name} VALUES ('${two}', 'old', NULL, 'kept')`)
            yield* Verify.resync(sync, { pause: 0, by: "copy", extra, chunkSize })
            assert.deepStrictEqual(yield* textsAt(`SELECT concat_ws(' ', id, v, own) FROM ${name}`), [
              `${one} new kept`
            ])
            assert.isTrue(Verify.isAlike(yield* Verify.compare(sync, { pause: 0 })))
          }
        }
      }))
  }
})
