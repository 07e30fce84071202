/** What a database refuses by rules that no column shows: triggers, policies, and the syntax of values. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { client } from "../../services/database.ts"
import { sharedPostgres } from "../../services/env.ts"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

const statements = [
  "CREATE TABLE judged (id int PRIMARY KEY, text text)",
  `CREATE FUNCTION judges() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.text = TG_ARGV[0] THEN RAISE EXCEPTION 'not this one' USING ERRCODE = TG_ARGV[1]; END IF;
    RETURN NEW;
  END $$`,
  `CREATE TRIGGER judges BEFORE INSERT OR UPDATE ON judged FOR EACH ROW
    EXECUTE FUNCTION judges('of its own', 'SHOP1')`,
  `CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON judged DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION judges('late', 'P0001')`,
  "CREATE TABLE forms (id int PRIMARY KEY, words tsvector, path jsonpath, kind regtype)",
  "CREATE TABLE secured (id int PRIMARY KEY, text text)",
  // A type whose own function takes no text at all, with the code of a broken database, as those of extensions may.
  "CREATE TYPE odd",
  "CREATE FUNCTION odd_in(cstring, oid, int) RETURNS odd LANGUAGE internal STRICT AS 'range_in'",
  "CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal STRICT AS 'textout'",
  "CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out)",
  "CREATE TABLE named (id int PRIMARY KEY, relation regclass, odd odd)",
  "CREATE TABLE moving (id int PRIMARY KEY, part int) PARTITION BY RANGE (id)",
  "CREATE TABLE moving_1 PARTITION OF moving FOR VALUES FROM (0) TO (100)",
  "CREATE TABLE moving_2 PARTITION OF moving FOR VALUES FROM (100) TO (200)",
  `CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.id := NEW.id + NEW.part; RETURN NEW;
  END $$`,
  "CREATE TRIGGER moves BEFORE INSERT ON moving FOR EACH ROW EXECUTE FUNCTION moves()",
  "ALTER TABLE secured ENABLE ROW LEVEL SECURITY",
  "CREATE POLICY own ON secured USING (true) WITH CHECK (text <> 'foreign')"
]

layer(world(statements), { excludeTestServices: true })("a row", (it) => {
  const format = Change.flattened({ tombstones: "delete" })

  it.effect("that a trigger refuses, by a code of its own or at the end of the transaction, is that record's own", () =>
    Effect.gen(function*() {
      const Judged = connectTopic("judged")
      const texts = ["a", "of its own", "b", "late", "c"]
      yield* Producer.sendAll(
        Judged,
        texts.map((text, id) => ({ key: { id }, value: { id, text }, partition: 0 }))
      )
      const failures = yield* runToEnd(ModelSync.handler(ModelSync.make(Judged, { table: "public.judged", format })))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1, 3])
      assert.deepStrictEqual(failures.map(({ error }) => error.reason._tag), ["Refused", "Refused"])
      assert.include(failures[0]!.error.message, "SHOP1")
      assert.deepStrictEqual(yield* rowsOf("judged"), [0, 2, 4].map((id) => ({ id, text: texts[id] })))
    }))

  it.effect("whose text is no value of its type is that record's own, also by a code that statements have, too", () =>
    Effect.gen(function*() {
      const Forms = connectTopic("forms")
      const rows = [{ words: "'a" }, {}, { path: "$.." }, { kind: "nope" }, { kind: "int" }]
      yield* Producer.sendAll(Forms, rows.map((row, id) => ({ key: { id }, value: { id, ...row }, partition: 0 })))
      const sync = ModelSync.make(Forms, { table: "public.forms", format: Change.plain })
      const failures = yield* runToEnd(ModelSync.handler(sync))
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [0, 2, 3])
      const codes = failures.map(({ error: { reason } }) => reason._tag === "Refused" ? reason.code : reason._tag)
      assert.deepStrictEqual(codes, ["42601", "42601", "42704"])
      assert.strictEqual((yield* rowsOf("forms")).length, 2)
    }))

  it.effect("whose value is no relation, or breaks the function of its type, is that record's own", () =>
    Effect.gen(function*() {
      const Named = connectTopic("named")
      const rows = [
        { relation: "nope" },
        { relation: "pg_class" },
        { relation: "nowhere.nope" },
        { relation: "a.b.c.d" },
        { odd: "x" },
        {},
        { relation: "nope" },
        { odd: "y" }
      ]
      yield* Producer.sendAll(Named, rows.map((row, id) => ({ key: { id }, value: { id, ...row }, partition: 0 })))
      const sync = ModelSync.make(Named, { table: "public.named", format: Change.plain })
      const failures = yield* runToEnd(ModelSync.handler(sync, { retry: Schedule.recurs(1) }))
      const shown = failures.map(({ error: { reason }, offset }) => [
        offset,
        reason._tag === "Refused" ? reason.code : reason._tag
      ])
      assert.deepStrictEqual(shown, [[0, "42P01"], [2, "3F000"], [3, "42601"], [4, "XX000"], [6, "42P01"], [
        7,
        "XX000"
      ]])
      assert.strictEqual((yield* rowsOf("named")).length, 2)
    }))

  it.effect("that a trigger moves to another partition holds its partition, with a reason that says so", () =>
    Effect.gen(function*() {
      const Moving = connectTopic("moving")
      const rows = [{ id: 1, part: 0 }, { id: 2, part: 100 }]
      yield* Producer.sendAll(Moving, rows.map(({ id, part }) => ({ key: { id }, value: { id, part }, partition: 0 })))
      const sync = ModelSync.make(Moving, { table: "public.moving", format: Change.plain })
      const failures = yield* runToEnd(ModelSync.handler(sync, { retry: Schedule.recurs(1) }))
      const [failed] = failures
      assert.strictEqual(failed?.error.reason._tag, "TriggerMovesRow")
      assert.include(failed!.error.message, "Before executing trigger \"moves\"")
      assert.include(failed!.error.message, "public.moving_1")
      assert.deepStrictEqual(yield* rowsOf("moving"), [])
    }))

  it.effect("that a policy of the table refuses is that record's own, and no right that is missing", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const role = `limited_${process.pid}`
      yield* sql.unsafe(`CREATE ROLE ${role} LOGIN`)
      yield* sql.unsafe(`GRANT ALL ON secured TO ${role}`)
      yield* sql.unsafe(`GRANT USAGE ON SCHEMA millrace TO ${role}`)
      yield* sql.unsafe(`GRANT ALL ON ALL TABLES IN SCHEMA millrace TO ${role}`)
      const Secured = connectTopic("secured")
      const texts = ["a", "foreign", "b"]
      yield* Producer.sendAll(
        Secured,
        texts.map((text, id) => ({ key: { id }, value: { id, text }, partition: 0 }))
      )
      const [name] = (yield* sql.unsafe("SELECT current_database()").values)[0]!
      const failures = yield* Effect.provide(
        runToEnd(ModelSync.handler(ModelSync.make(Secured, { table: "public.secured", format }))),
        client({ ...sharedPostgres(), database: String(name) }, { username: role })
      )
      assert.deepStrictEqual(failures.map(({ offset }) => offset), [1])
      assert.strictEqual(failures[0]!.error.reason._tag, "Refused")
      assert.include(failures[0]!.error.message, "42501")
      assert.deepStrictEqual(yield* rowsOf("secured"), [0, 2].map((id) => ({ id, text: texts[id] })))
      yield* sql.unsafe(`DROP OWNED BY ${role}`)
      yield* sql.unsafe(`DROP ROLE ${role}`)
    }))
})
