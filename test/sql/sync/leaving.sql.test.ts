/** A consumer that is told to stop while a record waits for a row that is in its way. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import { Consumer, Health, OnFailure, Producer } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { until } from "../outbox/kit.ts"
import { connectTopic, rowsOf, world } from "./kit.ts"

const statements = [
  "CREATE TABLE codes (id int PRIMARY KEY, code text UNIQUE)",
  "INSERT INTO codes VALUES (1, 'a')"
]

layer(world(statements), { excludeTestServices: true })("a sync that waits for a row in its way", (it) => {
  it.effect("ends at once when it is told to, and the next one stores the record", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const Codes = connectTopic("codes")
      const failures: Array<unknown> = []
      const consumer = Consumer.make("leaving", {
        offsetReset: "earliest",
        onFailure: OnFailure.make((failure) => {
          failures.push(failure)
          return Effect.succeed(OnFailure.skip)
        }),
        drainTimeout: "1 minute",
        handlers: [
          ModelSync.handler(ModelSync.make(Codes, { table: "public.codes", format: Change.plain }), {
            conflictWait: "2 minutes"
          })
        ]
      })
      const has = (id: number) => Effect.map(sql`SELECT FROM codes WHERE id = ${id}`, ({ length }) => length === 1)
      // Both are one batch: when the first is there, the second was refused.
      yield* Producer.sendAll(
        Codes,
        [{ id: 2, code: "b" }, { id: 3, code: "a" }].map((value) => ({ key: { id: value.id }, value, partition: 0 }))
      )
      const scope = yield* Scope.make()
      yield* Scope.provide(Layer.build(Consumer.layer(consumer)), scope)
      yield* until(has(2))
      const began = Date.now()
      yield* Scope.close(scope, Exit.void)
      assert.isBelow(Date.now() - began, 15_000)
      assert.deepStrictEqual(failures, [])
      yield* sql`UPDATE codes SET code = 'c' WHERE id = 1`
      yield* Effect.scoped(Effect.andThen(Layer.build(Consumer.layer(consumer)), until(has(3))))
      assert.deepStrictEqual(failures, [])
      assert.deepStrictEqual(yield* rowsOf("codes"), [
        { id: 1, code: "c" },
        { id: 2, code: "b" },
        { id: 3, code: "a" }
      ])
    }).pipe(Effect.provide(Layer.sync(Health.Registry, () => new Set()))), 90_000)
})
