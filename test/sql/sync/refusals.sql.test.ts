/** What a database refuses by rules that no column shows: triggers, policies, and the syntax of values. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
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
