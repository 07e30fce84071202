/** Replication origins at a real PostgreSQL: which writes carry one, who has which, and who may. */
import * as PgClient from "@effect/sql-pg/PgClient"
import { assert, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { LoopGuard } from "millrace/sql"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { startPooler } from "../../services/pooler.ts"
import { seen, watch } from "./walMessages.ts"

const instance = `test-origin-${process.pid}`
const names = LoopGuard.originNames({ instance, names: 2 })

/** A session ends a moment after its connection. */
const dropAll = Effect.repeat(LoopGuard.drop(instance), { until: ({ inUse }) => inUse.length === 0 })

class Target extends Context.Service<Target, Place>()("test/Target") {
  static readonly layer = Layer.effect(Target, makeDatabase)
}

const prepared = Layer.effectDiscard(
  Effect.gen(function*() {
    const sql = yield* SqlClient
    yield* sql`CREATE TABLE items (id int PRIMARY KEY, name text)`
    // Origins belong to the server, which other tests use too.
    yield* Effect.addFinalizer(() => Effect.orDie(LoopGuard.drop(instance)))
  })
).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(Target, (place) => client(place)))),
  Layer.provideMerge(Target.layer)
)

/** A client under an origin, in a scope of the caller. */
const guardedClient = (options: { readonly names?: number; readonly maxConnections?: number } = {}) =>
  Effect.gen(function*() {
    const place = yield* Target
    const connections = client(place, { maxConnections: options.maxConnections ?? 1 })
    const built = yield* Layer.build(
      LoopGuard.origin({ instance, names: options.names ?? 2, client: connections })
    )
    return Context.get(built, SqlClient)
  })

const pidOf = (sql: SqlClient) => Effect.map(sql`SELECT pg_backend_pid()`.values, ([row]) => Number(row?.[0]))

layer(prepared, { excludeTestServices: true })("a client under an origin", (it) => {
  it.effect("writes under it in and out of transactions, and nobody else does", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      const sql = yield* guardedClient()
      yield* watch("origin_writes")
      yield* sql.withTransaction(Effect.andThen(
        sql`INSERT INTO items ${sql.insert({ id: 1, name: "sync" })}`,
        sql.withTransaction(sql`UPDATE items SET name = 'again' WHERE id = 1`)
      ))
      yield* own`INSERT INTO items VALUES (2, 'own')`
      yield* sql`INSERT INTO items VALUES (3, 'alone')`
      yield* Effect.flip(sql.withTransaction(Effect.andThen(sql`DELETE FROM items`, Effect.fail("no"))))
      yield* sql`DELETE FROM items WHERE id = 3`
      yield* own`DELETE FROM items WHERE id = 1`
      assert.deepStrictEqual(yield* seen("origin_writes"), [
        { origin: names[0], changes: "IU" },
        { origin: undefined, changes: "I" },
        { origin: names[0], changes: "I" },
        { origin: names[0], changes: "D" },
        { origin: undefined, changes: "D" }
      ])
    }))

  it.effect("is not seen by a reader with origin=none", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      const sql = yield* guardedClient()
      yield* watch("origin_none")
      yield* sql`INSERT INTO items VALUES (10, 'sync')`
      yield* own`INSERT INTO items VALUES (11, 'own')`
      const changes = (yield* seen("origin_none", true)).filter((each) => each.changes !== "")
      assert.deepStrictEqual(changes, [{ origin: undefined, changes: "I" }])
    }))

  it.effect("stays under it when its connection was cut", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      const sql = yield* guardedClient()
      const pid = yield* pidOf(sql)
      yield* watch("origin_cut")
      const cut = yield* Effect.exit(sql.withTransaction(Effect.andThen(
        sql`INSERT INTO items VALUES (20, 'lost')`,
        own`SELECT pg_terminate_backend(${pid})`
      )))
      assert.isTrue(Exit.isFailure(cut))
      yield* sql`INSERT INTO items VALUES (21, 'after')`
      yield* sql.withTransaction(sql`INSERT INTO items VALUES (22, 'after')`)
      assert.notStrictEqual(yield* pidOf(sql), pid)
      const after = yield* seen("origin_cut")
      assert.deepStrictEqual(after.map(({ changes }) => changes), ["I", "I"])
      for (const { origin } of after) assert.include(names, origin)
    }))

  it.effect("takes another name while the first is in use, also of another database, and none when all are", () =>
    Effect.gen(function*() {
      const elsewhere = yield* makeDatabase
      const other = Layer.succeed(Target, elsewhere)
      yield* watch("origin_names")
      yield* Effect.provide(guardedClient(), other)
      const sql = yield* guardedClient()
      yield* sql`INSERT INTO items VALUES (30, 'second')`
      assert.deepStrictEqual(yield* seen("origin_names"), [{ origin: names[1], changes: "I" }])
      const error = yield* Effect.flip(guardedClient())
      assert.strictEqual(error._tag === "SyncError" ? error.reason._tag : "", "Unavailable")
      assert.include(
        error.message,
        `all replication origins of instance "${instance}" (${names.join(", ")}) are in use`
      )
      assert.deepStrictEqual(yield* LoopGuard.drop(instance), { dropped: [], inUse: names })
    }))

  it.effect("has a connection under each name, and a pool of its own, whose origins end with it", () =>
    Effect.gen(function*() {
      const place = yield* Target
      const pool = client(place, { maxConnections: 2 })
      const scope = yield* Scope.make()
      // The same layer for both: whoever else uses it must not get connections that are under an origin.
      const both = yield* Layer.build(Layer.merge(
        pool,
        Layer.effect(Holder, SqlClient).pipe(Layer.provide(LoopGuard.origin({ instance, names: 2, client: pool })))
      )).pipe(Scope.provide(scope))
      const [shared, sql] = [Context.get(both, PgClient.PgClient), Context.get(both, Holder)]
      yield* watch("origin_pool")
      yield* Effect.all([
        sql.withTransaction(Effect.andThen(sql`INSERT INTO items VALUES (40, 'a')`, sql`SELECT pg_sleep(0.2)`)),
        sql.withTransaction(Effect.andThen(sql`INSERT INTO items VALUES (41, 'b')`, sql`SELECT pg_sleep(0.2)`))
      ], { concurrency: 2 })
      assert.sameMembers((yield* seen("origin_pool")).map(({ origin }) => origin), [...names])
      yield* shared`INSERT INTO items VALUES (42, 'own')`
      assert.deepStrictEqual((yield* seen("origin_pool")).map(({ origin }) => origin), [undefined])
      yield* Scope.close(scope, Exit.void)
      yield* dropAll
      const own = yield* SqlClient
      assert.deepStrictEqual(
        yield* own`SELECT 1 FROM pg_replication_origin WHERE roname LIKE ${`%${instance}%`}`,
        []
      )
    }))

  it.effect("keeps the transformations of the client, and says what a COMMIT did", () =>
    Effect.gen(function*() {
      const place = yield* Target
      const upper = client(place, {
        maxConnections: 1,
        transformQueryNames: (name) => name.toLowerCase(),
        transformResultNames: (name) => name.toUpperCase()
      })
      const built = yield* Layer.build(LoopGuard.origin({ instance, names: 2, client: upper }))
      const sql = Context.get(built, SqlClient)
      yield* sql`INSERT INTO items ${sql.insert({ ID: 50, NAME: "x" })}`
      assert.deepStrictEqual(yield* sql`SELECT id, name FROM items WHERE ${sql.in("ID", [50])}`, [{
        ID: 50,
        NAME: "x"
      }])
      assert.deepStrictEqual(yield* sql`SELECT id FROM items WHERE id = 50`.withoutTransform, [{ id: 50 }])
      const plain = sql.withoutTransforms()
      assert.deepStrictEqual(yield* plain`SELECT id FROM items WHERE id = 50`, [{ id: 50 }])
      const hidden = yield* Effect.flip(sql.withTransaction(Effect.ignore(sql`SELECT 1 / 0`)))
      assert.include(hidden.message, "COMMIT rolled back a transaction that had an error")
    }))

  it.effect("says the GRANT to a role that may not, and works with it, also where it may create none", () =>
    Effect.gen(function*() {
      const own = yield* SqlClient
      const place = yield* Target
      const role = `app_${process.pid}`
      yield* own.unsafe(`CREATE ROLE ${role} LOGIN`)
      yield* own.unsafe(`GRANT ALL ON items TO ${role}`)
      yield* Effect.addFinalizer(() =>
        Effect.orDie(Effect.andThen(own.unsafe(`DROP OWNED BY ${role}`), own.unsafe(`DROP ROLE ${role}`)))
      )
      yield* dropAll
      const asRole = client({ ...place }, { username: role, maxConnections: 1 })
      const start = Layer.build(LoopGuard.origin({ instance, names: 2, client: asRole }))
      const error = yield* Effect.flip(start)
      if (error._tag !== "SyncError") throw error
      assert.strictEqual(error.reason._tag, "Denied")
      const { grants } = yield* Effect.provide(LoopGuard.check({ instance, names: 1 }), asRole)
      assert.deepStrictEqual(grants, [
        "GRANT EXECUTE ON FUNCTION pg_replication_origin_session_setup(text), "
        + `pg_replication_origin_session_is_setup() TO ${role}`,
        `SELECT pg_replication_origin_create('${names[0]}')`
      ])
      for (const grant of grants) {
        assert.include(error.message, grant)
        yield* own.unsafe(grant)
      }
      const sql = Context.get(yield* start, SqlClient)
      yield* watch("origin_role")
      yield* sql`INSERT INTO items VALUES (60, 'role')`
      assert.deepStrictEqual(yield* seen("origin_role"), [{ origin: names[0], changes: "I" }])
      // The only name that exists is in use, and the role cannot create the other one.
      const second = yield* Effect.flip(start)
      assert.include(second.message, `(${names[0]}) are in use`)
    }))

  it.effect("is refused by way of a pooler, which would put others under the origin", () =>
    Effect.gen(function*() {
      const place = yield* Target
      const pooler = yield* Effect.acquireRelease(
        Effect.promise(() => startPooler(place.port)),
        ({ close }) => Effect.sync(close)
      )
      const pooled = client({ ...place, port: pooler.port })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(LoopGuard.origin({ instance, client: pooled }))))
      assert.match(error.message, /client: a pooler hands its sessions on/)
      const other = Context.get(yield* Layer.build(pooled), SqlClient)
      assert.deepStrictEqual(yield* other`SELECT pg_replication_origin_session_is_setup() AS is_under`, [
        { is_under: false }
      ])
    }))

  it.effect("checks the server", () =>
    Effect.gen(function*() {
      const { grants, problems, version, walLevel } = yield* LoopGuard.check({ instance, names: 11 })
      assert.deepStrictEqual([walLevel, grants, version >= 180_000], ["logical", [], true])
      assert.deepStrictEqual(problems, [
        "the server has places for 10 origins and the instance may take 11; raise max_active_replication_origins"
      ])
    }))

  it.effect("refuses options that are none", () =>
    Effect.sync(() => {
      assert.throws(
        () => LoopGuard.originNames({ instance: "a b" }),
        /instance: "a b" is not a name of 1 to 40 letters/
      )
      assert.throws(() => LoopGuard.originNames({ instance: "a", names: 0 }), /names: 0 is not a whole number/)
      assert.throws(() => LoopGuard.origin({ instance: "a" } as any), /client is missing/)
      assert.throws(
        () => LoopGuard.origin({ instance: "a", client: Layer.empty, name: 1 } as any),
        /did you mean "names"/
      )
    }))
})

/** Holds the client under an origin beside another one. */
class Holder extends Context.Service<Holder, SqlClient>()("test/Holder") {}
