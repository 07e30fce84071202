import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Model } from "effect/schema"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, OnFailure, Producer, Topic } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

const statements = [
  "CREATE TABLE users (id int PRIMARY KEY, full_name text, age int, own text DEFAULT 'ours')",
  "CREATE TABLE users_eu (id int PRIMARY KEY, full_name text, age int)",
  "CREATE TABLE members (club text, nr int, name text, twice int GENERATED ALWAYS AS (nr * 2), PRIMARY KEY (club, nr))",
  "CREATE TABLE docs (id int PRIMARY KEY, title text, body text NOT NULL, deleted_at timestamptz, lsn bigint)",
  "CREATE TABLE flags (id int PRIMARY KEY, name text, gone boolean NOT NULL DEFAULT false)",
  "CREATE TABLE notes (id uuid PRIMARY KEY, text text, pages int, created timestamptz NOT NULL)",
  "CREATE TABLE shapes (id int PRIMARY KEY, area box, spans interval[], place point, mood text)",
  "CREATE TABLE ruled (id int PRIMARY KEY)",
  "CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING",
  "CREATE TABLE emails (serial serial PRIMARY KEY, email text UNIQUE, name text)"
]

const source = (table: string, lsn = 1) => ({ schema: "public", table, lsn, ts_ms: 1_700_000_000_000 })
const envelope = (op: string, after: object | null, table = "users", lsn?: number, before: object | null = null) => ({
  op,
  before,
  after,
  source: source(table, lsn),
  ts_ms: 1_700_000_000_000
})

const own = Context.Reference<string>("test/own", { defaultValue: () => "default" })

layer(world(statements), { excludeTestServices: true })("ModelSync", (it) => {
  it.effect("stores envelopes with renamed, computed, included and excluded fields, and goes on where it was", () =>
    Effect.gen(function*() {
      const Users = connectTopic("envelopes")
      const sync = ModelSync.make(Users, {
        table: "public.users",
        format: Change.envelope(),
        rename: { name: "full_name" },
        fields: { exclude: ["password"] },
        row: (user) => Effect.map(own, (name) => ({ ...user, name: `${user["name"]} of ${name}` }))
      })
      const handler = ModelSync.handler(sync)
      const send = (id: number, value: object | null) => Producer.send(Users, { key: { id }, value, partition: 0 })
      yield* send(1, envelope("c", { id: 1, name: "Ann", age: 30, password: "x" }))
      yield* send(2, envelope("r", { id: 2, name: "Bob", age: null, password: "x" }))
      yield* send(1, envelope("u", { id: 1, name: "Anna", age: 31, password: "x" }))
      assert.deepStrictEqual(yield* Effect.provideService(runToEnd(handler, "same"), own, "Rome"), [])
      assert.deepStrictEqual(yield* rowsOf("users"), [
        { id: 1, age: 31, own: "ours", full_name: "Anna of Rome" },
        { id: 2, age: null, own: "ours", full_name: "Bob of Rome" }
      ])
      yield* (yield* SqlClient)`DELETE FROM users`
      yield* send(2, envelope("d", null, "users", 2, { id: 2 }))
      yield* send(2, null)
      yield* send(3, envelope("c", { id: 3, name: "Cid", age: 1, password: "x" }))
      assert.deepStrictEqual(yield* runToEnd(handler, "same"), [])
      assert.deepStrictEqual(yield* rowsOf("users"), [{ id: 3, age: 1, own: "ours", full_name: "Cid of default" }])
    }))

  it.effect("finds rows by composite and renamed keys, and never writes generated columns", () =>
    Effect.gen(function*() {
      const Members = connectTopic("members")
      const sync = ModelSync.make(Members, {
        table: "public.members",
        format: Change.flattened({ tombstones: "delete" }),
        key: { club_id: "club", number: "nr" },
        fields: { include: ["name"] }
      })
      const key = { club_id: "a", number: 1 }
      yield* Producer.send(Members, { key, value: { ...key, name: "Ann", twice: 9, other: 1 }, partition: 0 })
      yield* Producer.send(Members, {
        key: { ...key, number: 2 },
        value: { ...key, number: 2, name: "Bob" },
        partition: 0
      })
      yield* Producer.send(Members, { key: { ...key, number: 2 }, value: null, partition: 0 })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* rowsOf("members", "nr"), [{ nr: 1, club: "a", name: "Ann", twice: 2 }])
    }))

  it.effect("keeps unchanged values that Debezium leaves out, and marks deleted rows", () =>
    Effect.gen(function*() {
      const Docs = connectTopic("docs")
      const sync = ModelSync.make(Docs, {
        table: "public.docs",
        format: Change.envelope(),
        deletes: { softDelete: "deleted_at" },
        version: { column: "lsn", from: "lsn" }
      })
      const send = (id: number, value: object | null) => Producer.send(Docs, { key: { id }, value, partition: 0 })
      const toast = "__debezium_unavailable_value"
      yield* send(1, envelope("c", { id: 1, title: "one", body: "long" }, "docs", 10))
      yield* send(1, envelope("u", { id: 1, title: "uno", body: toast }, "docs", 20))
      yield* send(2, envelope("c", { id: 2, title: "two", body: "long" }, "docs", 30))
      yield* runToEnd(ModelSync.handler(sync), "docs")
      // In a chunk of its own, and with an older event behind it.
      yield* send(1, envelope("u", { id: 1, title: "eins", body: toast }, "docs", 40))
      yield* send(2, envelope("d", null, "docs", 50, { id: 2 }))
      yield* send(2, envelope("u", { id: 2, title: "old", body: "old" }, "docs", 45))
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync), "docs"), [])
      const rows = yield* rowsOf("(SELECT id, title, body, lsn, deleted_at IS NULL AS here FROM docs)")
      assert.deepStrictEqual(rows, [
        { id: 1, title: "eins", body: "long", lsn: 40, here: true },
        { id: 2, title: "two", body: "long", lsn: 50, here: false }
      ])
    }))

  it.effect("marks deleted rows by a boolean, unmarks those that come back, and can leave them alone", () =>
    Effect.gen(function*() {
      const Flags = connectTopic("flags")
      const send = (id: number, value: object | null) => Producer.send(Flags, { key: { id }, value, partition: 0 })
      yield* send(1, { id: 1, name: "a" })
      yield* send(2, { id: 2, name: "b" })
      yield* send(1, { id: 1, name: "a", __deleted: "true" })
      yield* send(2, { id: 2, name: "b", __deleted: "true" })
      yield* send(2, { id: 2, name: "c", __deleted: "false" })
      const format = Change.flattened()
      const marking = ModelSync.make(Flags, { table: "public.flags", format, deletes: { softDelete: "gone" } })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(marking)), [])
      assert.deepStrictEqual(yield* rowsOf("flags"), [{ id: 1, gone: true, name: "a" }, {
        id: 2,
        gone: false,
        name: "c"
      }])
      const leaving = ModelSync.make(Flags, { table: "public.flags", format, deletes: "ignore" })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(leaving)), [])
      assert.strictEqual((yield* rowsOf("flags")).length, 2)
    }))

  it.effect("leaves rows marked that their source has marked itself", () =>
    Effect.gen(function*() {
      const Flags = connectTopic("marked")
      const send = (id: number, value: object | null) => Producer.send(Flags, { key: { id }, value, partition: 0 })
      yield* (yield* SqlClient)`TRUNCATE flags`
      yield* send(1, { id: 1, name: "a", gone: true })
      yield* send(2, { id: 2, name: "b", gone: false })
      yield* send(3, { id: 3, name: "c", gone: null })
      yield* send(4, { id: 4, name: "d" })
      yield* send(5, { id: 5, name: "e", gone: false })
      yield* send(5, null)
      const format = Change.flattened()
      const marking = ModelSync.make(Flags, { table: "public.flags", format, deletes: { softDelete: "gone" } })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(marking)), [])
      assert.deepStrictEqual(yield* rowsOf("(SELECT id, gone FROM flags)"), [
        { id: 1, gone: true },
        { id: 2, gone: false },
        { id: 3, gone: false },
        { id: 4, gone: false },
        { id: 5, gone: true }
      ])
    }))

  it.effect("stores the tables of a merged topic each in its own, and refuses one that it does not know", () =>
    Effect.gen(function*() {
      const Merged = connectTopic("merged")
      const sync = ModelSync.make(Merged, {
        table: "public.users",
        format: Change.flattened(),
        rename: { name: "full_name" },
        tables: {
          "public.users": "public.users",
          "public.users_eu": { table: "public.users_eu", fields: { exclude: ["age"] } }
        }
      })
      const send = (table: string, id: number) => {
        const field = { __dbz__physicalTableIdentifier: `shop.public.${table}` }
        return Producer.send(Merged, {
          key: { id, ...field },
          value: { id, name: table, age: 5, ...field },
          partition: 0
        })
      }
      yield* (yield* SqlClient)`DELETE FROM users`
      yield* send("users", 1)
      yield* send("users_us", 2)
      yield* send("users_eu", 3)
      const [failed, ...others] = yield* runToEnd(ModelSync.handler(sync))
      assert.deepStrictEqual(others, [])
      assert.strictEqual(failed?.error.reason._tag, "UnmappedTable")
      assert.include(failed?.error.message, "public.users_us")
      assert.deepStrictEqual(yield* rowsOf("users"), [{ id: 1, age: 5, own: "ours", full_name: "users" }])
      assert.deepStrictEqual(yield* rowsOf("users_eu"), [{ id: 3, age: null, full_name: "users_eu" }])
    }))

  it.effect("truncates when it is told to", () =>
    Effect.gen(function*() {
      const Truncated = connectTopic("truncated")
      const settings = { table: "public.users_eu", format: Change.envelope(), rename: { name: "full_name" } }
      yield* Producer.send(Truncated, { key: null, value: envelope("t", null), partition: 0 })
      const refusing = yield* runToEnd(ModelSync.handler(ModelSync.make(Truncated, settings)))
      assert.deepStrictEqual(refusing.map(({ error }) => error.reason._tag), ["TruncateRefused"])
      assert.strictEqual((yield* rowsOf("users_eu")).length, 1)
      yield* runToEnd(ModelSync.handler(ModelSync.make(Truncated, { ...settings, truncates: "ignore" })))
      assert.strictEqual((yield* rowsOf("users_eu")).length, 1)
      yield* runToEnd(ModelSync.handler(ModelSync.make(Truncated, { ...settings, truncates: "apply" })))
      assert.deepStrictEqual(yield* rowsOf("users_eu"), [])
    }))

  it.effect("moves a row whose key changed, where the source tells the row before", () =>
    Effect.gen(function*() {
      const Emails = connectTopic("emails")
      const sync = ModelSync.make(Emails, {
        table: "public.emails",
        format: Change.envelope(),
        key: ["email"],
        fields: { exclude: ["id"] }
      })
      const send = (value: object) => Producer.send(Emails, { key: { id: 1 }, value, partition: 0 })
      yield* send(envelope("c", { id: 1, email: "a@x", name: "Ann" }))
      yield* send(
        envelope("u", { id: 1, email: "b@x", name: "Ann" }, "emails", 2, { id: 1, email: "a@x", name: "Ann" })
      )
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* rowsOf("(SELECT email AS id, name FROM emails)"), [{ id: "b@x", name: "Ann" }])
    }))

  it.effect("stores classes of Effect's Model, and checks them against the table before", () =>
    Effect.gen(function*() {
      class Note extends Model.Class<Note>("Note")({
        id: Schema.String,
        text: Schema.NullOr(Schema.String),
        pages: Model.FieldOption(Schema.Int),
        created: Schema.DateTimeUtcFromString
      }) {}
      const Notes = Topic.make("notes", { key: Codec.string, value: Codec.nullable(Codec.json(Note)) })
      const settings = { table: "public.notes", format: Change.plain }
      const sync = yield* ModelSync.derive(Notes, { ...settings, key: ["id"] })
      const id = "6f1e1b1e-0000-4000-8000-000000000001"
      const created = DateTime.makeUnsafe("2026-01-02T03:04:05.678Z")
      const note = new Note({ id, text: "hello", pages: Option.none(), created })
      yield* Producer.send(Notes, { key: id, value: note })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* rowsOf("notes"), [
        { id, text: "hello", pages: null, created: "2026-01-02T03:04:05.678+00:00" }
      ])
      const wrong = [
        [Schema.Struct({ ...Note.fields, more: Schema.String }), "MissingColumn", "more"],
        [Schema.Struct({ id: Schema.String, text: Schema.String }), "Unsupported", "created"],
        [Schema.Struct({ ...Note.fields, pages: Schema.Boolean }), "Unsupported", "pages"],
        [Schema.Struct({ ...Note.fields, created: Schema.NullOr(Schema.String) }), "Unsupported", "created"]
      ] as const
      for (const [model, tag, column] of wrong) {
        const error = yield* Effect.flip(ModelSync.derive(Notes, { ...settings, model }))
        assert.strictEqual(error.reason._tag, tag)
        assert.include(error.message, `${column}`)
      }
    }))

  it.effect("names at the start what does not fit the table", () =>
    Effect.gen(function*() {
      const Users = connectTopic("starts")
      const base = { table: "public.users", format: Change.envelope() }
      const cases = [
        [{ ...base, table: "public.nope" }, "MissingTable", "public.nope"],
        [{ ...base, table: "public.ruled" }, "Unsupported", "the table's rule \"nothing\""],
        [{ ...base, rename: { name: "title" } }, "MissingColumn", "\"title\" for the field \"name\""],
        [{ ...base, fields: { include: ["email"] } }, "MissingColumn", "email"],
        [{ ...base, key: ["full_name"] }, "MissingKey", "full_name"],
        [{ ...base, deletes: { softDelete: "age" } }, "Unsupported", "age"],
        [{ ...base, version: { column: "own", from: "lsn" as const } }, "Unsupported", "own"]
      ] as const
      for (const [settings, tag, words] of cases) {
        const sync = ModelSync.make(Users, settings)
        const error = yield* Effect.flip(ModelSync.check(sync))
        assert.strictEqual(error.reason._tag, tag)
        assert.include(error.message, words)
      }
      yield* Producer.send(Users, { key: { id: 1 }, value: null })
      const failed = yield* Effect.flip(runToEnd(ModelSync.handler(ModelSync.make(Users, cases[0][0]))))
      assert.include(failed.message, "public.nope")
      const unmigrated = ModelSync.handler(ModelSync.make(Users, base), { prefix: "other_" })
      assert.include((yield* Effect.flip(runToEnd(unmigrated))).message, "millrace.other_offsets")
    }))

  it.effect("refuses at the start columns that Debezium leaves empty, unless the settings say what is with them", () =>
    Effect.gen(function*() {
      const Shapes = connectTopic("shapes")
      const base = { table: "public.shapes", format: Change.flattened() }
      const problemOf = (settings: Partial<ModelSync.TableSettings>) =>
        ModelSync.check(ModelSync.make(Shapes, { ...base, ...settings })).pipe(
          Effect.as("none"),
          Effect.catch((error) => Effect.succeed(error.message))
        )
      assert.include(yield* problemOf({}), "public.shapes.area")
      assert.include(yield* problemOf({ rename: { area: "area" } }), "public.shapes.spans")
      assert.include(yield* problemOf({ fields: { include: ["area", "spans"] } }), "public.shapes.spans")
      assert.strictEqual(yield* problemOf({ fields: { include: ["area", "place"] } }), "none")
      assert.strictEqual(yield* problemOf({ fields: { exclude: ["area", "spans"] } }), "none")
      const accepting = { ...base, format: Change.flattened({ lossy: "accept" }) }
      assert.strictEqual((yield* ModelSync.check(ModelSync.make(Shapes, accepting))).length, 1)
      assert.strictEqual((yield* ModelSync.check(ModelSync.make(Shapes, { ...base, format: Change.plain }))).length, 1)
    }))

  it.effect("runs as a layer", () =>
    Effect.gen(function*() {
      const Users = connectTopic("layers")
      const sync = ModelSync.make(Users, { table: "public.users_eu", format: Change.plain })
      yield* Producer.send(Users, { key: { id: 1 }, value: { id: 1, full_name: "Ann", age: 3 } })
      yield* Effect.repeat(rowsOf("users_eu"), { until: (rows) => rows.length === 1 }).pipe(
        Effect.provide(ModelSync.layer("layer", sync, { offsetReset: "earliest", onFailure: OnFailure.stop }))
      )
    }))

  it("refuses settings that are misspelt or contradict each other", () => {
    const Users = connectTopic("settings")
    const base = { table: "public.users", format: Change.envelope() }
    const bad: ReadonlyArray<readonly [object, RegExp]> = [
      [{ format: base.format }, /table: is missing/],
      [{ table: "t" }, /format: is missing/],
      [{ ...base, keys: ["id"] }, /unknown field "keys"/],
      [{ ...base, key: [] }, /key/],
      [{ ...base, fields: { include: [], exclude: [] } }, /not both/],
      [{ ...base, deletes: { softDeletes: "a" } }, /softDeletes/],
      [{ ...base, version: { column: "a", from: "ts" } }, /from/],
      [{ ...base, tables: { a: { tabel: "x" } } }, /tabel/],
      [{ ...base, rename: { a: "c", b: "c" } }, /"a" and "b" cannot both be stored in column "c"/],
      [{ ...base, key: { a: "id" }, rename: { b: "id" } }, /column "id"/],
      [{ ...base, deletes: { softDelete: "a" }, version: { column: "a", from: "lsn" } }, /deletes: column "a"/]
    ]
    for (const [settings, words] of bad) {
      assert.throws(() => ModelSync.make(Users, settings as typeof base), words)
    }
    const sync = ModelSync.make(Users, base)
    assert.throws(() => ModelSync.handler(sync, { maxSize: 0 }), /maxSize/)
    assert.throws(() => ModelSync.handler(sync, { schema: "a.b" }), /schema/)
    assert.throws(() => ModelSync.handler(sync, { sweep: 0 }), /sweep: 0 is not a duration of at least a millisecond/)
    // An excluded field takes no column.
    ModelSync.make(Users, { ...base, rename: { a: "c", b: "c" }, fields: { exclude: ["a"] } })
  })
})
