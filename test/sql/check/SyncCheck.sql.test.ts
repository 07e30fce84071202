import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Topic } from "millrace"
import { Change, LoopGuard, Migrations, ModelSync, RowVersion, SourceDatabase, SyncCheck } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { client, makeDatabase } from "../../services/database.ts"
import { atSource, atTarget, debeziumTopic, textsAt, twoDatabases } from "../verify/kit.ts"

/** As many columns as a table may have. */
const wide = `CREATE TABLE public.wide (id int PRIMARY KEY, ${
  Array.from({ length: 1_599 }, (_, i) => `c${i} text`).join()
})`

const source = [
  wide,
  "CREATE TABLE public.good (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.gen (id int PRIMARY KEY, i int, twice int GENERATED ALWAYS AS (i * 2) STORED)",
  "ALTER TABLE public.gen REPLICA IDENTITY FULL",
  "CREATE TABLE public.keyless (id int, v text)",
  "CREATE TABLE public.lossy (id int PRIMARY KEY, l line, bits bit varying(9))",
  "CREATE TABLE public.misfit (id int PRIMARY KEY, v text, extra int)",
  "CREATE TABLE public.large (id int PRIMARY KEY, v bytea)",
  "CREATE UNLOGGED TABLE public.unlogged (id int PRIMARY KEY)",
  "CREATE TABLE public.soft (id int PRIMARY KEY, code text, nick text)",
  "CREATE TABLE public.marked (id int, region text, part int, PRIMARY KEY (id, region)) PARTITION BY LIST (region)",
  "CREATE TABLE public.marked_a PARTITION OF marked FOR VALUES IN ('a')",
  "CREATE TABLE public.coded (id int PRIMARY KEY, code text)",
  "CREATE TABLE public.parts (id int PRIMARY KEY) PARTITION BY RANGE (id)",
  "CREATE TABLE public.parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (9)"
]

const target = [
  wide,
  "CREATE TABLE public.good (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.gen (id int PRIMARY KEY, i int, twice int)",
  "CREATE TABLE public.keyless (id int PRIMARY KEY, v text)",
  "CREATE TABLE public.lossy (id int PRIMARY KEY, l line, bits bit varying(9))",
  "CREATE TABLE public.misfit (id int PRIMARY KEY, v text NOT NULL, needed int NOT NULL)",
  "CREATE TABLE public.large (id int PRIMARY KEY, v bytea)",
  "CREATE TABLE public.unlogged (id int PRIMARY KEY)",
  `CREATE TABLE public.soft (id int PRIMARY KEY, code text CONSTRAINT soft_code UNIQUE, nick text,
    gone_at timestamptz, UNIQUE (id))`,
  "CREATE UNIQUE INDEX soft_lower ON public.soft (lower(nick))",
  "CREATE UNIQUE INDEX soft_nick ON public.soft (nick) WHERE gone_at IS NULL",
  "CREATE TABLE public.marked (id int, region text, part int, PRIMARY KEY (id, region)) PARTITION BY LIST (region)",
  "CREATE TABLE public.marked_a PARTITION OF marked FOR VALUES IN ('a')",
  "CREATE TABLE public.coded (id int PRIMARY KEY, code text)",
  "CREATE TABLE public.parts (id int PRIMARY KEY)"
]

const sync = (table: string) =>
  ModelSync.make(debeziumTopic(`public.${table}`), {
    table: `public.${table}`,
    format: Change.envelope({ times: "isostring" })
  })

const shown = (problems: ReadonlyArray<SyncCheck.Problem>) =>
  problems.filter(({ subject }) => !subject.startsWith("slot ")).map(({ problem, severity, subject }) =>
    `${severity} ${subject}: ${problem}`
  )

const check = (...tables: ReadonlyArray<string>) => SyncCheck.run(tables.map(sync))

const migrated = Layer.provideMerge(Layer.effectDiscard(Migrations.run()), twoDatabases(source, target))

layer(migrated)("SyncCheck.run", (it) => {
  it.effect("finds nothing where nothing is wrong", () =>
    Effect.map(check("good"), (problems) => assert.deepStrictEqual(shown(problems), [])))

  it.effect("finds the generated column with which updates of the source fail, and how that is mended", () =>
    Effect.gen(function*() {
      const change = atSource("UPDATE gen SET i = i + 1")
      yield* atSource("INSERT INTO gen VALUES (1, 1)")
      const [early] = yield* check("gen")
      assert.include(early!.breaks, "as soon as a publication has the table")
      yield* atSource("CREATE PUBLICATION pub FOR TABLE gen")
      const refused = yield* Effect.flip(change)
      assert.include(String(refused.reason.cause), "cannot update table \"gen\"")
      const [found] = yield* check("gen")
      assert.deepStrictEqual([found!.severity, found!.side, found!.subject], ["error", "source", "public.gen"])
      yield* atSource(found!.mend!)
      yield* change
      assert.deepStrictEqual(shown(yield* check("gen")), [])
    }))

  it.effect("finds tables whose rows cannot be identified, with a statement that mends it", () =>
    Effect.gen(function*() {
      const [error, warning] = yield* check("keyless")
      assert.strictEqual(error!.mend, "ALTER TABLE \"public\".\"keyless\" REPLICA IDENTITY FULL")
      assert.isUndefined(warning)
      yield* atSource(error!.mend!)
      const [left] = yield* check("keyless")
      assert.deepStrictEqual([left!.severity, left!.problem], ["warning", "no primary key"])
    }))

  it.effect("finds types that Debezium loses", () =>
    Effect.gen(function*() {
      assert.match(shown(yield* check("lossy")).join(), /^error public\.lossy: column public\.lossy\.l: /)
      const accepting = ModelSync.make(debeziumTopic("public.lossy"), {
        table: "public.lossy",
        format: Change.envelope({ times: "isostring", lossy: "accept" })
      })
      const problems = yield* SyncCheck.run([accepting])
      assert.deepStrictEqual(problems.map(({ problem, severity }) => [severity, problem.split(":")[0]]), [
        ["error", "column l"],
        ["warning", "column bits"],
        ["warning", "column bits"]
      ])
      const plain = ModelSync.make(debeziumTopic("public.lossy"), { table: "public.lossy", format: Change.plain })
      assert.deepStrictEqual(yield* SyncCheck.run([plain]), [])
    }))

  it.effect("finds columns without a place, and columns that nothing fills", () =>
    Effect.gen(function*() {
      const problems = yield* check("misfit")
      assert.deepStrictEqual(shown(problems), [
        "warning public.misfit: column v is NOT NULL, and public.misfit.v may be null",
        "error public.misfit: it has no column extra for public.misfit.extra",
        "error public.misfit: column needed is NOT NULL without a default, and public.misfit has nothing for it"
      ])
      yield* atTarget(...problems.map(({ mend }) => mend!))
      assert.deepStrictEqual(yield* check("misfit"), [])
    }))

  it.effect("finds unique indexes of rows that are only marked as deleted", () =>
    Effect.gen(function*() {
      const marking = ModelSync.make(debeziumTopic("public.soft"), {
        table: "public.soft",
        format: Change.envelope(),
        deletes: { softDelete: "gone_at" }
      })
      const problems = yield* SyncCheck.run([marking])
      assert.deepStrictEqual(shown(problems), [
        "warning public.soft: the unique index soft_code has the rows that are marked as deleted, too",
        "warning public.soft: the unique index soft_lower has the rows that are marked as deleted, too"
      ])
      assert.deepStrictEqual(problems.map(({ mend }) => mend), [
        "DROP INDEX soft_code (or its constraint), then CREATE UNIQUE INDEX ON \"public\".\"soft\" (\"code\") "
        + "WHERE \"gone_at\" IS NULL",
        undefined
      ])
      assert.deepStrictEqual(yield* check("soft"), [])
    }))

  it.effect("finds marks and versions of rows that do not fit their table, and says what to run", () =>
    Effect.gen(function*() {
      const guarded = Effect.gen(function*() {
        yield* Migrations.run()
        yield* LoopGuard.addSkipColumn("public.marked")
        yield* RowVersion.add("public.marked", { site: 0 })
      })
      const from = yield* SourceDatabase.Service
      const guardedThere = Effect.provideService(guarded, SqlClient, from)
      yield* guarded
      yield* guardedThere
      assert.deepStrictEqual(shown(yield* check("marked")), [])
      // Another key, and one more partition, with one more column that places rows.
      yield* atSource(
        "ALTER TABLE marked DROP CONSTRAINT marked_pkey",
        "ALTER TABLE marked ADD PRIMARY KEY (id, region, part)",
        "CREATE TABLE marked_b PARTITION OF marked FOR VALUES IN ('b') PARTITION BY LIST (part)",
        "CREATE TABLE marked_b1 PARTITION OF marked_b FOR VALUES IN (1)"
      )
      const stale = yield* check("marked")
      assert.deepStrictEqual(shown(stale), [
        "warning public.marked: the triggers of the mark kafka_skip do not see changes of part",
        "warning public.marked: the trigger of row versions does not know the key id, region, part",
        "warning public.marked: public.marked_b1 has no REPLICA IDENTITY FULL"
      ])
      assert.deepStrictEqual(stale.map(({ mend }) => mend), [
        "LoopGuard.addSkipColumn(\"public.marked\")",
        "RowVersion.add(\"public.marked\", …) with the site of this database",
        "ALTER TABLE \"public\".\"marked_b1\" REPLICA IDENTITY FULL"
      ])
      yield* atSource(stale[2]!.mend!)
      assert.strictEqual((yield* check("marked")).length, 2)
      yield* guardedThere
      assert.deepStrictEqual(shown(yield* check("marked")), [])
      // A trigger of one partition, behind all others.
      yield* atTarget(
        "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER zzz BEFORE UPDATE ON marked_a FOR EACH ROW EXECUTE FUNCTION own()",
        "CREATE TRIGGER é AFTER UPDATE ON marked_a FOR EACH ROW EXECUTE FUNCTION own()",
        "CREATE TRIGGER ß BEFORE UPDATE ON marked_a FOR EACH ROW EXECUTE FUNCTION own()"
      )
      const [later, ...others] = yield* check("marked")
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual([later!.side, later!.subject], ["target", "public.marked"])
      assert.strictEqual(later!.problem, "the trigger ß is called behind those of the mark")
      yield* atTarget("DROP TRIGGER ß ON marked_a")
      // Triggers as an earlier version has made them.
      yield* atTarget(
        "DROP TRIGGER \"~millrace_mark_kafka_skip_key\" ON marked",
        "ALTER TRIGGER \"!millrace_mark_kafka_skip\" ON marked RENAME TO millrace_mark_kafka_skip",
        "ALTER TRIGGER \"~millrace_version\" ON marked RENAME TO millrace_version_marked"
      )
      assert.deepStrictEqual(shown(yield* check("marked")), [
        "warning public.marked: the triggers of the mark kafka_skip do not see changes of id, region",
        "warning public.marked: the trigger of row versions does not know the key id, region"
      ])
      yield* guarded
      assert.deepStrictEqual(shown(yield* check("marked")), [])
      assert.deepStrictEqual(
        yield* textsAt("SELECT tgname FROM pg_trigger WHERE tgrelid = 'marked'::regclass ORDER BY tgname"),
        [
          "!millrace_mark_kafka_skip",
          "!millrace_mark_kafka_skip_deletes",
          "!millrace_mark_kafka_skip_key",
          "~millrace_mark_kafka_skip_key",
          "~millrace_version"
        ]
      )
    }))

  it.effect("knows the key that marks were given, and that of the sync", () =>
    Effect.gen(function*() {
      const from = yield* SourceDatabase.Service
      yield* atTarget("ALTER TABLE coded ADD kafka_skip boolean")
      const add = (key?: ReadonlyArray<string>) =>
        Effect.provideService(LoopGuard.addSkipColumn("public.coded", { key }), SqlClient, from)
      yield* add(["code"])
      assert.deepStrictEqual(shown(yield* check("coded")), [])
      const byId = ModelSync.make(debeziumTopic("public.coded"), {
        table: "public.coded",
        format: Change.envelope(),
        key: ["id"]
      })
      const [problem] = yield* SyncCheck.run([byId])
      assert.strictEqual(problem!.mend, "LoopGuard.addSkipColumn(\"public.coded\", {\"key\":[\"id\"]})")
      yield* add()
      assert.deepStrictEqual(shown(yield* SyncCheck.run([byId])), [])
    }))

  it.effect("finds values that are too large for a record, by the topic's setting where Kafka is there", () =>
    Effect.gen(function*() {
      yield* atSource("INSERT INTO large SELECT 1, decode(repeat('ab', 2000000), 'hex')")
      const [warning] = yield* check("large")
      assert.deepStrictEqual([warning!.severity, warning!.side], ["warning", "kafka"])
      assert.include(warning!.problem, "public.large.v has a value of 1.9 MB")
      const [error] = yield* Effect.gen(function*() {
        yield* Topic.ensure([debeziumTopic("public.large")], { partitions: 1 })
        return yield* check("large")
      }).pipe(Effect.provide(InMemoryKafka.layer))
      assert.include(error!.mend!, "max.message.bytes=4194304")
      // A sample without the row does not see it.
      yield* atSource("DELETE FROM large")
      assert.deepStrictEqual(yield* check("large"), [])
    }))

  it.effect("finds them among 1,600 columns", () =>
    Effect.gen(function*() {
      yield* atSource("INSERT INTO wide (id, c1598) VALUES (1, repeat('x', 2000000))")
      const [warning] = yield* check("wide")
      assert.include(warning!.problem, "public.wide.c1598 has a value of 1.9 MB")
    }))

  it.effect("finds what has no WAL, and what is missing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(shown(yield* check("unlogged")), ["error public.unlogged: it is unlogged or temporary"])
      const nowhere = ModelSync.make(debeziumTopic("public.nowhere"), {
        table: "public.good",
        format: Change.envelope({ times: "isostring" })
      })
      assert.match(shown(yield* SyncCheck.run([nowhere])).join(), /^error public\.nowhere: there is no table/)
      const lost = ModelSync.make(debeziumTopic("public.good"), { table: "public.no", format: Change.envelope() })
      assert.match(shown(yield* SyncCheck.run([lost])).join(), /^error public\.no: there is no table/)
    }))

  it.effect("finds slots that nobody reads", () =>
    Effect.gen(function*() {
      yield* atSource(
        "SELECT slot_name::text FROM pg_create_logical_replication_slot('unread_' || current_database(), 'pgoutput')"
      )
      const problems = yield* check("good")
      assert.match(problems[0]!.problem, /^no connector reads it, and it keeps /)
      yield* atSource("SELECT pg_drop_replication_slot('unread_' || current_database())")
      assert.deepStrictEqual(yield* check("good"), [])
    }))

  it.effect("finds the partition whose rows cannot be identified", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* check("parts"), [])
      yield* atSource("ALTER TABLE parts_1 REPLICA IDENTITY NOTHING", "INSERT INTO parts VALUES (1)")
      yield* atSource("CREATE PUBLICATION parting FOR TABLE parts")
      const change = atSource("UPDATE parts SET id = 2")
      assert.include(String((yield* Effect.flip(change)).reason.cause), "does not have a replica identity")
      const [found] = yield* check("parts")
      assert.strictEqual(found?.problem, "partition public.parts_1: REPLICA IDENTITY NOTHING")
      yield* atSource(found!.mend!)
      yield* change
      assert.deepStrictEqual(yield* check("parts"), [])
    }))

  it.effect("asks for the rights alone that the sync needs, and takes those on columns for enough", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const [[name] = []] = yield* sql.unsafe("SELECT current_database() || '_column_role'").values
      const role = String(name)
      const columns = "SELECT (id, v), INSERT (id, v), UPDATE (id, v)"
      yield* atTarget(
        `CREATE ROLE ${role}`,
        "ALTER TABLE good ADD COLUMN own int",
        `GRANT ${columns} ON good TO ${role}`,
        `GRANT USAGE ON SCHEMA millrace TO ${role}`,
        `GRANT ALL ON ALL TABLES IN SCHEMA millrace TO ${role}`
      )
      const mendsOf = (settings: Partial<ModelSync.TableSettings>) =>
        sql.withTransaction(Effect.gen(function*() {
          yield* sql.unsafe(`SET LOCAL ROLE ${role}`)
          const made = ModelSync.make(debeziumTopic("public.good"), {
            table: "public.good",
            format: Change.envelope(),
            fields: { exclude: ["own"] },
            ...settings
          })
          return (yield* SyncCheck.run([made])).map(({ mend }) => mend)
        }))
      const grant = (rights: string) => [`GRANT ${rights} ON "public"."good" TO "${role}"`]
      assert.deepStrictEqual(yield* mendsOf({ deletes: "ignore" }), [])
      assert.deepStrictEqual(yield* mendsOf({}), grant("DELETE"))
      assert.deepStrictEqual(yield* mendsOf({ truncates: "apply", deletes: "ignore" }), grant("TRUNCATE"))
      assert.deepStrictEqual(
        yield* mendsOf({ deletes: "ignore", fields: { exclude: [] } }),
        grant("INSERT, SELECT, UPDATE")
      )
      yield* atTarget("ALTER TABLE good DROP COLUMN own", `DROP OWNED BY ${role}`, `DROP ROLE ${role}`)
    }))

  it.effect("finds rights that are missing, with the statements that grant them", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const from = yield* SourceDatabase.Service
      const [[name] = []] = yield* sql.unsafe("SELECT current_database() || '_role'").values
      const role = String(name)
      yield* atTarget(`CREATE ROLE ${role}`, `GRANT pg_read_all_stats TO ${role}`)
      const asRole = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        sql.withTransaction(
          from.withTransaction(Effect.gen(function*() {
            yield* sql.unsafe(`SET LOCAL ROLE ${role}`)
            yield* from.unsafe(`SET LOCAL ROLE ${role}`)
            return yield* effect
          }))
        )
      const problems = yield* asRole(SyncCheck.run([sync("good")], { bothWays: true }))
      assert.deepStrictEqual(problems.map(({ mend, side }) => [side, mend]), [
        ["source", `ALTER ROLE "${role}" REPLICATION`],
        [
          "target",
          "GRANT EXECUTE ON FUNCTION pg_replication_origin_session_setup(text), pg_replication_origin_session_reset(), "
          + `pg_replication_origin_session_is_setup() TO "${role}"`
        ],
        ["target", `GRANT USAGE ON SCHEMA "millrace" TO "${role}"`],
        ["target", `GRANT SELECT, INSERT, UPDATE ON "millrace"."offsets" TO "${role}"`],
        ["target", `GRANT SELECT ON "millrace"."waiting" TO "${role}"`],
        ["target", `GRANT DELETE, INSERT, SELECT, UPDATE ON "public"."good" TO "${role}"`],
        ["source", `GRANT SELECT ON "public"."good" TO "${role}"`]
      ])
      for (const { mend, side } of problems) yield* side === "source" ? atSource(mend!) : atTarget(mend!)
      assert.deepStrictEqual(yield* asRole(SyncCheck.run([sync("good")], { bothWays: true })), [])
    }))

  it.effect("finds settings of the server that keep the sync from writing", () =>
    Effect.gen(function*() {
      const place = yield* makeDatabase
      const table = "CREATE TABLE public.good (id int PRIMARY KEY, v text)"
      const made = Effect.andThen(Effect.flatMap(SqlClient, (sql) => sql.unsafe(table)), Migrations.run())
      yield* Effect.provide(made, client(place))
      const under = (startupParameters: Record<string, string>) => Effect.provide(client(place, { startupParameters }))
      const write = Effect.flatMap(SqlClient, (sql) =>
        sql.withTransaction(Effect.andThen(sql`INSERT INTO good VALUES (1)`, sql`SELECT pg_sleep(0.5)`)))
      const settings = { default_transaction_read_only: "on", statement_timeout: "100ms", transaction_timeout: "100ms" }
      for (const [name, value] of Object.entries(settings)) {
        const set = under({ [name]: value })
        assert.isTrue(Exit.isFailure(yield* Effect.exit(set(write))), name)
        const problems = yield* set(check("good"))
        assert.deepStrictEqual(
          problems.map(({ side, subject }) =>
            `${side} ${subject}`
          ),
          [`target ${name}`]
        )
      }
      const [idle] = yield* under({ idle_in_transaction_session_timeout: "1s" })(check("good"))
      assert.strictEqual(
        `${idle?.severity} ${idle?.subject}: ${idle?.problem}`,
        "warning idle_in_transaction_session_timeout: it is 1000 ms"
      )
      assert.deepStrictEqual(yield* under({ statement_timeout: "1min" })(check("good")), [])
    }))

  it.effect("refuses options that it does not have", () =>
    Effect.sync(() => assert.throws(() => SyncCheck.run([], { sampleSise: 1 } as {}), /did you mean "sampleSize"/)))
})
