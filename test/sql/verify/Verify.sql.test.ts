import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { Topic } from "millrace"
import { Change, ModelSync, SourceDatabase, Verify } from "millrace/sql"
import { atSource, atTarget, debeziumTopic, textsAt, twoDatabases } from "./kit.ts"

const now = { pause: 0 } as const

const source = [
  "CREATE TABLE public.users (id int PRIMARY KEY, name text, mail varchar(40), secret text, n numeric(12,2))",
  "CREATE TABLE public.pairs (a text, b int, v text, PRIMARY KEY (a, b))",
  `CREATE TABLE public.types (id bigint PRIMARY KEY, i int, f real, d numeric, c char(5), at timestamptz(6),
    day date, t time, tz timetz, j json, b bytea, u uuid, tags text[], twice int GENERATED ALWAYS AS (i * 2) STORED,
    span interval, flag boolean, bits bit(4), cash money)`,
  "CREATE TABLE public.soft (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.marked (id int PRIMARY KEY, v text, gone_at timestamptz)",
  "CREATE TABLE public.people (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.swaps (id int PRIMARY KEY, code text)",
  "CREATE TABLE public.signal (id text PRIMARY KEY, type text, data text)",
  "CREATE TABLE public.wide (id int PRIMARY KEY, v text, none text, b bytea)",
  "CREATE TABLE public.eu (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.us (id int PRIMARY KEY, v text)"
]

const target = [
  "CREATE TABLE public.customers (user_id bigint PRIMARY KEY, full_name text, mail text, n numeric, lsn numeric)",
  "CREATE TABLE public.pairs (a text, b int, v text, PRIMARY KEY (a, b))",
  `CREATE TABLE public.types (id numeric PRIMARY KEY, i bigint, f double precision, d numeric(10,3), c varchar(9),
    at timestamp, day timestamp, t time(3), tz timetz, j jsonb, b bytea, u text, tags text[], twice int,
    span interval, flag text, bits bit(4), cash numeric)`,
  "CREATE TABLE public.soft (id int PRIMARY KEY, v text, gone_at timestamptz)",
  "CREATE TABLE public.marked (id int PRIMARY KEY, v text, gone_at timestamptz)",
  "CREATE TABLE public.people (id int PRIMARY KEY, v text NOT NULL)",
  "CREATE TABLE public.swaps (id int PRIMARY KEY, code text UNIQUE)",
  "CREATE TABLE public.wide (id int PRIMARY KEY, v text, none text, b bytea)",
  "CREATE TABLE public.all_of_them (id int PRIMARY KEY, v text)"
]

const users = ModelSync.make(debeziumTopic("public.users"), {
  table: "public.customers",
  format: Change.envelope(),
  key: { id: "user_id" },
  rename: { name: "full_name" },
  fields: { exclude: ["secret"] },
  version: { column: "lsn", from: "lsn" }
})

const sync = (table: string) =>
  ModelSync.make(debeziumTopic(`public.${table}`), { table: `public.${table}`, format: Change.envelope() })

const countsOf = ({ different, extra, missing }: Verify.Comparison) => ({ missing, extra, different })

layer(twoDatabases(source, target))("Verify", (it) => {
  it.effect("finds rows that are missing, extra or different, by renamed columns, and repairs them", () =>
    Effect.gen(function*() {
      yield* atSource(
        "INSERT INTO users SELECT i, 'name ' || i, i || '@x', 'secret ' || i, i FROM generate_series(1, 1000) i"
      )
      yield* atTarget(
        "INSERT INTO customers SELECT i, 'name ' || i, i || '@x', i, 7 FROM generate_series(1, 1000) i",
        "DELETE FROM customers WHERE user_id IN (5, 400)",
        "UPDATE customers SET full_name = NULL, mail = '' WHERE user_id = 500",
        "INSERT INTO customers VALUES (0, 'extra'), (2000, 'extra')"
      )
      const [found] = yield* Verify.compare(users, { ...now, rangeSize: 100 })
      assert.deepStrictEqual([found!.source, found!.target], ["public.users", "public.customers"])
      assert.deepStrictEqual(found!.columns, ["user_id", "full_name", "mail", "n"])
      assert.deepStrictEqual([found!.sourceRows, found!.targetRows], [1_000, 1_000])
      // Of ranges of 100 rows and one without an end, those with the keys 0, 5, 400, 500 and 2000 differ.
      assert.deepStrictEqual([found!.ranges, found!.differingRanges], [11, 4])
      assert.deepStrictEqual(countsOf(found!), { missing: 2, extra: 2, different: 1 })
      assert.sameDeepMembers([...found!.differences], [
        { kind: "missing", key: { user_id: "5" }, columns: [], isMoving: false },
        { kind: "missing", key: { user_id: "400" }, columns: [], isMoving: false },
        { kind: "extra", key: { user_id: "0" }, columns: [], isMoving: false },
        { kind: "extra", key: { user_id: "2000" }, columns: [], isMoving: false },
        { kind: "different", key: { user_id: "500" }, columns: ["full_name", "mail"], isMoving: false }
      ])

      const [bounded] = yield* Verify.compare(users, { ...now, most: 1 })
      assert.deepStrictEqual([bounded!.differences.length, bounded!.missing], [1, 2])

      const [kept] = yield* Verify.resync(users, { ...now, by: "copy", chunkSize: 2 })
      assert.deepStrictEqual([kept!.copied, kept!.deleted, kept!.kept, kept!.refusedCount], [3, 0, 2, 0])
      const [after] = yield* Verify.compare(users, now)
      assert.deepStrictEqual(countsOf(after!), { missing: 0, extra: 2, different: 0 })
      // The version stays: what is on its way brings its own.
      assert.deepStrictEqual(
        yield* textsAt("SELECT concat_ws('|', user_id, lsn) FROM customers WHERE user_id IN (5, 500) ORDER BY user_id"),
        ["5", "500|7"]
      )
      const [deleted] = yield* Verify.resync(users, { ...now, by: "copy", extra: "delete" })
      assert.deepStrictEqual([deleted!.copied, deleted!.deleted, deleted!.kept], [0, 2, 0])
      assert.isTrue(Verify.isAlike(yield* Verify.compare(users, now)))
    }))

  it.effect("compares values as the target has them", () =>
    Effect.gen(function*() {
      yield* atSource(
        `INSERT INTO types VALUES (1, 7, 0.1, 1.50, 'ab', '2026-01-02 03:04:05.678901+02', '2026-01-02',
          '03:04:05.6789', '03:04:05+02', '{"b": 1, "a":[1,2]}', '\\x00ff', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
          '{a,NULL,"x y"}', DEFAULT, '1 month 2 days', true, B'0101', 12.5)`,
        "INSERT INTO types (id, d, at) VALUES (2, 'NaN', '-infinity')"
      )
      yield* atTarget(
        `INSERT INTO types VALUES (1, 7, 0.1, 1.5, 'ab   ', '2026-01-02 01:04:05.678901', '2026-01-02',
          '03:04:05.679', '01:04:05Z', '{"a": [1, 2], "b": 1}', '\\x00ff', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',
          '{a,NULL,"x y"}', 99, '1 month 2 days', 'true', B'0101', 12.50)`,
        "INSERT INTO types (id, d, at) VALUES (2, 'NaN', '-infinity')"
      )
      const [found] = yield* Verify.compare(sync("types"), now)
      assert.deepStrictEqual(found!.differences, [])
      // What the source computes is in no event.
      assert.notInclude(found!.columns, "twice")
      yield* atTarget("UPDATE types SET tags = '{a,\"NULL\",\"x y\"}', d = NULL, f = 0.1000001 WHERE id = 1")
      const [changed] = yield* Verify.compare(sync("types"), now)
      assert.deepStrictEqual(changed!.differences[0]!.columns, ["f", "d", "tags"])
      const [repaired] = yield* Verify.resync(sync("types"), { ...now, by: "copy" })
      assert.deepStrictEqual([repaired!.copied, repaired!.refused], [1, []])
      assert.isTrue(Verify.isAlike(yield* Verify.compare(sync("types"), now)))
    }))

  it.effect("goes over composite keys with texts in one order on both sides, however few rows a range has", () =>
    Effect.gen(function*() {
      const rows = "SELECT chr(65 + i % 7) || CASE WHEN i % 2 = 0 THEN 'é' ELSE '-' END, i, 'v' "
        + "FROM generate_series(1, 200) i"
      yield* atSource(`INSERT INTO pairs ${rows}`)
      yield* atTarget(
        `INSERT INTO pairs ${rows}`,
        "UPDATE pairs SET v = 'w' WHERE b = 100",
        "DELETE FROM pairs WHERE b = 7",
        "INSERT INTO pairs SELECT 'zz', i, 'v' FROM generate_series(1, 50) i"
      )
      for (const rangeSize of [1, 3, 64, 1_000]) {
        const [found] = yield* Verify.compare(sync("pairs"), { ...now, rangeSize })
        assert.deepStrictEqual(countsOf(found!), { missing: 1, extra: 50, different: 1 }, `${rangeSize}`)
        assert.deepStrictEqual([found!.sourceRows, found!.targetRows], [200, 249])
      }
    }))

  it.effect("takes rows for alike that are deleted softly, and marks extra ones", () =>
    Effect.gen(function*() {
      const soft = ModelSync.make(debeziumTopic("public.soft"), {
        table: "public.soft",
        format: Change.envelope(),
        deletes: { softDelete: "gone_at" }
      })
      yield* atSource("INSERT INTO soft VALUES (1, 'a'), (2, 'b')")
      yield* atTarget("INSERT INTO soft VALUES (1, 'a', NULL), (2, 'old', now()), (3, 'c', now()), (4, 'd', NULL)")
      const [found] = yield* Verify.compare(soft, now)
      assert.deepStrictEqual(countsOf(found!), { missing: 1, extra: 1, different: 0 })
      const [done] = yield* Verify.resync(soft, { ...now, by: "copy", extra: "delete" })
      assert.deepStrictEqual([done!.copied, done!.deleted], [1, 1])
      assert.deepStrictEqual(
        yield* textsAt("SELECT concat_ws(' ', id, v, gone_at IS NULL) FROM soft ORDER BY id"),
        ["1 a t", "2 b t", "3 c f", "4 d f"]
      )
      const kept = ModelSync.make(debeziumTopic("public.soft"), {
        table: "public.soft",
        format: Change.envelope(),
        deletes: "ignore"
      })
      yield* atSource("DELETE FROM soft WHERE id = 1")
      assert.isTrue(Verify.isAlike(yield* Verify.compare(kept, now)))
    }))

  it.effect("takes rows for gone that either side has marked", () =>
    Effect.gen(function*() {
      const marked = ModelSync.make(debeziumTopic("public.marked"), {
        table: "public.marked",
        format: Change.envelope(),
        deletes: { softDelete: "gone_at" }
      })
      yield* atSource("INSERT INTO marked VALUES (1, 'a', NULL), (2, 'b', now()), (3, 'c', now()), (4, 'd', NULL)")
      yield* atTarget("INSERT INTO marked VALUES (1, 'a', NULL), (2, 'b', now()), (3, 'c', NULL), (4, 'd', now())")
      const [found] = yield* Verify.compare(marked, now)
      assert.deepStrictEqual(countsOf(found!), { missing: 1, extra: 1, different: 0 })
      yield* Verify.resync(marked, { ...now, by: "copy", extra: "delete" })
      assert.isTrue(Verify.isAlike(yield* Verify.compare(marked, now)))
      assert.deepStrictEqual(yield* textsAt("SELECT concat_ws(' ', id, gone_at IS NULL) FROM marked ORDER BY id"), [
        "1 t",
        "2 f",
        "3 f",
        "4 t"
      ])
    }))

  it.effect("does not take rows of another source table for extra ones", () =>
    Effect.gen(function*() {
      yield* atSource("INSERT INTO eu VALUES (1, 'eu')", "INSERT INTO us VALUES (2, 'us'), (3, 'us')")
      yield* atTarget("INSERT INTO all_of_them VALUES (1, 'eu'), (2, 'us')")
      const merged = ModelSync.make(Topic.make("all", { key: Change.debezium, value: Change.debezium }), {
        table: "public.all_of_them",
        format: Change.flattened(),
        tables: { "public.eu": "public.all_of_them", "public.us": "public.all_of_them" }
      })
      const found = yield* Verify.compare(merged, now)
      assert.deepStrictEqual(found.map((one) => [one.source, countsOf(one)]), [
        ["public.eu", { missing: 0, extra: 0, different: 0 }],
        ["public.us", { missing: 1, extra: 0, different: 0 }]
      ])
    }))

  it.effect("looks again at rows whose events are on the way, while they change", () =>
    Effect.gen(function*() {
      yield* atSource("TRUNCATE people", "INSERT INTO people VALUES (1, 'new'), (2, 'b')")
      yield* atTarget("TRUNCATE people", "INSERT INTO people VALUES (1, 'old')")
      let ranges = 0
      const fiber = yield* Effect.forkChild(
        Verify.compare(sync("people"), { pause: "2 seconds", onProgress: () => Effect.sync(() => void ranges++) })
      )
      // The first look is over when a pause is waited for; the row arrives meanwhile.
      yield* Effect.yieldNow.pipe(Effect.repeat({ while: () => ranges === 0 }))
      yield* atTarget("UPDATE people SET v = 'new'")
      let comparisons: ReadonlyArray<Verify.Comparison> | undefined
      while (comparisons === undefined) {
        yield* TestClock.adjust("2 seconds")
        yield* atTarget("SELECT 1")
        if (fiber.pollUnsafe() !== undefined) comparisons = yield* Fiber.join(fiber)
      }
      assert.deepStrictEqual(countsOf(comparisons[0]!), { missing: 1, extra: 0, different: 0 })
      assert.deepStrictEqual(comparisons[0]!.differences[0]!.key, { id: "2" })
    }))

  it.effect("copies rows that swap unique values, and reports those that the target refuses", () =>
    Effect.gen(function*() {
      yield* atSource("INSERT INTO swaps VALUES (1, 'b'), (2, 'a'), (3, 'same'), (4, 'same')")
      yield* atTarget("INSERT INTO swaps VALUES (1, 'a'), (2, 'b')")
      const [done] = yield* Verify.resync(sync("swaps"), { ...now, by: "copy" })
      assert.strictEqual(done!.copied, 3)
      assert.deepStrictEqual(done!.refused.map(({ key }) => key), [{ id: "4" }])
      assert.include(done!.refused[0]!.problem, "swaps_code_key")
      assert.deepStrictEqual(yield* textsAt("SELECT id || code FROM swaps ORDER BY id"), ["1b", "2a", "3same"])
    }))

  it.effect("copies rows that are larger than what a driver takes in one message", () =>
    Effect.gen(function*() {
      yield* atSource(
        "INSERT INTO wide VALUES (1, repeat('ü', 8400000), NULL, '')",
        "INSERT INTO wide SELECT i, 'small', NULL, 'x' FROM generate_series(2, 100) i"
      )
      const [copied] = yield* Verify.resync(sync("wide"), { by: "copy", rechecks: 0 })
      assert.deepInclude(copied, { copied: 100, refusedCount: 0 })
      const large = "SELECT id FROM wide WHERE v = repeat('ü', 8400000) AND none IS NULL AND b = ''"
      assert.deepStrictEqual(yield* textsAt(large), ["1"])
    }))

  it.effect("asks Debezium for exactly the rows that differ", () =>
    Effect.gen(function*() {
      yield* atSource("DELETE FROM pairs", "INSERT INTO pairs VALUES ('it''s', 1, 'v'), ('b', 2, 'v')")
      yield* atTarget("DELETE FROM pairs", "INSERT INTO pairs VALUES ('b', 2, 'v'), ('c', 3, 'v')")
      const [done] = yield* Verify.resync(sync("pairs"), { ...now, by: "signal", signalTable: "public.signal" })
      assert.deepStrictEqual([done!.signalled, done!.kept, done!.copied], [1, 1, 0])
      const sql = yield* SourceDatabase.Service
      const [[type, data] = []] = yield* sql.unsafe("SELECT type, data FROM signal").values
      assert.strictEqual(type, "execute-snapshot")
      assert.deepStrictEqual(JSON.parse(String(data)), {
        type: "incremental",
        "data-collections": ["public.pairs"],
        "additional-conditions": [{
          "data-collection": "public.pairs",
          filter: "(\"a\", \"b\") IN (('it''s', '1'))"
        }]
      })
      const [[count] = []] = yield* sql.unsafe(
        `SELECT count(*)::text FROM pairs WHERE ${JSON.parse(String(data))["additional-conditions"][0].filter}`
      ).values
      assert.strictEqual(count, "1")
    }))

  it.effect("says what cannot be compared or repaired", () =>
    Effect.gen(function*() {
      const reasonOf = <A, E extends { readonly reason: { readonly _tag: string; readonly message: string } }, R>(
        effect: Effect.Effect<A, E, R>
      ) => Effect.map(Effect.flip(effect), ({ reason }) => `${reason._tag}: ${reason.message}`)
      assert.include(
        yield* reasonOf(Verify.compare(sync("people"), { ignore: ["nope"] })),
        "MissingColumn: table public.people has no column \"nope\""
      )
      assert.include(yield* reasonOf(Verify.compare(sync("people"), { ignore: ["id"] })), "\"id\" is of the key")
      const computed = ModelSync.make(debeziumTopic("public.people"), {
        table: "public.people",
        format: Change.envelope(),
        row: (row) => ({ ...row, v: "computed" })
      })
      assert.include(yield* reasonOf(Verify.resync(computed, { by: "copy" })), "goes past the sync's `row`")
      const lost = ModelSync.make(debeziumTopic("public.nowhere"), {
        table: "public.people",
        format: Change.envelope()
      })
      assert.include(yield* reasonOf(Verify.compare(lost)), "MissingTable: there is no table public.nowhere")
      assert.match(
        (yield* Effect.flip(Verify.compare(lost))).message,
        /public\.people, source, read table public\.nowhere:/
      )
      const { message } = yield* Effect.flip(Verify.compare(sync("eu")))
      assert.match(message, /public\.eu, target, read table public\.eu: there is no table public\.eu/)
      assert.throws(() => Verify.compare(sync("people"), { rangesize: 1 } as {}), /did you mean "rangeSize"/)
      assert.throws(() => Verify.resync(sync("people"), { by: "signal", extra: "keep" } as never), /unknown field/)
    }))
})
