import { assert, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Producer, Topic } from "millrace"
import { Change, ModelSync } from "millrace/sql"
import { connectTopic, rowsOf, runToEnd, world } from "./kit.ts"

const statements = [
  "CREATE TABLE docs (id int PRIMARY KEY, title text, body text NOT NULL, own int DEFAULT 7, lsn bigint)",
  `CREATE TABLE notes (id int PRIMARY KEY, doc int REFERENCES docs ON UPDATE CASCADE ON DELETE CASCADE)`
]

const unchanged = "__debezium_unavailable_value"

/** The three records of a change of the key, whose large value is not sent again. */
const moving = (from: number, to: number, title: string, lsn: number) => {
  const source = { schema: "public", table: "docs", lsn, ts_ms: 1 }
  const there = { "__debezium.newkey": JSON.stringify({ id: to }) }
  return [
    { key: { id: from }, value: { op: "d", before: { id: from, body: "" }, after: null, source }, headers: there },
    { key: { id: from }, value: null, headers: there },
    {
      key: { id: to },
      value: { op: "c", before: null, after: { id: to, title, body: unchanged }, source },
      headers: { "__debezium.oldkey": JSON.stringify({ id: from }) }
    }
  ]
}

const created = (id: number, body: string, lsn: number) => ({
  key: { id },
  value: {
    op: "c",
    before: null,
    after: { id, title: "old", body },
    source: { schema: "public", table: "docs", lsn, ts_ms: 1 }
  }
})

const deleted = (id: number, lsn: number) => ({
  key: { id },
  value: { op: "d", before: { id, body: "" }, after: null, source: { schema: "public", table: "docs", lsn, ts_ms: 1 } }
})

const version = { column: "lsn", from: "lsn" } as const

layer(world(statements), { excludeTestServices: true })("A change of the key", (it) => {
  for (const versioned of [false, true]) {
    it.effect(`moves the row${versioned ? ", by version" : ""}, with what is not sent again and its children`, () =>
      Effect.gen(function*() {
        const Docs = connectTopic(`moves-${versioned}`)
        const handler = ModelSync.handler(ModelSync.make(Docs, {
          table: "public.docs",
          format: Change.envelope(),
          ...(versioned ? { version } : {})
        }))
        const group = `moves-${versioned}`
        const send = (messages: ReadonlyArray<object>) =>
          Effect.forEach(messages, (message) => Producer.send(Docs, { ...message, partition: 0 } as never), {
            discard: true
          })
        const sql = yield* SqlClient
        yield* sql`DELETE FROM docs`
        // In one chunk: written, moved twice, and its first key taken again.
        yield* send([
          created(1, "large", 1),
          ...moving(1, 2, "two", 2),
          ...moving(2, 3, "three", 3),
          created(1, "new", 4)
        ])
        assert.deepStrictEqual(yield* runToEnd(handler, group), [])
        const lsn = (of: number) => versioned ? of : null
        assert.deepStrictEqual(yield* rowsOf("docs"), [
          { id: 1, title: "old", body: "new", own: 7, lsn: lsn(4) },
          { id: 3, title: "three", body: "large", own: 7, lsn: lsn(3) }
        ])
        // In a later one: with the columns of its own, and its children.
        yield* sql`UPDATE docs SET own = 8 WHERE id = 3`
        yield* sql`INSERT INTO notes VALUES (${versioned ? 1 : 2}, 3)`
        yield* send(moving(3, 4, "four", 5))
        assert.deepStrictEqual(yield* runToEnd(handler, group), [])
        assert.deepInclude(yield* rowsOf("docs"), { id: 4, title: "four", body: "large", own: 8, lsn: lsn(5) })
        assert.deepStrictEqual((yield* rowsOf("notes")).map((note) => (note as { readonly doc: number }).doc), [4])
        // Another row came first under the new key: it stays, and the old one goes.
        yield* sql`INSERT INTO docs (id, title, body) VALUES (9, 'first', 'mine')`
        yield* send(moving(1, 9, "nine", 6))
        assert.deepStrictEqual(yield* runToEnd(handler, group), [])
        const [four, nine] = yield* rowsOf("docs")
        assert.deepInclude(four, { id: 4, title: "four", body: "large" })
        assert.deepInclude(nine, { id: 9, title: "nine", body: "mine" })
        assert.strictEqual((yield* rowsOf("docs")).length, 2)
      }))
  }

  for (const versioned of [false, true]) {
    const what = versioned ? "puts no row under a key that was deleted, by version" : "may put a row under one"
    it.effect(`whose first half lags behind the partition of the new key, ${what}`, () =>
      Effect.gen(function*() {
        const Docs = connectTopic(`lagging-${versioned}`)
        yield* Topic.ensure([Docs], { partitions: 2, replication: 1 })
        const sync = ModelSync.make(Docs, {
          table: "public.docs",
          format: Change.envelope(),
          ...(versioned ? { version } : {})
        })
        const store = Effect.fnUntraced(function*(partition: number, messages: ReadonlyArray<object>) {
          for (const message of messages) yield* Producer.send(Docs, { ...message, partition } as never)
          assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync), `lagging-${versioned}`), [])
        })
        yield* (yield* SqlClient)`DELETE FROM docs`
        yield* store(0, [created(101, "large", 11)])
        const [gone, tombstone, there] = moving(101, 102, "two", 12)
        // The row was deleted under its new key, which has another partition: that is stored first.
        yield* store(1, [there!, deleted(102, 13)])
        assert.deepStrictEqual((yield* rowsOf("docs")).length, 1)
        yield* store(0, [gone!, tombstone!])
        const left = (yield* rowsOf("docs")).map((row) => (row as { readonly id: number }).id)
        assert.deepStrictEqual(left, versioned ? [] : [102])
      }))
  }

  it.effect("moves rows whose keys have more digits than a double, or come with their schema", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE big (id bigint PRIMARY KEY, body text)`
      yield* sql`INSERT INTO big VALUES (9007199254740993, 'large'), (1, 'large')`
      const Big = connectTopic("moves-big")
      const schema = "{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"field\":\"id\"}]}"
      const moves = [
        [9007199254740993n, 9007199254740995n, "{\"id\":9007199254740995}"],
        [1n, 2n, `{"schema":${schema},"payload":{"id":2}}`]
      ] as const
      for (const [from, to, newKey] of moves) {
        const headers = { "__debezium.newkey": newKey }
        yield* Producer.send(Big, { key: { id: from }, value: null, headers, partition: 0 } as never)
        yield* Producer.send(Big, { key: { id: to }, value: { id: to, body: unchanged }, partition: 0 })
      }
      const sync = ModelSync.make(Big, { table: "public.big", format: Change.flattened({ tombstones: "delete" }) })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      const rows = yield* sql`SELECT id::text, body FROM big ORDER BY id`.values
      assert.deepStrictEqual(rows, [["2", "large"], ["9007199254740995", "large"]])
    }))

  it.effect("moves a flattened row once, though its null says so again", () =>
    Effect.gen(function*() {
      const Docs = connectTopic("moves-flat")
      const sync = ModelSync.make(Docs, { table: "public.docs", format: Change.flattened() })
      yield* (yield* SqlClient)`DELETE FROM docs`
      const newKey = { "__debezium.newkey": "{\"id\":6}" }
      const send = (message: object) => Producer.send(Docs, { ...message, partition: 0 } as never)
      yield* send({ key: { id: 5 }, value: { id: 5, title: "a", body: "large", __op: "c" } })
      yield* send({ key: { id: 5 }, value: { id: 5, title: "", body: "", __deleted: "true" }, headers: newKey })
      yield* send({ key: { id: 5 }, value: null, headers: newKey })
      yield* send({
        key: { id: 6 },
        value: { id: 6, title: "b", body: unchanged, __op: "c" },
        headers: { "__debezium.oldkey": "{\"id\":5}" }
      })
      assert.deepStrictEqual(yield* runToEnd(ModelSync.handler(sync)), [])
      assert.deepStrictEqual(yield* rowsOf("docs"), [{ id: 6, title: "b", body: "large", own: 7, lsn: null }])
    }))
})
