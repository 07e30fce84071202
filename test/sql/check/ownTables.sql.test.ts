/** Millrace's own tables, as `SyncCheck` looks at them: what is missing, of an older version, or not to be used. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer } from "millrace"
import { Change, Migrations, ModelSync, SourceDatabase, SyncCheck } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client, makeDatabase } from "../../services/database.ts"
import { connectTopic, rowsOf, runToEnd } from "../sync/kit.ts"

const statements = [
  "CREATE TABLE parents (id int PRIMARY KEY)",
  "CREATE TABLE rows (id int PRIMARY KEY, parent int REFERENCES parents, lsn bigint)"
]

const settings = { table: "public.rows", format: Change.plain } as const
const simple = ModelSync.make(connectTopic("simple"), settings)
const versioned = ModelSync.make(connectTopic("versioned"), {
  ...settings,
  version: { column: "lsn", from: { field: "lsn" } }
})
const Parents = connectTopic("parents")
const Children = connectTopic("children")
const parents = ModelSync.make(Parents, { table: "public.parents", format: Change.plain })
const waiting = ModelSync.make(Children, { ...settings, waitFor: "constraints", fields: { exclude: ["lsn"] } })

const run = (...texts: ReadonlyArray<string>) =>
  Effect.flatMap(SqlClient, (sql) => Effect.forEach(texts, (text) => sql.unsafe(text), { discard: true }))

/** An empty database with the tables of the syncs, which is its own source. */
const fresh = Effect.map(makeDatabase, (place) => ({
  place,
  as: (username: string) => {
    const database = client(place, { username })
    return Layer.merge(database, SourceDatabase.layer(database))
  }
}))

/** What is wrong with the target, but for the tables of its own. */
const check = (syncs: Parameters<typeof SyncCheck.run>[0], options?: SyncCheck.Options) =>
  Effect.map(SyncCheck.run(syncs, options), (problems) => problems.filter(({ side }) => side === "target"))

const shown = (problems: ReadonlyArray<SyncCheck.Problem>) =>
  problems.map(({ problem, severity, subject }) => `${severity} ${subject}: ${problem}`)

layer(InMemoryKafka.layer, { excludeTestServices: true })("SyncCheck.run on Millrace's own tables", (it) => {
  it.effect("names those that are missing, and what makes them", () =>
    Effect.gen(function*() {
      const { as } = yield* fresh
      yield* Effect.gen(function*() {
        yield* run(...statements)
        const [none, ...others] = yield* check([simple, versioned])
        assert.deepStrictEqual(others, [])
        assert.deepStrictEqual(shown([none!]), [
          "error schema millrace: there is none, nor Millrace's tables in it"
        ])
        assert.include(none!.mend!, "millrace sql migrate")
        yield* Migrations.run({ schema: "millrace", prefix: "shop_" })
        assert.deepStrictEqual(shown(yield* check([simple])), [
          "error schema millrace: it has none of Millrace's tables"
        ])
        assert.deepStrictEqual(yield* check([simple], { prefix: "shop_" }), [])
        yield* Migrations.run()
        assert.deepStrictEqual(yield* check([simple, versioned, waiting]), [])
      }).pipe(Effect.provide(as("postgres")))
    }))

  it.effect("knows tables of an older version", () =>
    Effect.gen(function*() {
      const { as } = yield* fresh
      yield* Effect.gen(function*() {
        yield* run(...statements)
        yield* Migrations.run()
        yield* run("DROP TABLE millrace.outbox", "DELETE FROM millrace.migrations WHERE migration_id > 2")
        assert.deepStrictEqual(shown(yield* check([simple])), [
          "warning millrace.migrations: Millrace's tables are of an older version: without outbox, key_offsets, waiting"
        ])
        yield* run("DROP TABLE millrace.waiting", "DROP TABLE millrace.key_offsets")
        assert.deepStrictEqual(shown(yield* check([simple])), [
          "error millrace.waiting: it is missing: Millrace's tables are of an older version"
        ])
        yield* Migrations.run()
        assert.deepStrictEqual(yield* check([simple]), [])
      }).pipe(Effect.provide(as("postgres")))
    }))

  it.effect("grants what each kind of sync needs, no more, and with that it runs", () =>
    Effect.gen(function*() {
      const { as, place } = yield* fresh
      const role = `own_${place.database}`
      yield* Effect.gen(function*() {
        yield* run(...statements, `CREATE ROLE ${role} LOGIN REPLICATION`, `GRANT ALL ON parents, rows TO ${role}`)
        yield* Migrations.run()
      }).pipe(Effect.provide(as("postgres")))
      const mended = Effect.fnUntraced(function*(syncs: Parameters<typeof SyncCheck.run>[0]) {
        const problems = yield* Effect.provide(check(syncs), as(role))
        assert.deepStrictEqual(problems.filter(({ severity }) => severity !== "error"), [])
        const mends = problems.map(({ mend }) => mend!)
        yield* Effect.provide(run(...mends), as("postgres"))
        assert.deepStrictEqual(yield* Effect.provide(check(syncs), as(role)), [])
        return mends
      })
      assert.deepStrictEqual(yield* mended([simple]), [
        `GRANT USAGE ON SCHEMA "millrace" TO "${role}"`,
        `GRANT SELECT, INSERT, UPDATE ON "millrace"."offsets" TO "${role}"`,
        `GRANT SELECT ON "millrace"."waiting" TO "${role}"`
      ])
      yield* Producer.sendAll(simple.source, [1, 2].map((id) => ({ key: { id }, value: { id }, partition: 0 })))
      yield* Producer.send(simple.source, { key: { id: 2 }, value: null, partition: 0 })
      assert.deepStrictEqual(yield* Effect.provide(runToEnd(ModelSync.handler(simple)), as(role)), [])
      assert.deepStrictEqual(yield* mended([versioned]), [
        `GRANT SELECT, INSERT, UPDATE, DELETE ON "millrace"."deleted" TO "${role}"`
      ])
      yield* Producer.send(versioned.source, { key: { id: 1 }, value: { id: 1, lsn: 5 }, partition: 0 })
      assert.deepStrictEqual(yield* Effect.provide(runToEnd(ModelSync.handler(versioned)), as(role)), [])
      assert.deepStrictEqual(yield* mended([waiting, parents]), [
        `GRANT INSERT, UPDATE, DELETE ON "millrace"."waiting" TO "${role}"`
      ])
      yield* Producer.send(Children, { key: { id: 7 }, value: { id: 7, parent: 70 }, partition: 0 })
      assert.deepStrictEqual(yield* Effect.provide(runToEnd(ModelSync.handler(waiting)), as(role)), [])
      yield* Producer.send(Parents, { key: { id: 70 }, value: { id: 70 }, partition: 0 })
      assert.deepStrictEqual(yield* Effect.provide(runToEnd(ModelSync.handler(parents)), as(role)), [])
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(yield* rowsOf("(SELECT id FROM rows)"), [{ id: 1 }, { id: 7 }])
        yield* run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`)
      }).pipe(Effect.provide(as("postgres")))
    }))
})
