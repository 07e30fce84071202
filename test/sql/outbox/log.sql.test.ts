/** An outbox without a table: messages in the database's log, read as Debezium reads them, and sent on. */
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import * as Stream from "effect/Stream"
import { Codec, Consumer, Headers, OnFailure, Producer, Topic } from "millrace"
import { Change, Outbox } from "millrace/sql"
import { InMemoryKafka } from "millrace/testing"
import { walPrefix } from "../../../src/sql/outbox/walMessages.ts"
import { database } from "../../services/database.ts"

const Notes = Topic.make("notes", { key: Codec.nullable(Codec.string), value: Codec.nullable(Codec.string) })
const Messages = Topic.make("shop.message", { key: Codec.nullable(Change.debezium), value: Change.debezium })

/** An event of `<prefix>.message`, as Debezium writes it. */
const event = (prefix: string, content: string) => ({
  key: { prefix },
  value: {
    op: "m",
    ts_ms: 1_767_270_896_999,
    source: { version: "3.6.1.Final", connector: "postgresql", name: "shop", lsn: 24_023_176 },
    message: { prefix, content: Buffer.from(content).toString("base64") }
  }
})

const forwarded = (events: ReadonlyArray<ReturnType<typeof event>>, onFailure: OnFailure.OnFailure<unknown>) =>
  Effect.gen(function*() {
    yield* Topic.ensure([Messages], { partitions: 1, replication: 1 })
    yield* Topic.ensure([Notes], { partitions: 1, replication: 1 })
    yield* Producer.sendAll(Messages, events)
    yield* Consumer.run(
      Consumer.make("outbox", {
        offsetReset: "earliest",
        until: "end",
        onFailure,
        handlers: [Outbox.forward(Messages)]
      })
    )
    return yield* Stream.runCollect(Topic.read(Notes, { from: "earliest", until: "end" }))
  }).pipe(Effect.provide(InMemoryKafka.layer))

layer(database(), { excludeTestServices: true })("an outbox in the log", (it) => {
  it.effect("holds what was committed, in the order of commits, and needs no table", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`SELECT count(*) FROM pg_create_logical_replication_slot('outbox', 'test_decoding')`
      yield* Outbox.sendAll(Notes, [
        { key: "a", value: "1", headers: { one: new Uint8Array([0, 255]) }, timestamp: 17 },
        { key: null, value: null }
      ])
      yield* Effect.flip(
        sql.withTransaction(Effect.andThen(Outbox.send(Notes, { key: "a", value: "no" }), Effect.fail("no")))
      )
      yield* Outbox.send(Notes, { key: "a", value: "2" })
      const rows = yield* sql<{ data: string }>`SELECT data FROM pg_logical_slot_get_changes('outbox', NULL, NULL)`
      yield* sql`SELECT count(*) FROM pg_drop_replication_slot('outbox')`
      const contents = rows.flatMap(({ data }) => {
        const [, prefix, content] = /^message: transactional: 1 prefix: (\S+), sz: \d+ content:(.*)$/.exec(data) ?? []
        return prefix === walPrefix ? [content!] : []
      })
      const events = contents.map((content) => event(walPrefix, content))
      const records = yield* forwarded([event("other", "{}"), ...events], OnFailure.stop)
      assert.deepStrictEqual(records.map(({ key, value }) => [key, value]), [["a", "1"], [null, null], ["a", "2"]])
      assert.strictEqual(records[0]!.timestamp, 17)
      assert.deepStrictEqual([...Headers.getBytes(records[0]!.headers, "one")!], [0, 255])
    }).pipe(Effect.provide(Outbox.layer({ via: "log" }))))
})

describe("Outbox.forward", () => {
  it.live("has what is no message judged alone", () =>
    Effect.gen(function*() {
      const good = (value: string) =>
        event(
          walPrefix,
          JSON.stringify({
            topic: "notes",
            partition: null,
            key: null,
            value: Buffer.from(value).toString("base64"),
            headers: [],
            timestamp: 1
          })
        )
      const failures: Array<string> = []
      const policy = OnFailure.make((failure) =>
        Effect.sync(() => {
          failures.push(`${failure.record.offset} of ${failure.records.length}`)
          return OnFailure.skip
        })
      )
      const records = yield* forwarded([good("1"), event(walPrefix, "no JSON"), good("2")], policy)
      assert.deepStrictEqual(records.map(({ value }) => value), ["1", "2"])
      assert.deepStrictEqual(failures, ["1 of 1"])
    }))
})
