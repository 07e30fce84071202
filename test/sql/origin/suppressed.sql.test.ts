/** A sync that would send what it has just been sent. */
import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqlClient } from "effect/sql/SqlClient"
import { Codec, Producer, Topic } from "millrace"
import { Change, Migrations, ModelSync, Outbox } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "../sync/kit.ts"

const Notes = Topic.make("notes", { key: Codec.string, value: Codec.string })

const waiting = Effect.map(Outbox.status, ({ waiting }) => waiting)

const prepared = Layer.effectDiscard(Migrations.run()).pipe(
  Layer.provideMerge(world(["CREATE TABLE notes (id int PRIMARY KEY, text text)"]))
)

layer(prepared, { excludeTestServices: true })("what a sync would send", (it) => {
  it.effect("is suppressed, also in the outbox, unless it is wanted", () =>
    Effect.gen(function*() {
      const topic = connectTopic("suppressed")
      yield* Topic.ensure([topic], { partitions: 1, replication: 1 })
      yield* Producer.send(topic, { key: { id: 1 }, value: { id: 1, text: "a" } })
      const sync = ModelSync.make(topic, {
        table: "public.notes",
        format: Change.plain,
        row: (row) => Effect.as(Outbox.send(Notes, { key: "1", value: "again" }), row)
      })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.strictEqual(yield* waiting, 0)
      assert.deepStrictEqual(yield* rowsOf("notes"), [{ id: 1, text: "a" }])
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync, { suppress: false })), [])
      assert.strictEqual(yield* waiting, 1)
    }))

  it.effect("is suppressed in a handler of one's own, whose row is written", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      const topic = connectTopic("own-handler")
      yield* Topic.ensure([topic], { partitions: 1, replication: 1 })
      yield* Producer.send(topic, { key: { id: 2 }, value: { id: 2 } })
      const before = yield* waiting
      const write = sql.withTransaction(
        Effect.andThen(sql`INSERT INTO notes VALUES (2, 'own')`, Outbox.send(Notes, { key: "2", value: "own" }))
      )
      assert.deepStrictEqual(yield* runToEnd(Topic.handle(topic, () => Producer.suppress(write))), [])
      assert.strictEqual(yield* waiting, before)
      assert.deepStrictEqual((yield* rowsOf("notes")).at(-1), { id: 2, text: "own" })
    }))
})
