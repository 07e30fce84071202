/** Databases that fall silent in the middle of a comparison: nothing is refused, and nothing is answered any more. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { SqlClient } from "effect/sql/SqlClient"
import { Change, ModelSync, SourceDatabase, SyncError, Verify } from "millrace/sql"
import { client, makeDatabase, type Place } from "../../services/database.ts"
import { type FaultProxy, startProxy } from "../../services/proxy.ts"
import { debeziumTopic } from "./kit.ts"

const sync = ModelSync.make(debeziumTopic("public.items"), { table: "public.items", format: Change.envelope() })

let place: Place

const prepared = Layer.effectDiscard(Effect.gen(function*() {
  place = yield* makeDatabase
  yield* Effect.provide(
    Effect.flatMap(SqlClient, (sql) =>
      Effect.andThen(
        sql`CREATE TABLE items (id int PRIMARY KEY, v text)`,
        sql`INSERT INTO items SELECT i, 'v' || i FROM generate_series(1, 1000) i`
      )),
    client(place)
  )
}))

/** Compares the table with itself; the network of one side loses what it carries behind the third range. */
const compareSilently = (side: "source" | "target", fault: (proxy: FaultProxy) => void) =>
  Effect.scoped(Effect.gen(function*() {
    const proxy = yield* Effect.acquireRelease(
      Effect.promise(() => startProxy({ upstream: place.port })),
      (proxy) => Effect.promise(() => proxy.close())
    )
    const proxied = client({ ...place, port: proxy.port })
    const direct = client(place)
    let ended = 0
    const error = yield* Verify.compare(sync, {
      rangeSize: 100,
      timeout: "1 second",
      onProgress: ({ ranges }) => Effect.sync(() => ranges === 3 && fault(proxy))
    }).pipe(
      Effect.flip,
      Effect.tap(() => Effect.sync(() => void (ended = Date.now()))),
      Effect.provide([
        side === "target" ? proxied : direct,
        SourceDatabase.layer(side === "source" ? proxied : direct)
      ])
    )
    // The clients are closed, too, also those whose connections are lost.
    assert.isBelow(Date.now() - ended, 10_000)
    return error
  }))

layer(Layer.merge(prepared, Logger.layer([])), { excludeTestServices: true })("a comparison", (it) => {
  for (const side of ["source", "target"] as const) {
    for (
      const [how, fault] of [
        ["a network that carries nothing", (proxy: FaultProxy) => proxy.blackhole()],
        ["a connection that is lost without a word", (proxy: FaultProxy) => proxy.swallow()]
      ] as const
    ) {
      it.effect(`ends by ${how} to the ${side}, and says how far it came`, () =>
        Effect.gen(function*() {
          const error = yield* compareSilently(side, fault)
          assert.isTrue(SyncError.isSyncError(error))
          const { message, reason } = error as SyncError.SyncError
          assert.strictEqual(reason._tag, "Unavailable")
          assert.include(message, `${side} public.items`)
          assert.include(message, "after 3 ranges with 300 rows of the source")
          assert.include(message, "no answer for 1 s")
        }), 60_000)
    }
  }
})
