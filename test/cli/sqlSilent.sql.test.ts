/** A database that takes a statement and falls silent: nothing is refused, and nothing is answered any more. */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as TestClock from "effect/testing/TestClock"
import { until } from "../sql/outbox/kit.ts"
import { direct, proxy } from "./fixtures/silentSyncs.config.ts"
import { sqlCommand } from "./sqlCommand.ts"

const sql = sqlCommand("silentSyncs")

/** Runs a command whose statement waits for a lock, and swallows its connections meanwhile. */
const swallowed = (lock: string, ...args: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const client = yield* SqlClient
    const held = Effect.gen(function*() {
      yield* client.unsafe(lock)
      const command = Effect.timed(sql(...args))
      const silence = Effect.andThen(
        until(Effect.map(
          client`SELECT FROM pg_locks WHERE NOT granted AND database = (
            SELECT oid FROM pg_database WHERE datname = current_database())`,
          ({ length }) => length > 0
        )),
        Effect.sync(proxy.swallow)
      )
      return (yield* Effect.all([command, silence], { concurrency: 2 }))[0]
    })
    return yield* client.withTransaction(held)
  }).pipe(Effect.ensuring(Effect.sync(proxy.cut)), Effect.provide(direct), TestClock.withLive)

const statements = (...texts: ReadonlyArray<string>) =>
  Effect.provide(
    Effect.flatMap(SqlClient, (client) => Effect.forEach(texts, (text) => client.unsafe(text), { discard: true })),
    direct
  )

describe("a database that falls silent", () => {
  for (
    const [table, ...args] of [
      ["millrace.offsets", "status"],
      ["millrace.waiting", "waiting"],
      ["millrace.waiting", "waiting", "ls"],
      ["millrace.outbox", "outbox"],
      ["millrace.outbox", "outbox", "ls"],
      ["millrace.migrations", "migrate"],
      ["public.users", "check"],
      ["public.users", "verify"],
      ["public.users", "resync", "--yes"]
    ] as const
  ) {
    it.effect(`ends sql ${args.join(" ")} after its timeout, and says so`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* TestClock.withLive(sql("migrate"))).code, 0)
        yield* statements("CREATE TABLE IF NOT EXISTS users (id int PRIMARY KEY, name text)")
        const [took, { code, err }] = yield* swallowed(`LOCK TABLE ${table}`, ...args, "--timeout", "1s")
        assert.strictEqual(code, 1, err)
        assert.include(err, "no answer for 1 s")
        assert.isBelow(Duration.toSeconds(took), 15)
      }), 40_000)
  }

  it.effect("ends sql migrate also in COMMIT, which nothing interrupts", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* TestClock.withLive(sql("migrate"))).code, 0)
      yield* statements(
        `DO $$ DECLARE each text; BEGIN
          FOR each IN SELECT tablename FROM pg_tables WHERE schemaname = 'millrace' AND tablename <> 'migrations' LOOP
            EXECUTE format('DROP TABLE millrace.%I CASCADE', each);
          END LOOP;
        END $$`,
        "DELETE FROM millrace.migrations",
        `CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM pg_advisory_xact_lock(17);
          RETURN NULL;
        END $$`,
        `CREATE CONSTRAINT TRIGGER slowly AFTER INSERT ON millrace.migrations DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW EXECUTE FUNCTION slowly()`
      )
      const [took, { code, err }] = yield* swallowed("SELECT pg_advisory_xact_lock(17)", "migrate", "--timeout", "3s")
      assert.strictEqual(code, 1, err)
      assert.include(err, "no answer for 3 s")
      assert.isBelow(Duration.toSeconds(took), 15)
    }), 40_000)
})
