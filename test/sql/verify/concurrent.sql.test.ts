import { assert, layer } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { SqlClient } from "effect/sql/SqlClient"
import { Change, ModelSync, SourceDatabase, Verify } from "millrace/sql"
import { atSource, debeziumTopic, textsAt, twoDatabases } from "./kit.ts"

const table = "CREATE TABLE public.items (id int PRIMARY KEY, v text)"
const items = ModelSync.make(debeziumTopic("public.items"), { table: "public.items", format: Change.envelope() })

/** A client that stops after it has read the rows that are copied. Nothing else stops there. */
const stopping = (sql: SqlClient, stop: Effect.Effect<void>): SqlClient =>
  new Proxy(sql, {
    get: (of, name, receiver) => {
      if (name !== "unsafe") return Reflect.get(of, name, receiver)
      return (text: string, params?: ReadonlyArray<unknown>) => {
        const statement = of.unsafe(text, params)
        const isCopy = text.includes("\"v\"::text FROM") && !text.includes("sha256")
        return isCopy ? { values: Effect.tap(statement.values, () => stop) } : statement
      }
    }
  })

layer(twoDatabases([table], [table]))("Verify.resync", (it) => {
  it.effect("lets a deletion that comes meanwhile have the last word", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* atSource("INSERT INTO items VALUES (1, 'a'), (2, 'b')")
      const read = yield* Deferred.make<void>()
      const goOn = yield* Deferred.make<void>()
      const stop = Effect.andThen(Deferred.succeed(read, undefined), Deferred.await(goOn))
      const source = stopping(yield* SourceDatabase.Service, stop)
      const copying = yield* Effect.forkChild(
        Verify.resync(items, { by: "copy", pause: 0, rechecks: 0 }).pipe(
          Effect.provideService(SourceDatabase.Service, source)
        )
      )
      yield* Deferred.await(read)
      // The row goes after it was read, and its event is here before it is written.
      yield* atSource("DELETE FROM items WHERE id = 1")
      const deleting = yield* Effect.forkChild(sql`DELETE FROM items WHERE id = 1`)
      const waits = Effect.map(
        textsAt("SELECT count(*)::text FROM pg_locks WHERE NOT granted AND relation = 'items'::regclass"),
        ([count]) => count !== "0" || deleting.pollUnsafe() !== undefined
      )
      yield* Effect.repeat(waits, {
        until: (is) => is
      })
      yield* Deferred.succeed(goOn, undefined)
      const [done] = yield* Fiber.join(copying)
      yield* Fiber.join(deleting)
      assert.strictEqual(done!.copied, 2)
      assert.deepStrictEqual(yield* textsAt("SELECT id || v FROM items"), ["2b"])
    }))
})
